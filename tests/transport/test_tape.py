"""Tapes: stretches of files, the JSON form, and what a node says when it plays one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.errors import AccessError, ConfigurationError, NotPermitted, TimedOut
from keepwell.transport.base import Ran, Reply, Space
from keepwell.transport.recorded.tape import (
    Exchange,
    Piece,
    Refusal,
    Tape,
    TapeFile,
    end_of,
    lay_over,
    plain_headers,
    refusal_of,
)
from keepwell.transport.recorded.tape_file import load_tape, parse_tape, render_tape, save_tape

names = st.text("abc/.é ", min_size=1, max_size=8)
words = st.text(max_size=8)
refusals = st.builds(
    Refusal,
    kind=st.sampled_from(["AccessError", "NotThere", "NotPermitted", "TimedOut", "Unreachable", "TooLarge"]),
    what=words,
    where=words,
    command=words,
)
contents = st.binary(max_size=20) | words.map(str.encode)
whole = contents.map(lambda content: ((0, content),))
apart = st.tuples(contents.map(lambda c: (3, c)), contents.map(lambda c: (90, c)))
sizes = st.integers(-1, 10**12)


def _files(inner: st.SearchStrategy[TapeFile | None]) -> st.SearchStrategy[TapeFile]:
    return st.builds(
        TapeFile,
        kind=st.sampled_from(["file", "directory", "link", "socket", "pipe", "character", "block"]),
        pieces=st.just(()) | whole | apart,
        names=st.none() | st.lists(words).map(tuple),
        mode=st.integers(0, 0o7777),
        uid=st.integers(0, 2**32 - 1),
        gid=st.integers(0, 2**32 - 1),
        modified_at=st.floats(0, 2e9),
        size_bytes=sizes,
        inode=st.integers(0, 2**63),
        allocated_bytes=sizes,
        device=words,
        target=words,
        leads_to=inner,
        refused=st.none() | refusals,
        unreadable=st.none() | refusals,
    )


files = _files(st.none() | _files(st.none()))
headers = st.dictionaries(st.sampled_from(["origin", "host", "accept"]), words, max_size=2)
exchanges = st.builds(
    Exchange,
    method=st.sampled_from(["GET", "POST"]),
    url=words,
    headers=headers,
    body=contents,
    answer=refusals
    | st.builds(Reply, status=st.integers(100, 599), headers=headers, body=contents, seconds=st.floats(0, 9)),
)
argv = st.lists(words, min_size=1, max_size=3).map(tuple)
rans = st.builds(
    lambda argv, code, stdout, stderr, seconds: (
        argv,
        Ran(argv=argv, code=code, stdout=stdout, stderr=stderr, seconds=seconds),
    ),
    argv,
    st.integers(-64, 255),
    contents,
    contents,
    st.floats(0, 9),
)
counts = st.integers(0, 2**60)
spaces = st.builds(
    Space, total_bytes=counts, free_bytes=counts, inodes=counts, inodes_free=counts, read_only=st.booleans()
)
tapes = st.builds(
    Tape,
    name=words,
    python=words,
    recorded_at=st.floats(0, 2e9),
    files=st.dictionaries(names, files, max_size=4),
    commands=st.lists(rans | st.tuples(argv, refusals), max_size=3).map(dict),
    exchanges=st.lists(exchanges, max_size=3).map(tuple),
    spaces=st.dictionaries(names, spaces | refusals, max_size=2),
    connections=st.dictionaries(st.tuples(words, st.integers(0, 65535)), st.none() | refusals, max_size=2),
)


@given(tapes)
@settings(max_examples=60)
def test_a_tape_survives_its_json_form(tape: Tape) -> None:
    assert parse_tape(render_tape(tape)) == tape


@given(st.binary(min_size=1, max_size=60), st.lists(st.tuples(st.integers(0, 70), st.integers(1, 30)), max_size=8))
@settings(max_examples=100)
def test_stretches_of_one_file_add_up(content: bytes, reads: list[tuple[int, int]]) -> None:
    pieces: tuple[Piece, ...] = ()
    for offset, size in reads:
        got = content[offset : offset + size]
        pieces = lay_over(pieces, (offset, got), at_end=len(got) < size)
    file = TapeFile(pieces=pieces)
    for offset, size in reads:
        assert (file.read(offset, size) or b"") == content[offset : offset + size]
    starts = [start for start, _ in pieces]
    ends = [start + len(part) for start, part in pieces]
    assert starts == sorted(starts)
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))


def test_a_file_that_became_shorter_loses_its_tail() -> None:
    pieces = lay_over((), (0, b"long content"), at_end=True)
    assert lay_over(pieces, (0, b"short"), at_end=True) == ((0, b"short"),)
    assert lay_over(pieces, (0, b"LONG"), at_end=False) == ((0, b"LONG content"),)
    assert lay_over(pieces, (0, b""), at_end=True) == ((0, b""),)
    assert end_of(()) == 0


def test_a_stretch_that_nobody_read_is_unknown() -> None:
    file = TapeFile(pieces=((0, b"head"), (100, b"tail")))
    assert file.read(2, 99) == b"ad"
    assert file.read(100, 2) == b"ta"
    assert file.read(104, 2) == b""
    assert file.read(50, 2) is None
    assert TapeFile().read(0, 1) is None


def test_refusals_are_errors_again() -> None:
    error = NotPermitted("Permission denied", where="/etc/shadow")
    again = refusal_of(error).error()
    assert type(again) is NotPermitted
    assert str(again) == str(error)
    with pytest.raises(ValueError, match="NotThere"):
        Refusal(kind="Nothing")


def test_secrets_of_requests_are_not_kept() -> None:
    assert plain_headers({"Authorization": "Bearer x", "X-API-Key": "y", "Origin": "o"}) == {"origin": "o"}


def test_bytes_are_readable_where_they_are_text() -> None:
    tape = Tape(name="n", files={"/a": TapeFile(pieces=((0, b"one\ntwo\n"),)), "/b": TapeFile(pieces=((0, b"\xff"),))})
    document = json.loads(render_tape(tape))
    assert document["files"]["/a"]["content"] == ["one", "two", ""]
    assert document["files"]["/b"]["content"] == {"base64": "/w=="}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{", "truncated"),
        ('{"format": "other/1", "name": "n"}', "keepwell-node/1"),
        ('{"format": "keepwell-node/1"}', "name"),
        ('{"format": "keepwell-node/1", "name": "n", "file": {}}', "file"),
        ('{"format": "keepwell-node/1", "name": "n", "files": {"/a": {"uid": "root"}}}', r"\$\.files"),
        ('{"format": "keepwell-node/1", "name": "n", "files": {"/a": {"mode": "rw"}}}', "rw"),
        ('{"format": "keepwell-node/1", "name": "n", "files": {"/a": {"error": {"kind": "Oops"}}}}', "Oops"),
    ],
)
def test_what_does_not_fit_is_named(document: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "node.json"
    path.write_text(document)
    with pytest.raises(ConfigurationError, match=said) as caught:
        load_tape(path)
    assert str(path) in str(caught.value)


def test_a_missing_recording_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        load_tape(tmp_path / "nowhere.json")


def test_a_folder_holds_raw_files(tmp_path: Path) -> None:
    (tmp_path / "root" / "proc" / "1").mkdir(parents=True)
    (tmp_path / "root" / "proc" / "1" / "cmdline").write_bytes(b"a\0b\0")
    os.symlink("/usr/bin/engine", tmp_path / "root" / "proc" / "1" / "exe")
    (tmp_path / "node.json").write_text(
        '{"format": "keepwell-node/1", "name": "n", "files": {"/proc/1/cmdline": {"uid": 7, "mode": "0444"}}}'
    )
    files = load_tape(tmp_path).files
    assert files["/proc/1/cmdline"] == TapeFile(pieces=((0, b"a\0b\0"),), uid=7, mode=0o444)
    assert files["/proc/1/exe"].target == "/usr/bin/engine"
    assert files["/proc/1"].kind == "directory"


def test_saved_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "node.json"
    tape = Tape(name="n", files={"/a": TapeFile(pieces=((0, b"x"),), refused=Refusal(kind="TimedOut"))})
    save_tape(tape, path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_tape(path) == tape
    refused = load_tape(path).files["/a"].refused
    assert refused is not None
    with pytest.raises(TimedOut):
        raise refused.error()


def test_kinds_of_refusals_cover_the_error_tree() -> None:
    kinds: list[type[AccessError]] = [AccessError, *AccessError.__subclasses__()]
    for kind in kinds:
        assert type(Refusal(kind=kind.__name__).error()) is kind
