"""Tables and answers of Prometheus become series; what is neither says what was expected."""

from __future__ import annotations

import json
from datetime import UTC

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.errors import ConfigurationError
from keepwell.series import parse_instant, parse_series


def read(text: str) -> dict[str, tuple[tuple[float, ...], tuple[float, ...]]]:
    return {one.name: (one.times, one.values) for one in parse_series(text.encode(), "made", UTC)}


@pytest.mark.parametrize(
    "text",
    [
        "time,a,b\n1767225600,1,2\n1767225601,,3\n",
        "a;Timestamp;b\n1;2026-01-01T00:00:00;2\n;2026-01-01T00:00:01;3\n",
        "time\ta\tb\n2026-01-01 00:00:00+00:00\t1\t2\n2026-01-01 01:00:01+01:00\tNaN\t3\n",
        "time,a,b\n1767225600000,1,2\n1767225601000,none,3\n",
    ],
)
def test_tables_of_any_making(text: str) -> None:
    assert read(text) == {"a": ((1767225600.0,), (1.0,)), "b": ((1767225600.0, 1767225601.0), (2.0, 3.0))}


def test_an_answer_of_prometheus() -> None:
    metric = {"__name__": "up", "job": "x", "instance": "y"}
    row = {"metric": metric, "values": [[1, "1"], [2, "NaN"], [3, "+Inf"], [4, "0.5"]]}
    answer = {"status": "success", "data": {"resultType": "matrix", "result": [row]}}
    assert read(json.dumps(answer)) == {'up{instance="y", job="x"}': ((1.0, 4.0), (1.0, 0.5))}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a table needs"),
        ("hello\nworld\n", "a column of times"),
        ("hello,you\nworld,1\n", "holds no times"),
        ("time,a\n1,x\n2,y\n", "holds no series"),
        ('{"status": "error", "error": "bad query"}', "bad query"),
        ('{"data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "2"]}]}}', "query_range"),
        ("{", "Expecting"),
        ('{"a": 1}', "matrix"),
    ],
)
def test_what_is_neither_says_what_was_expected(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read(text)


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=200) | st.text(alphabet='0123456789,.;:\n"{}[]-e', max_size=200))
def test_garbage_is_refused_or_read_never_more(text: str) -> None:
    try:
        found = read(text)
    except ConfigurationError:
        return
    assert all(len(times) == len(values) for times, values in found.values())


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-01-01T10:02", 1767261720.0),
        ("2026-01-01 11:02+01:00", 1767261720.0),
        ("1767261720", 1767261720.0),
        ("10:02", 1767261720.0),
        ("10:02:30", 1767261750.0),
        ("23:00", 1767222000.0),
    ],
)
def test_an_instant_as_people_write_it(text: str, at: float) -> None:
    series = parse_series(b"time,a\n1767265200,1\n1767268800,2\n", "made", UTC)
    assert parse_instant(text, series, UTC) == at


@pytest.mark.parametrize("text", ["", "soon", "25:99", "2026-13-01"])
def test_no_time_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_instant(text, (), UTC)
