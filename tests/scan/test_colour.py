"""Escape sequences go, whichever way they are found; nothing else does."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.scan.colour import SAMPLE_BYTES, strip_colours

RED, GREEN, PLAIN = b"\x1b[31m", b"\x1b[32m", b"\x1b[0m"
ALIKE = GREEN + b"INFO" + PLAIN + b":  GET /health " + GREEN + b"200 OK" + PLAIN + b"\n"
COLOUR = re.compile(rb"\x1b\[[0-9;]*m")


@pytest.mark.parametrize(
    "data",
    [
        b"no colour at all\n",
        ALIKE * 200,
        b"x" * SAMPLE_BYTES * 2 + b"\n" + ALIKE * 50,
        ALIKE * 50 + RED + b"ERROR" + PLAIN + b": out of " + RED + b"memory\n" + ALIKE * 50,
        b"".join(b"\x1b[38;5;%dm%d%s " % (number, number, PLAIN) for number in range(256)),
        (GREEN + b"one" + PLAIN + b" and a long way after it " + RED + b"two" + PLAIN + b"\n") * 90,
        ALIKE[5:-9] * 60,
    ],
)
def test_colours_go_and_all_else_stays(data: bytes) -> None:
    assert strip_colours(data) == COLOUR.sub(b"", data)


@pytest.mark.parametrize(
    ("data", "left"),
    [
        (b"\x1b]0;a title\x07text", b"text"),
        (b"\x1b[2K\x1b[1Gloading", b"loading"),
        (ALIKE * 30 + b"\x1b]8;;http://x\x1b\\link", COLOUR.sub(b"", ALIKE * 30) + b"link"),
        (b"a lone \x1b\n", b"a lone \x1b\n"),
        (b"\x1b", b"\x1b"),
    ],
)
def test_other_sequences(data: bytes, left: bytes) -> None:
    assert strip_colours(data) == left


WORDS = st.lists(st.sampled_from([RED, GREEN, PLAIN, b"error", b" ", b"\n", b"m", b"[", b"a long word of text "]))


@given(WORDS, st.integers(0, 30))
@settings(max_examples=200, deadline=None)
def test_a_log_of_words_in_colours(words: list[bytes], times: int) -> None:
    data = b"".join(words) + ALIKE * times + b"".join(words[::-1])
    assert strip_colours(data) == COLOUR.sub(b"", data)
