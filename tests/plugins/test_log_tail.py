"""Following a log over its rotation, with real files; a journal and a container through programs like theirs."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from keepwell.core.observation import Missing
from keepwell.plugins import log_tail
from keepwell.plugins.log_tail import FIRST_BYTES, LINE_CHARACTERS, STEP_BYTES, LogTail
from keepwell.plugins.place import LogSource
from keepwell.transport.local import LocalTransport


@pytest.fixture
async def transport() -> AsyncIterator[LocalTransport]:
    """This machine."""
    local = LocalTransport("node")
    yield local
    await local.close()


def tail_of(path: Path | str, kind: str = "file") -> LogTail:
    """Follows one source."""
    return LogTail([LogSource(kind=kind, where=str(path))])


async def test_lines_come_once_and_whole(tmp_path: Path, transport: LocalTransport) -> None:
    log = tmp_path / "server.log"
    log.write_text("one\n\ntwo\nthr")
    tail = tail_of(log)
    assert await tail.read(transport) == ("one", "two")
    assert await tail.read(transport) == ()
    with log.open("a") as file:
        file.write("ee\nfour\n")
    assert await tail.read(transport) == ("three", "four")


@pytest.mark.parametrize("name", ["server.log.1", "server-1.log"])
async def test_a_renamed_file_is_read_to_its_end_first(name: str, tmp_path: Path, transport: LocalTransport) -> None:
    log = tmp_path / "server.log"
    log.write_text("one\n")
    tail = tail_of(log)
    await tail.read(transport)
    with log.open("a") as file:
        file.write("two\n")
    log.rename(tmp_path / name)
    log.write_text("three\n")
    assert await tail.read(transport) == ("two", "three")


async def test_an_emptied_file_is_read_from_its_beginning(tmp_path: Path, transport: LocalTransport) -> None:
    log = tmp_path / "server.log"
    log.write_text("one\ntwo\n")
    tail = tail_of(log)
    await tail.read(transport)
    os.truncate(log, 0)
    with log.open("a") as file:
        file.write("new\n")
    assert await tail.read(transport) == ("new",)


async def test_a_file_that_a_process_holds_open_is_followed_where_it_goes(
    tmp_path: Path, transport: LocalTransport
) -> None:
    log = tmp_path / "server.log"
    with log.open("w") as held:
        saved = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            tail = tail_of(str(os.getpid()), "process")
            os.write(2, b"one\n")
            assert await tail.read(transport) == ("one",)
            log.rename(tmp_path / "elsewhere")
            os.write(2, b"two\n")
            assert await tail.read(transport) == ("two",)
        finally:
            os.dup2(saved, 2)
            os.close(saved)


async def test_of_a_long_log_the_end_is_read_and_long_lines_are_cut(tmp_path: Path, transport: LocalTransport) -> None:
    log = tmp_path / "server.log"
    log.write_bytes(b"x" * 99 + b"\n" + b"a line\n" * (FIRST_BYTES // 7) + b"y" * (LINE_CHARACTERS * 2) + b"\n")
    tail = tail_of(log)
    first = await tail.read(transport)
    assert isinstance(first, tuple)
    assert len(first[-1]) == LINE_CHARACTERS
    assert FIRST_BYTES // 8 < len(first) <= FIRST_BYTES // 6
    with log.open("ab") as file:
        file.write(b"z" * (STEP_BYTES + 5) + b"\nlast\n")
    assert (await tail.read(transport))[-1:] == ("last",)


async def test_what_cannot_be_followed_says_why_for_every_source(tmp_path: Path, transport: LocalTransport) -> None:
    tail = LogTail([LogSource(kind="file", where=str(tmp_path / "none")), LogSource(kind="file", where=str(tmp_path))])
    told = await tail.read(transport)
    assert isinstance(told, Missing)
    assert told.kind == "absent"
    assert str(tmp_path / "none") in told.reason
    assert "directory" in told.reason
    assert isinstance(await LogTail([]).read(transport), Missing)


async def test_a_log_that_goes_is_a_failure_once_and_then_looked_for_again(
    tmp_path: Path, transport: LocalTransport
) -> None:
    log = tmp_path / "server.log"
    log.write_text("one\n")
    tail = tail_of(log)
    await tail.read(transport)
    log.unlink()
    assert isinstance(await tail.read(transport), Missing)
    log.write_text("two\n")
    assert await tail.read(transport) == ("two",)


JOURNAL = """
import sys
asked = sys.argv[1:]
if "--user-unit=it.service" not in asked:
    sys.exit(0)
if "--after-cursor" in asked:
    assert asked[asked.index("--after-cursor") + 1] == "s=1;i=2", asked
    print("two")
    print("-- cursor: s=1;i=3")
else:
    print("one")
    print("-- cursor: s=1;i=2")
"""
DOCKER = """
import sys
asked = sys.argv[1:]
first = "2026-01-01T00:00:01.000000001Z one"
second = "2026-01-01T00:00:02.000000001Z two"
if "--since" in asked:
    print(first)
    print(second, file=sys.stderr)
else:
    print(first)
"""


@pytest.mark.parametrize(
    ("kind", "program", "code"), [("journal", "journalctl", JOURNAL), ("container", "docker", DOCKER)]
)
async def test_a_journal_by_its_cursor_and_a_container_by_time(
    kind: str, program: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / program
    script.write_text(f"#!{sys.executable}\n{code}")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    local = LocalTransport("node")
    tail = tail_of("it.service", kind)
    assert await tail.read(local) == ("one",)
    assert await tail.read(local) == ("two",)
    await local.close()


def test_lines_of_any_bytes() -> None:
    assert log_tail.split_lines(b"a\r\nb\xff\n\n") == ("a", "b\N{REPLACEMENT CHARACTER}")
