"""Any log bytes become the same clean lines, however they are cut into chunks."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.scan.clean import BLOCK_BYTES, LINE_BYTES, count_lines, read_blocks, strip_prefix
from keepwell.scan.unwrap import unwrap_line


def clean(*chunks: bytes) -> list[bytes]:
    """All clean lines of a stream."""
    lines = b"".join(block.data for block in read_blocks(chunks)).split(b"\n")[:-1]
    return [unwrap_line(line) for line in lines]


def docker(text: str) -> bytes:
    """A line of Docker's json-file log."""
    return json.dumps({"log": text + "\n", "stream": "stderr", "time": "2026-01-02T03:04:05Z"}).encode()


@pytest.mark.parametrize(
    ("raw", "lines"),
    [
        (b"a\r\nb\rc\n", [b"a", b"b", b"c"]),
        (b"\x1b[1;31merror\x1b[0m: \x1b]0;title\x07x", [b"error: x"]),
        ("bad é".encode("utf-16-le"), [b"bad \xe9"]),
        (b"a\0b\n\0", [b"ab"]),
        (b"\xff\xfe broken \xc3", [b"\xff\xfe broken \xc3"]),
        (docker('model "x" is gone'), [b'model "x" is gone']),
        (docker("two\\\\x"), [b"two\\\\\\\\x"]),
        (docker("\x1b[31mred\x1b[0m\ttab"), [rb"red\ttab"]),
        (docker('{"level":"error","msg":"no \\"space\\""}'), [b'{"level":"error","msg":"no "space""}']),
        (b'{"log":"x y","stream":"stdout","attrs":{"tag":"t"},"time":"z"}', [b"x y"]),
        (b'{"log":"kept as it is"', [b'{"log":"kept as it is"']),
        (b'{"__CURSOR":"s=1","MESSAGE":"from the journal","_PID":"7"}', [b"from the journal"]),
        (b'{"__CURSOR":"s=1","MESSAGE":[27,91,51,49,109,104,105,27,91,48,109]}', [b"hi"]),
        (b'{"error":{"message":"caf\\u00e9 \\"x\\"\\nnext"}}', ['{"error":{"message":"café "x"\\nnext"}}'.encode()]),
        (b'msg="said \\"no\\""', [b'msg="said "no""']),
        (b"__CURSOR=s=1\n_CMDLINE=/bin/x\nMESSAGE=oh no\n\n", [b"", b"", b"MESSAGE=oh no", b""]),
        (b"", []),
    ],
)
def test_what_becomes_of_lines(raw: bytes, lines: list[bytes]) -> None:
    assert clean(raw) == lines


@pytest.mark.parametrize(
    "line",
    [
        b"web-1  | Error: x",
        b"Jan  2 03:04:05 box engine[12]: Error: x",
        b"2026-01-02T03:04:05.123456789Z stderr F Error: x",
        b"MESSAGE=Error: x",
        b"> Error: x",
    ],
)
def test_prefixes_go(line: bytes) -> None:
    assert strip_prefix(line) in (b"Error: x", b"x")


PIECES = st.lists(
    st.sampled_from(
        [
            b"a",
            b"\r",
            b"\n",
            b"\r\n",
            b"\0",
            b"\x1b[0m",
            b"\x1b",
            b"{",
            b'{"log":"q\\n","stream":"stdout","time":"t"}',
            b'\\"',
        ]
    ),
    max_size=30,
)


@given(PIECES, st.lists(st.integers(1, 7), max_size=40))
@settings(max_examples=150, deadline=None)
def test_chunks_make_no_difference(pieces: list[bytes], sizes: list[int]) -> None:
    whole = b"".join(pieces)
    chunks, rest = [], whole
    for size in sizes:
        chunks.append(rest[:size])
        rest = rest[size:]
    assert clean(*chunks, rest) == clean(whole)


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_garbage_never_raises(raw: bytes) -> None:
    lines = clean(raw)
    assert all(b"\0" not in line and b"\r" not in line for line in lines)


@pytest.mark.parametrize("step", [1000, LINE_BYTES, BLOCK_BYTES, 3 * BLOCK_BYTES])
def test_an_endless_line_is_cut_and_counted(step: int) -> None:
    raw = b"first\n" + b"x" * (2 * BLOCK_BYTES + 5) + b"\nlast\n" + b"y" * (LINE_BYTES + 1)
    blocks = list(read_blocks(raw[at : at + step] for at in range(0, len(raw), step)))
    lines = b"".join(block.data for block in blocks).split(b"\n")[:-1]
    assert [line[:5] for line in lines] == [b"first", b"xxxxx", b"last", b"yyyyy"]
    assert [len(line) for line in lines][1::2] == [LINE_BYTES, LINE_BYTES]
    assert sum(block.cut_lines for block in blocks) == 2


def test_blocks_depend_on_the_stream_alone() -> None:
    raw = b"".join(b"line %d\n" % number for number in range(60_000))
    once = [block.data for block in read_blocks([raw])]
    often = [block.data for block in read_blocks(raw[at : at + 777] for at in range(0, len(raw), 777))]
    assert once == often
    assert b"".join(once) == raw
    assert len(once) > 1
    assert all(len(data) <= BLOCK_BYTES for data in once)


def test_lines_are_counted() -> None:
    assert count_lines(b"a\n\nb\n") == 3
