"""The page for Prometheus, read back by our own reader and by promtool."""

from __future__ import annotations

import math
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.metric import Metric
from keepwell.core.observation import absent
from keepwell.core.series import Batch, SeriesKey
from keepwell.export.page import OF_ONE, Page, is_stale
from keepwell.formats.exposition import parse_exposition
from keepwell.formats.prometheus import SUBJECT_LABELS, Family, find_labels
from keepwell.metrics import declared
from keepwell.metrics.pages import GATEWAY_PAGE, HUB_PAGE
from keepwell.metrics.pages.names import EDGE, outside_names
from keepwell.telemetry.table import Table, Track
from tests.export.made import NOW, key, table_of
from tests.export.real import promtool
from tests.gateway.exposition import read_exposition

VALUES = {EDGE: "+Inf"}
#: One line of a page, as strictly as it can be said.
SAMPLE = re.compile(
    r'[a-zA-Z_:]\w*(\{[a-zA-Z_]\w*="([^"\\\n]|\\["\\n])*"(,[a-zA-Z_]\w*="([^"\\\n]|\\["\\n])*")*\})? \S+', re.ASCII
)
POWER, USED = "device.power_watts", "device.memory_used_bytes"


def numbers(page: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """What a page holds, by name and labels; AssertionError where a series is on it twice."""
    samples = parse_exposition(page.decode())
    found = {(one.name, tuple(sorted(one.labels.items()))): one.value for one in samples}
    assert len(found) == len(samples)
    return found


def test_a_series_has_the_labels_of_what_it_is_about() -> None:
    table = table_of({key(POWER, "device:gpu01/0"): 71.25, key(USED, "device:gpu01/1"): 2.0**40})
    found = numbers(Page().render(table, NOW))
    assert found["keepwell_device_power_watts", (("gpu", "0"), ("node", "gpu01"))] == 71.25
    assert found["keepwell_device_memory_used_bytes", (("gpu", "1"), ("node", "gpu01"))] == 2.0**40
    assert found["keepwell_page_series", ()] == 2


def test_nothing_to_tell_is_still_a_page() -> None:
    found = numbers(Page().render(Table(), NOW))
    assert found["keepwell_page_series", ()] == 0
    assert "keepwell_build_info" in {name for name, _ in found}


def test_what_has_no_number_is_counted_and_not_shown() -> None:
    table = table_of(
        {
            key(POWER, "device:gpu01/0"): absent("the driver does not tell"),
            key(POWER, "device:gpu01/1"): math.nan,
            key("device.nobody_declared_it", "device:gpu01/1"): 1.0,
            key(POWER, "process:gpu01/4711"): 1.0,
            key(POWER, "no ref"): 1.0,
        }
    )
    found = numbers(Page().render(table, NOW))
    assert not [name for name, _ in found if name.startswith("keepwell_device")]
    left = {dict(labels)["reason"]: value for (name, labels), value in found.items() if name.endswith("left_out")}
    assert left == {"missing": 2, "undeclared": 1, "subject": 2, "stale": 0, "twice": 0, "cap": 0}


def test_a_node_that_is_gone_is_off_the_page_after_three_of_its_intervals() -> None:
    table = table_of({key(POWER, "device:gone/0"): 5.0}, times=(NOW - 100, NOW - 80))
    assert not is_stale(dict(table.tracks())[key(POWER, "device:gone/0")], NOW - 30)
    assert b"keepwell_device_power_watts{" in Page().render(table, NOW - 30)
    assert b"keepwell_device_power_watts{" not in Page().render(table, NOW)
    assert is_stale(Track(1.0, NOW - 1000), NOW)
    assert not is_stale(Track(1.0, NOW - 800), NOW)


def test_labels_that_run_away_leave_the_others_their_place() -> None:
    many = {key(POWER, f"device:n{number}/0"): 1.0 for number in range(OF_ONE + 5)}
    found = numbers(Page().render(table_of({**many, key(USED, "device:n0/0"): 3.0}), NOW))
    assert sum(name == "keepwell_device_power_watts" for name, _ in found) == OF_ONE
    assert found["keepwell_page_series_left_out", (("reason", "cap"),)] == 5
    assert ("keepwell_device_memory_used_bytes", (("gpu", "0"), ("node", "n0"))) in found


def test_the_same_page_twice_follows_the_numbers() -> None:
    page, table = Page(), table_of({key(POWER, "device:gpu01/0"): 1.0})
    first = page.render(table, NOW)
    table.put(Batch(node="n", at=NOW + 1, readings=[(key(POWER, "device:gpu01/0"), 2.0)]))
    assert page.render(table, NOW + 1) == first.replace(b'gpu="0"} 1', b'gpu="0"} 2')


def test_further_families_stand_at_the_end() -> None:
    more = Family(name="slo:objective:ratio", help="Goal", samples=[({"sloth_slo": 'a"b\\c\n'}, 0.999)])
    page = Page().render(Table(), NOW, [more]).decode()
    assert page.endswith('slo:objective:ratio{sloth_slo="a\\"b\\\\c\\n"} 0.999\n')


def test_a_family_that_comes_twice_is_told_together() -> None:
    more = [Family(name="slo:objective:ratio", help="Goal", samples=[({"slo": word}, 0.5)]) for word in ("a", "b")]
    page = Page().render(Table(), NOW, [*more, Family(name="empty", help="Nothing")]).decode()
    assert page.count("# HELP slo:objective:ratio") == 1
    assert page.count("slo:objective:ratio{") == 2
    assert "empty" not in page


def test_no_two_names_meet() -> None:
    shown = [f"keepwell_{one.name}" for one in (*GATEWAY_PAGE, *HUB_PAGE)]
    series = [one.name for one in outside_names().values()]
    families = {one.family for one in outside_names().values()}
    assert not families & set(shown)
    assert len({*shown, *series}) == len(shown) + len(series)


def test_no_label_of_a_metric_is_one_of_its_subject() -> None:
    metrics = [one for one in declared().values() if isinstance(one, Metric)]
    assert [one.name for one in metrics if set(one.labels) & set(SUBJECT_LABELS.get(one.about, ()))] == []


def test_promtool_finds_nothing_to_say_against_the_page() -> None:
    metrics = [one for one in declared().values() if isinstance(one, Metric)]
    subjects = {"node": "node:gpu01", "device": "device:gpu01/0", "engine": "engine:gpu01/one"}
    readings = {
        key(
            one.name, subjects.get(one.about, "node:gpu01"), **{name: VALUES.get(name, "x") for name in one.labels}
        ): 2.0
        for one in metrics
    }
    page = Page().render(table_of(readings), NOW)
    families = {one.family for one in outside_names().values()}
    assert page.count(b"# TYPE") == len(families) + len(HUB_PAGE)
    assert len(read_exposition(page)) == len(families) + len(HUB_PAGE)
    done = promtool("check", "metrics", stdin=page)
    assert (done.stdout, done.stderr, done.returncode) == (b"", b"", 0)


def test_three_counters_of_a_distribution_are_one_histogram() -> None:
    about = {"model": "m"}
    table = table_of(
        {
            key("engine.queue_seconds_total", "engine:a/b", **about): 1.5,
            key("engine.queue_total", "engine:a/b", **about): 3,
            key("engine.queue_bucket_total", "engine:a/b", **about, le="0.5"): 2,
            key("engine.queue_bucket_total", "engine:a/b", **about, le="+Inf"): 3,
        }
    )
    found = read_exposition(Page().render(table, NOW))["keepwell_engine_queue_seconds"]
    assert found.kind == "histogram"
    labels = {"node": "a", "engine": "b", "model": "m"}
    rows = {name.removeprefix("keepwell_engine_queue_seconds"): value for (name, _), value in found.samples.items()}
    assert rows == {"_sum": 1.5, "_count": 3, "_bucket": 3}
    assert found.value(**labels, le="0.5") == 2


names = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40)
floats = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=100)
@given(node=st.text("abc.-é😀", min_size=1), name=names, label=names, value=floats)
def test_every_number_comes_back_as_it_was(node: str, name: str, label: str, value: float) -> None:
    one = SeriesKey("engine.requests_running", f"engine:{node}/{name}", (("model", label),))
    outside = outside_names()[one.metric].name
    page = Page().render(table_of({one: value}), NOW)
    labels = find_labels(one)
    found = {key: number for key, number in numbers(page).items() if key[0] == outside}
    if labels is None:
        assert not found
    else:
        assert found == {(outside, tuple(sorted(labels.items()))): value}


def test_labels_that_meet_are_told_once() -> None:
    """Names that are cut, or hold what Prometheus does not take, may become the same."""
    long = "m" * 400
    keys = [SeriesKey("engine.requests_running", "engine:a/b", (("model", long + end),)) for end in ("x", "y")]
    found = numbers(Page().render(table_of(dict.fromkeys(keys, 1.0)), NOW))
    assert found["keepwell_page_series_left_out", (("reason", "twice"),)] == 1
    assert sum(name == "keepwell_engine_requests_running" for name, _ in found) == 1


anything = st.text(max_size=8)
wild = st.builds(
    SeriesKey,
    st.sampled_from([*sorted(outside_names()), "x.y", ""]),
    st.one_of(anything, st.builds("{}:{}/{}/{}".format, st.sampled_from([*SUBJECT_LABELS]), names, names, names)),
    st.lists(st.tuples(anything, anything), max_size=3).map(tuple),
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(wild, st.floats(), max_size=6))
def test_whatever_a_table_holds_there_is_a_page_that_a_strict_reader_takes(readings: dict[SeriesKey, float]) -> None:
    made = Page().render(table_of(readings), NOW)
    for line in made.decode().splitlines():
        assert line.startswith("# ") or SAMPLE.fullmatch(line), line
    shown = numbers(made)["keepwell_page_series", ()]
    left = [value for (name, _), value in numbers(made).items() if name == "keepwell_page_series_left_out"]
    assert shown + sum(left) == len(readings)


def test_only_histograms_end_as_histograms_do() -> None:
    ends = ("_count", "_sum", "_bucket")
    plain = [one.name for one in outside_names().values() if one.kind != "histogram"]
    assert [name for name in plain if name.endswith(ends)] == []
