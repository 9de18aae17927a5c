"""Objectives of Sloth and OpenSLO, there and back."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from keepwell.app.objective_files import export_objectives, import_objectives
from keepwell.app.operation import Caller
from keepwell.config import parse_config
from keepwell.config.objective_model import OF_REQUESTS, ObjectiveEntry
from keepwell.core.errors import ConfigurationError
from keepwell.slo.exchange import make_openslo, make_sloth, read_documents

NAMES = st.text(alphabet="abc-xyz ", min_size=1, max_size=12).filter(lambda one: one.strip() != "")
ENTRIES = st.builds(
    ObjectiveEntry,
    name=NAMES,
    indicator=st.sampled_from(OF_REQUESTS),
    target=st.sampled_from([0.5, 0.9, 0.95, 0.995, 0.999, 0.99999]),
    over_seconds=st.sampled_from([7 * 86400.0, 28 * 86400.0, 30 * 86400.0]),
    route=st.sampled_from(["", "chat", "qwen3:32b"]),
    within_seconds=st.sampled_from([0.0, 0.05, 2.0]),
    cold=st.booleans(),
    page=st.booleans(),
    probes=st.integers(0, 12),
)


@given(entries=st.lists(ENTRIES, max_size=4))
def test_what_leaves_comes_back(entries: list[ObjectiveEntry]) -> None:
    for make in (make_sloth, make_openslo):
        documents = list(yaml.safe_load_all(yaml.safe_dump_all(list(make(entries)))))
        back = [one.objective for one in read_documents(documents) if one.objective is not None]
        assert sorted(map(repr, back)) == sorted(map(repr, entries))


SLOTH = """
version: "prometheus/v1"
service: "myservice"
labels: {owner: "me"}
slos:
  - name: "requests-availability"
    objective: 99.9
    sli:
      events:
        error_query: sum(rate(http_request_duration_seconds_count{job="x",code=~"(5..|429)"}[{{.window}}]))
        total_query: sum(rate(http_request_duration_seconds_count{job="x"}[{{.window}}]))
  - name: "first-token"
    objective: 95
    sli:
      events:
        error_query: |
          sum(rate(vllm:time_to_first_token_seconds_count{model_name="qwen"}[{{.window}}]))
          - sum(rate(vllm:time_to_first_token_seconds_bucket{model_name="qwen",le="2.5"}[{{.window}}]))
        total_query: sum(rate(vllm:time_to_first_token_seconds_count{model_name="qwen"}[{{.window}}]))
  - name: "other"
    objective: 95
    sli: {raw: {error_ratio_query: "my_thing"}}
  - name: "all"
    objective: 100
    sli: {raw: {error_ratio_query: "errors"}}
"""


def test_what_others_wrote_is_guessed_and_said_so() -> None:
    available, first, other, whole = read_documents(yaml.safe_load_all(SLOTH))
    assert available.objective == ObjectiveEntry(name="requests-availability", indicator="availability", target=0.999)
    assert available.notes[0].startswith("guessed from its query: 99.9 % of requests are answered")
    assert first.objective == ObjectiveEntry(
        name="first-token", indicator="ttft", target=0.95, within_seconds=2.5, route="qwen"
    )
    assert other.objective is None
    assert whole.objective is None


def test_openslo_with_a_week_of_the_calendar() -> None:
    document = {
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": {"name": "web"},
        "spec": {
            "indicator": {"spec": {"ratioMetric": {"bad": {"metricSource": {"spec": {"query": "http_errors_total"}}}}}},
            "timeWindow": [{"duration": "1w", "isRolling": False}],
            "objectives": [{"target": 0.99}, {"targetPercent": 99.9}],
        },
    }
    one, two = read_documents([document])
    assert one.objective == ObjectiveEntry(
        name="web-1", indicator="availability", target=0.99, over_seconds=7 * 86400.0
    )
    assert two.objective is not None
    assert two.objective.target == pytest.approx(0.999)
    assert "rolls" in one.notes[0]


def test_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="neither"):
        read_documents([{"groups": []}])
    assert read_documents([{"apiVersion": "openslo/v1", "kind": "Service"}]) == []


@given(
    document=st.recursive(st.none() | st.text(max_size=5) | st.integers(), lambda inner: st.lists(inner, max_size=3))
)
def test_whatever_stands_in_a_file_it_ends_well(document: object) -> None:
    read_documents([{"version": "prometheus/v1", "slos": document, "labels": document}])
    read_documents(
        [{"apiVersion": "openslo/v1", "kind": "SLO", "spec": {"objectives": document, "indicator": document}}]
    )


async def test_files_and_keepwell_toml(tmp_path: Path) -> None:
    file = tmp_path / "slos.yaml"
    file.write_text(SLOTH)
    report = import_objectives(file)
    assert (report.count, report.exit_code) == (2, 1)
    config = tmp_path / "keepwell.toml"
    config.write_text(report.text)
    assert len(parse_config(config.read_bytes(), path=config, kinds={}).objectives) == 2
    out = tmp_path / "out.yaml"
    for form in ("sloth", "openslo"):
        exported = await export_objectives(Caller(config=config, state=tmp_path), form)
        out.write_text(exported.text)
        again = import_objectives(out)
        assert again.notes == ()
        assert parse_config(again.text.encode(), path=config, kinds={}).objectives == (
            parse_config(config.read_bytes(), path=config, kinds={}).objectives
        )
    for bad in ("a: [", "groups: []", "- x"):
        file.write_text(bad)
        with pytest.raises(ConfigurationError):
            import_objectives(file)
    with pytest.raises(ConfigurationError, match="no form"):
        await export_objectives(Caller(config=config, state=tmp_path), "x")
