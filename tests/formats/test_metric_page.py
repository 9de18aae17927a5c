"""A page of metrics that is read again and again gives what a single careful reading gives."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats import metric_page
from keepwell.formats.exposition import parse_exposition
from keepwell.formats.metric_page import MAX_HEADS, PageReader

Line = tuple[str, tuple[tuple[str, str], ...]]
TEXT = rb"""# HELP a:b Words with numbers 1
# TYPE a:b gauge
a:b{engine="0",name="a b"} 2.0
a:b{engine="1",name="a\"b}\\c"} 3 1700000000000
c_bucket{le="1"} 5 # {trace="x"} 0.5
c_bucket{le="2"} 5 # {trace="x"} 0.5 17.1
not_a_number NaN
endless +Inf
	tabs
tab	7
behind 1 
no line at all !
"""
EXPECTED = [
    (("a:b", (("engine", "0"), ("name", "a b"))), 2.0),
    (("a:b", (("engine", "1"), ("name", 'a"b}\\c'))), 3.0),
    (("c_bucket", (("le", "1"),)), 5.0),
    (("c_bucket", (("le", "2"),)), 5.0),
    (("tab", ()), 7.0),
    (("behind", ()), 1.0),
]


def _meaning(name: str, labels: Mapping[str, str]) -> Line:
    return name, tuple(sorted(labels.items()))


def test_odd_lines_are_read_alike_the_first_time_and_again() -> None:
    reader = PageReader(_meaning)
    for _ in range(3):
        assert list(reader.read(TEXT)) == EXPECTED


def test_new_numbers_and_new_lines_are_seen() -> None:
    reader = PageReader(_meaning)
    assert [value for _, value in reader.read(b"x 1\ny 2\n")] == [1, 2]
    assert [(line[0], value) for line, value in reader.read(b"z 3\nx 4\n")] == [("z", 3), ("x", 4)]


def test_what_means_nothing_is_asked_about_once() -> None:
    asked: list[str] = []

    def nothing(name: str, labels: Mapping[str, str]) -> None:
        asked.append(name)

    reader: PageReader[str] = PageReader(nothing)
    for number in range(3):
        assert list(reader.read(f"x {number}\nlate {number} 1700000000{number}\n".encode())) == []
    assert asked == ["x", "late"]


def test_a_page_whose_labels_never_come_again_fills_no_memory() -> None:
    reader = PageReader(_meaning)
    for page in range(3):
        body = "".join(f'x{{id="{page}-{row}"}} 1\n' for row in range(MAX_HEADS // 2))
        assert len(list(reader.read(body.encode()))) == MAX_HEADS // 2
    assert len(reader._known) <= MAX_HEADS


_LINES = st.lists(
    st.tuples(
        st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,12}", fullmatch=True),
        st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True), st.text(max_size=8), max_size=3),
        st.floats(allow_nan=True, allow_infinity=True),
    ),
    max_size=12,
)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@settings(max_examples=60, deadline=None)
@given(rows=_LINES)
def test_it_agrees_with_the_reader_of_single_pages(rows: list[tuple[str, dict[str, str], float]]) -> None:
    lines = []
    for name, labels, value in rows:
        inside = ",".join(f'{one}="{_escape(text)}"' for one, text in labels.items())
        lines.append(f"{name}{{{inside}}} {value}")
    body = "\n".join(lines).encode("utf-8", "surrogatepass").decode("utf-8", "replace").encode()
    once = [
        ((one.name, tuple(sorted(one.labels.items()))), one.value)
        for one in parse_exposition(body.decode("utf-8", "replace"))
    ]
    reader = PageReader(_meaning)
    if any(mark in text for _, labels, _ in rows for text in labels.values() for mark in _BREAKS):
        return
    assert list(reader.read(body)) == once
    assert list(reader.read(body)) == once


#: What Python's splitlines takes for the end of a line and the format does not.
_BREAKS = "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=200))
def test_garbage_raises_nothing(body: bytes) -> None:
    reader = PageReader(_meaning)
    assert list(reader.read(body)) == list(reader.read(body))


@pytest.mark.parametrize("number", [0, 1])
def test_a_page_has_an_end(number: int) -> None:
    body = b"x 1\n" * (metric_page.MAX_SAMPLES + number)
    assert len(list(PageReader(_meaning).read(body))) == metric_page.MAX_SAMPLES
