"""Recorded pages of metrics of several releases: the same numbers under the same names, whatever they were called."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.core.distribution import name_distribution
from keepwell.core.metric import Metric
from keepwell.core.observation import Missing
from keepwell.core.series import SeriesKey
from keepwell.metrics import declared
from keepwell.metrics.engine_series import DISTRIBUTIONS
from keepwell.plugins.alias_table import AliasTable, load_alias_table
from keepwell.plugins.page_numbers import PageNumbers
from tests.engines.kit import DATA

SOURCE = Path(__file__).parents[2] / "src" / "keepwell"
PAGES = DATA / "pages"
TABLES = {
    "vllm": SOURCE / "engines" / "vllm" / "series.toml",
    "llamacpp": SOURCE / "engines" / "llamacpp" / "series.toml",
    "sglang": SOURCE / "engines" / "openai_series.toml",
    "node_exporter": SOURCE / "services" / "node_exporter.toml",
    "dcgm_exporter": SOURCE / "services" / "dcgm_exporter.toml",
}
NAMES = sorted(path.stem for path in PAGES.glob("*.txt"))
MADE = [name for name in NAMES if name.endswith("-made") and name.startswith(("vllm", "llamacpp", "sglang"))]


def read(page: str) -> dict[SeriesKey, float | Missing]:
    """The series of a recorded page, by key; a second look must give the same."""
    program = page.partition("-")[0]
    numbers = PageNumbers(load_alias_table(TABLES[program]), "engine:node/it", "node")
    body = (PAGES / f"{page}.txt").read_bytes()
    once = numbers.read(body)
    assert numbers.read(body) == once
    assert len(dict(once)) == len(once), "a series came twice"
    return dict(once)


def plain(found: dict[SeriesKey, float | Missing]) -> dict[str, float]:
    """Numbers alone, by metric; of buckets none."""
    return {
        key.metric: value
        for key, value in found.items()
        if not isinstance(value, Missing) and not key.metric.endswith("_bucket_total")
    }


@pytest.mark.parametrize("program", TABLES)
def test_every_name_in_a_table_is_declared_with_its_labels(program: str) -> None:
    table: AliasTable = load_alias_table(TABLES[program])
    for row in table.rows:
        metric = declared()[row.name]
        assert isinstance(metric, Metric), row.name
        assert {*row.labels, *row.fixed} <= set(metric.labels), row.name
        assert (metric.kind == "counter") == row.name.endswith("_total")
        for told in row.told_as:
            words = told.split(" ")
            assert words[1::2] in ([], ["since"], ["until"], ["since", "until"]), told
            assert len(words) % 2 == 1, told
    assert {row.combine for row in table.rows} <= {"sum", "mean", "highest"}


def test_every_histogram_has_its_three_counters_declared() -> None:
    for stem, names in DISTRIBUTIONS.items():
        assert names == name_distribution(stem)
        assert all(isinstance(declared()[name], Metric) for name in names)


@pytest.mark.parametrize("page", NAMES)
def test_every_page_gives_declared_series_and_a_reason_for_the_rest(page: str) -> None:
    found = read(page)
    assert plain(found)
    for key, value in found.items():
        metric = declared()[key.metric]
        assert isinstance(metric, Metric)
        assert {name for name, _ in key.labels} <= set(metric.labels)
        assert key.subject.startswith(f"{metric.about}:"), key
        if isinstance(value, Missing):
            assert value.kind == "absent"
            assert "none of" in value.reason
        elif key.metric.endswith("_ratio"):
            assert 0 <= value <= 1


@pytest.mark.parametrize("page", MADE)
def test_the_same_numbers_under_other_names(page: str) -> None:
    found = plain(read(page))
    ranks = 2 if page.startswith("vllm-0.10") else 1
    if "0.5.23" in page:
        assert found["engine.input_tokens_total"] == 1400  # streamed and not streamed
    else:
        assert found["engine.input_tokens_total"] == 700 * ranks
        assert found["engine.output_tokens_total"] == 300 * ranks
    assert found["engine.requests_running"] == 2 * ranks
    assert found["engine.requests_waiting"] == 3 * ranks
    assert found["engine.kv_cache_ratio"] == 0.25


@pytest.mark.parametrize("page", ["vllm-0.4.3-made", "vllm-0.8.5-made", "vllm-0.10.2-made", "vllm-0.11-ray-made"])
def test_a_pause_between_tokens_has_one_name_through_all_releases(page: str) -> None:
    found = read(page)
    ranks = 2 if "0.10.2" in page else 1
    assert plain(found)["engine.inter_token_total"] == 2 * ranks
    assert plain(found)["engine.inter_token_seconds_total"] == pytest.approx(0.05 * ranks)
    labels = (("le", "0.025"), ("model", "tiny"))
    assert found[SeriesKey("engine.inter_token_bucket_total", "engine:node/it", labels)] == ranks


def test_names_that_a_release_writes_twice_count_once() -> None:
    found = plain(read("vllm-0.10.2-made"))
    assert found["engine.prefix_queries_total"] == 140
    assert found["engine.prefix_hits_total"] == 70


def test_behind_ray_errors_are_counted_and_successes_are_no_errors() -> None:
    found = plain(read("vllm-0.11-ray-made"))
    assert found["engine.requests_total"] == 12
    assert found["engine.requests_failed_total"] == 2


def test_a_real_vllm_tells_all_its_histograms() -> None:
    found = read("vllm-0.32.0")
    told = plain(found)
    for names in DISTRIBUTIONS.values():
        edges = [key for key in found if key.metric == names.bucket]
        assert told[names.number] > 0
        last = next(key for key in edges if ("le", "+Inf") in key.labels)
        assert found[last] == told[names.number]
        assert len(edges) > 10
    assert told["engine.requests_total"] == 3
    assert told["engine.requests_refused_total"] == 0
    assert isinstance(found[SeriesKey("engine.draft_tokens_total", "engine:node/it")], Missing)


@pytest.mark.parametrize("page", ["llamacpp-b11434", "llamacpp-b11549", "llamacpp-b5000-made"])
def test_a_llama_server_of_any_build_tells_tokens_and_seconds(page: str) -> None:
    found = plain(read(page))
    assert found["engine.input_tokens_total"] > 0
    assert found["engine.output_seconds_total"] > 0
    assert ("engine.kv_cache_ratio" in found) == page.endswith("-made")


@pytest.mark.parametrize("page", [name for name in NAMES if name.startswith("dcgm")])
def test_devices_are_told_in_base_units_and_what_they_lack_is_left_out(page: str) -> None:
    found = read(page)
    about = {key.metric: value for key, value in found.items() if key.subject == "device:node/1"}
    assert about["device.clock_hertz"] == 1.41e9
    assert about["device.memory_used_bytes"] == 1024 * 2**20
    assert about["device.energy_joules_total"] == 5000
    assert about["device.utilisation_ratio"] == 0.5
    assert "device.memory_temperature_celsius" not in about
    assert SeriesKey("device.memory_temperature_celsius", "device:node/0") in found


@pytest.mark.parametrize("page", ["node_exporter-0.15.2-made", "node_exporter-1.5.0"])
def test_a_node_exporter_of_any_release_tells_the_same(page: str) -> None:
    found = read(page)
    modes = {dict(key.labels)["mode"] for key in found if key.metric == "host.cpu_seconds_total"}
    assert modes == {"user", "system", "interrupt", "idle", "iowait", "steal"}
    assert {dict(key.labels)["minutes"] for key in found if key.metric == "host.load"} == {"1", "5", "15"}
    size = found[SeriesKey("mount.total_bytes", "mount:node//")]
    free = found[SeriesKey("mount.free_bytes", "mount:node//")]
    assert not isinstance(size, Missing)
    assert not isinstance(free, Missing)
    assert size > free > 0
    assert plain(found)["host.memory_total_bytes"] > plain(found)["host.memory_available_bytes"]
