"""Pages of metrics by a table of names: how lines become series, and what a table may not hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.errors import ConfigurationError
from keepwell.core.observation import Missing
from keepwell.core.ref import Ref
from keepwell.core.series import SeriesKey
from keepwell.plugins import page_numbers
from keepwell.plugins.alias_table import AliasTable, load_alias_table
from keepwell.plugins.page_numbers import MAX_SERIES, PageNumbers, read_totals

TABLE = """
prefixes = ["it:", "ray_it_"]
bare = ["ray_it_"]
labels = {model = "name"}
refuse_from = 1e18

[[series]]
name = "engine.kv_cache_ratio"
told_as = ["new since 2", "old until 1"]
combine = "mean"
[[series]]
name = "engine.output_tokens_total"
told_as = ["tokens_total"]
factor = 1000.0
[[series]]
name = "engine.requests_failed_total"
told_as = ["ended_total"]
where = {why = "error"}
[[series]]
name = "engine.context_tokens_peak"
told_as = ["peak"]
combine = "highest"
[[series]]
name = "host.network_errors_total"
told_as = ["in_total", "out_total"]
every = true
labels = {interface = "dev"}
subject = "node:{node}"
[[series]]
name = "device.temperature_celsius"
told_as = ["hot"]
subject = "device:{node}/{gpu}"
[[series]]
name = "host.load"
told_as = ["mode"]
fixed = {minutes = "1"}
values = {long = "short"}
[[times]]
stem = "engine.queue"
told_as = ["wait_milliseconds"]
factor = 0.001
"""


@pytest.fixture
def table(tmp_path: Path) -> AliasTable:
    """A table with every trick."""
    path = tmp_path / "series.toml"
    path.write_text(TABLE)
    return load_alias_table(path)


def read(table: AliasTable, page: str) -> dict[SeriesKey, float]:
    """Numbers alone."""
    readings = PageNumbers(table, "engine:n/it", "n").read(page.encode())
    return {key: value for key, value in readings if not isinstance(value, Missing)}


def key(metric: str, subject: str = "engine:n/it", **labels: str) -> SeriesKey:
    """A series."""
    return SeriesKey(metric, subject, tuple(sorted(labels.items())))


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ('it:old{name="a"} 0.5', {key("engine.kv_cache_ratio", model="a"): 0.5}),
        ('it:old{name="a"} 0.5\nit:new{name="a"} 0.25', {key("engine.kv_cache_ratio", model="a"): 0.25}),
        (
            'it:new{rank="0",name="a"} 0.5\nit:new{rank="1",name="a"} 0',
            {key("engine.kv_cache_ratio", model="a"): 0.25},
        ),
        ("it:tokens_total 2", {key("engine.output_tokens_total"): 2000}),
        ("ray_it_tokens 2", {key("engine.output_tokens_total"): 2000}),
        ("it:tokens 2", {}),
        ("other_tokens_total 2", {}),
        ('it:ended_total{why="stop"} 5', {}),
        ('it:ended_total{why="error"} 5', {key("engine.requests_failed_total"): 5}),
        ('it:peak{r="0"} 5\nit:peak{r="1"} 9\nit:peak{r="2"} 7', {key("engine.context_tokens_peak"): 9}),
        (
            'it:in_total{dev="e0"} 5\nit:out_total{dev="e0"} 2',
            {key("host.network_errors_total", "node:n", interface="e0"): 7},
        ),
        ('it:hot{gpu="1"} 40\nit:hot 50', {key("device.temperature_celsius", "device:n/1"): 40}),
        ('it:hot{gpu="1"} 9223372036854775794', {}),
        ('it:hot{gpu="\t"} 40', {}),
        ("it:mode 3", {key("host.load", minutes="1"): 3}),
        ('it:mode{name="long"} 3', {key("host.load", minutes="1", model="short"): 3}),
        ("it:wait_milliseconds_sum 1500", {key("engine.queue_seconds_total"): 1.5}),
        ('it:wait_milliseconds_bucket{le="300.0"} 4', {key("engine.queue_bucket_total", le="0.3"): 4}),
        ('it:wait_milliseconds_bucket{le="+Inf"} 4', {key("engine.queue_bucket_total", le="+Inf"): 4}),
        ('it:wait_milliseconds_bucket{le="nan"} 4\nit:wait_milliseconds_bucket 4', {}),
        ("it:tokens_total NaN", {}),
    ],
)
def test_how_lines_become_series(page: str, expected: dict[SeriesKey, float], table: AliasTable) -> None:
    assert read(table, page) == expected


def test_what_a_page_lacks_is_absent_with_the_names_that_were_looked_for(table: AliasTable) -> None:
    numbers = PageNumbers(table, "engine:n/it", "n", {"model": "known"})
    found = dict(numbers.read(b"it:tokens_total 1\n"))
    lacking = found[key("engine.kv_cache_ratio", model="known")]
    assert isinstance(lacking, Missing)
    assert "new since 2, old until 1" in lacking.reason
    assert found[key("engine.output_tokens_total", model="known")] == 1000
    assert "device.temperature_celsius" not in {one.metric for one in found}
    assert {one for one, _ in numbers.without(lacking)} == set(found)


def test_labels_without_end_fill_no_memory(table: AliasTable) -> None:
    numbers = PageNumbers(table, "engine:n/it", "n")
    for page in range(3):
        numbers.read("".join(f'it:peak{{name="{page}-{row}"}} 1\n' for row in range(MAX_SERIES // 2)).encode())
    assert len(numbers.without(Missing(kind="absent", reason="test"))) <= MAX_SERIES + len(table.rows)
    assert page_numbers.LABEL_CHARACTERS < 1000


def test_totals_put_models_together_and_leave_out_what_is_absent(table: AliasTable) -> None:
    page = 'it:new{name="a"} 0.5\nit:new{name="b"} 0.1\nit:tokens_total{name="a"} 1\nit:tokens_total{name="b"} 2\n'
    found = read_totals(table, page.encode(), Ref("engine", ("n", "it")))
    assert found == {"kv_cache_ratio": pytest.approx(0.3), "output_tokens_total": 3000}


@pytest.mark.parametrize("text", ["", "prefixes = 1", 'prefixes = ["a"]\n[[series]]\nname = "x"', "{"])
def test_a_table_that_does_not_fit_is_refused_with_its_path(text: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_alias_table(path)
    assert "bad.toml" in str(caught.value)


_NAMES = st.sampled_from(["it:new", "it:hot", "it:tokens_total", "it:wait_milliseconds_bucket", "ray_it_ended", "x"])
_LABELS = st.dictionaries(st.sampled_from(["name", "gpu", "le", "why", "dev", "node"]), st.text(max_size=6), max_size=3)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(_NAMES, _LABELS, st.floats()), max_size=8), rest=st.binary(max_size=40))
def test_any_page_gives_each_series_once_and_raises_nothing(
    rows: list[tuple[str, dict[str, str], float]], rest: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(TABLE)
    made = load_alias_table(path)
    numbers = PageNumbers(made, "engine:n/it", "n")
    lines = []
    for name, labels, value in rows:
        inside = ",".join(f'{one}="{text.translate(_ESCAPES)}"' for one, text in labels.items())
        lines.append(f"{name}{{{inside}}} {value}")
    body = "\n".join(lines).encode("utf-8", "replace") + b"\n" + rest
    found = numbers.read(body)
    assert len(dict(found)) == len(found)
    assert numbers.read(body) == found
    for one, _ in found:
        Ref.parse(one.subject)


_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
