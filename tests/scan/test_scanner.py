"""All matchers find the same, whatever the chunks; a signature hits the lines that `re` says it hits."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.scan.matchers import MATCHERS
from keepwell.scan.pattern import matches_line
from keepwell.scan.scanner import CONTEXT_BYTES, HEAD_BYTES, TAIL_BYTES, Scanner, find_context
from keepwell.scan.signature import make_signature
from keepwell.scan.tally import KEPT_LINES

PATTERNS = (
    "no space left",
    r"(permission|access) denied.{0,20}models?",
    r"\bGPU\b",
    r"^error: x",
    "time|clock",
    r"[!@#]{4}",
    "übel+",
    r"Xid\W.*: 79",
    r'exit code "?\d+',
    "gone to disk|erofs",
)
WORDS = st.lists(
    st.sampled_from(
        ["no space left", "PERMISSION denied", " ", " my models", "GPU", "gpus", "error: x", "> error: x", "clock",
         "!@#!", "üBELL", "\n", "\n", "Xid 1: 79", 'exit code 7', "gone to disk", "EROFS",
         "\x1b[0m", "\r\n", "access denied ", "x" * 30]
    ),
    max_size=25,
)  # fmt: skip


def scan(raw: bytes, sizes: list[int], matcher: str, once: tuple[str, ...] = ("time|clock",)) -> dict[str, object]:
    """What a scanner finds in chunks of these sizes."""
    scanner = Scanner(
        [make_signature(one) for one in PATTERNS], faults=(*PATTERNS[:6], PATTERNS[-1]), once=once, matcher=matcher
    )
    return dict(scanner.scan(cut(raw, sizes)).hits)


def cut(raw: bytes, sizes: list[int]) -> Iterator[bytes]:
    """The bytes in chunks of these sizes, the rest at once."""
    for size in sizes:
        yield raw[:size]
        raw = raw[size:]
    yield raw


@given(WORDS, st.lists(st.integers(1, 30), max_size=12))
@settings(max_examples=120, deadline=None)
def test_matchers_and_chunks_make_no_difference(words: list[str], sizes: list[int]) -> None:
    raw = "".join(words).encode()
    found = [scan(raw, chunks, matcher) for matcher in MATCHERS for chunks in ([], sizes)]
    assert all(one == found[0] for one in found)


@given(WORDS)
@settings(max_examples=120, deadline=None)
def test_hits_are_what_re_says(words: list[str]) -> None:
    text = "".join(words).replace("\x1b[0m", "").replace("\r\n", "\n")
    hits = Scanner([make_signature(one) for one in PATTERNS], faults=PATTERNS).scan([text.encode()]).hits
    for pattern in PATTERNS:
        numbers = [n for n, line in enumerate(text.split("\n"), 1) if matches_line(pattern, line.encode())]
        assert (pattern in hits) == bool(numbers)
        if numbers:
            hit = hits[pattern]
            assert (hit.first.number, hit.count) == (numbers[0], len(numbers))
            assert [line.number for line in hit.lines] == numbers[:KEPT_LINES]


def test_a_match_across_a_chunk_border_is_found_once() -> None:
    raw = b"ok\nerror: no space left on device\nok\n"
    for at in range(len(raw)):
        scanner = Scanner([make_signature("no space left")], faults=["no space left"])
        hit = scanner.scan([raw[:at], raw[at:]]).hits["no space left"]
        assert (hit.count, hit.first.number) == (1, 2)


def test_a_fault_deep_in_a_large_log_brings_its_context() -> None:
    fault, context, far = "no space left", "warming|clock", "ring|far"
    signatures = [make_signature(one) for one in (fault, context, far)]
    filler = b"an ordinary line of a log\n" * 100_000
    raw = filler + b"clock\nno space left\nlast\n" + filler + b"ring\n" + filler[: 4 * TAIL_BYTES]
    scanned = Scanner(signatures, faults=[fault], once=(context, far)).scan(
        raw[at : at + 99_991] for at in range(0, len(raw), 99_991)
    )
    assert scanned.hits[fault].first.number == 100_002
    assert scanned.hits[context].first.number == 100_001
    assert far not in scanned.hits
    assert scanned.lines == 200_004 + (4 * TAIL_BYTES) // 26 + 1


def test_the_end_of_a_large_log_is_looked_through_for_everything() -> None:
    filler = b"an ordinary line of a log\n" * 100_000
    signatures = [make_signature(one) for one in ("ring|far", r"^\W*Killed\W*$")]
    scanner = Scanner(signatures, faults=[signatures[1].pattern])
    assert scanner.scan([filler, b"ring\nKilled\n"]).hits.keys() == {one.pattern for one in signatures}
    assert scanner.scan([filler, b"ring\nKilled\n", filler]).hits == {}


def test_a_signature_of_long_and_short_texts_is_found_by_both_and_each_line_counts_once() -> None:
    filler = b"an ordinary line of a log\n" * 100_000
    one = make_signature("gone to disk|erofs")
    raw = b"EROFS\n" + filler + b"EROFS far off\n" + filler + b"gone to disk: EROFS\nerofs\n" + filler
    hit = Scanner([one], faults=[one.pattern]).scan([raw]).hits[one.pattern]
    assert [line.number for line in hit.lines] == [1, 200_003, 200_004]
    assert hit.count == 3


def test_context_is_bounded() -> None:
    data = b"line of text\n" * 20_000
    parts = find_context(data, [50_000, 52_000, 200_000], head=True)
    assert parts[0][0] == 0
    assert parts[0][1] >= HEAD_BYTES
    assert all(one[1] < two[0] for one, two in itertools.pairwise(parts))
    assert sum(stop - start for start, stop in parts[1:]) <= CONTEXT_BYTES
    assert all(data[stop - 1 : stop] == b"\n" for _, stop in parts)


@pytest.mark.parametrize("matcher", MATCHERS)
def test_no_signatures_find_nothing(matcher: str) -> None:
    assert Scanner([], faults=(), matcher=matcher).scan([b"a line\n"]).hits == {}
    assert Scanner([make_signature("abcdef")], faults=["abcdef"], matcher=matcher).scan([]).hits == {}


@given(st.binary(max_size=400))
@settings(max_examples=100, deadline=None)
def test_garbage_never_raises(raw: bytes) -> None:
    Scanner([make_signature(one) for one in PATTERNS], faults=PATTERNS).scan([raw])
