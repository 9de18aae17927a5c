"""engine.log and log.text: the log wherever it goes, cut to the run and the window that matter."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.core.observation import Missing, Observation
from keepwell.core.ref import node
from keepwell.core.values import row_of, texts_of
from keepwell.formats.logtime import find_age, find_time, first_line_since, last_start
from keepwell.plugins.place import LogSource, Place, Site
from keepwell.probes.engine_log import (
    HEAD_BYTES,
    LINE_CHARACTERS,
    PROBE,
    TAIL_BYTES,
    find_last_error,
    merge_by_time,
    parse_lines,
)
from keepwell.testing.clock import START
from keepwell.testing.waiting import eventually
from keepwell.transport.clock import SystemClock
from keepwell.transport.local import LocalTransport
from tests.machines import Machine, about
from tests.probes.engines import REF, PlainEngine, WholeEngine, dead_site, place_of, process

JOURNAL = ("journalctl", "--unit=made.service", "-n", "5000", "-o", "short-iso", "--no-pager", "-q")


def stamp(seconds_ago: float) -> str:
    return datetime.fromtimestamp(START - seconds_ago, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def look(place: Place) -> dict[str, Observation]:
    return {one.name: one for one in await PROBE.observe(place)}


async def lines(place: Place) -> tuple[str, ...]:
    return texts_of(row_of((await look(place))["log.text"].value)["lines"])


def serving(age: float = 3000.0) -> Site:
    return Site(ref=REF, engine="made", url="http://127.0.0.1:7000", process=process(started_at=START - age))


def writing(machine: Machine, text: str, path: str = "/var/log/made.log") -> Machine:
    machine.process(700, ("made",), output=path)
    machine.files.put(path, text)
    return machine


async def test_the_file_that_the_process_holds_open_is_read() -> None:
    machine = writing(Machine(), "one\ntwo failed\n")
    seen = await look(place_of(machine, PlainEngine()))
    told = row_of(seen["engine.log"].value)
    assert (told["kind"], told["where"], told["size_bytes"]) == ("file", "/var/log/made.log", 15)
    assert told["last_error"] == "two failed"
    assert texts_of(row_of(seen["log.text"].value)["lines"]) == ("one", "two failed")


async def test_lines_of_an_earlier_run_are_left_out() -> None:
    text = f"time={stamp(3060)} old error\nuntimed old\ntime={stamp(2999)} new\nuntimed new\n"
    assert await lines(place_of(writing(Machine(), text), PlainEngine(), site=serving())) == (
        f"time={stamp(2999)} new",
        "untimed new",
    )


async def test_a_run_that_began_again_at_zero_is_the_last_one() -> None:
    text = "0.00.001.000 I a\n1.30.000.000 E old\n0.00.000.900 I b\n0.00.100.000 I c\n"
    assert await lines(place_of(writing(Machine(), text), PlainEngine(), site=serving())) == (
        "0.00.000.900 I b",
        "0.00.100.000 I c",
    )


async def test_a_restart_loop_keeps_the_runs_before() -> None:
    text = f"time={stamp(60)} why it failed\ntime={stamp(3)} started\n"
    looping = about("engine.supervisor", {"restarts": 4}, subject=REF)
    machine = writing(Machine(), text)
    young = serving(age=5.0)
    assert len(await lines(place_of(machine, PlainEngine(), looping, site=young))) == 2
    assert len(await lines(place_of(machine, PlainEngine(), site=young))) == 1


async def test_what_was_said_before_the_window_is_kept_apart_as_the_start() -> None:
    text = f"time={stamp(4999)} config\nuntimed, perhaps just now\ntime={stamp(30)} now\n"
    seen = await look(place_of(writing(Machine(), text), PlainEngine(), site=serving(age=5000.0)))
    told = row_of(seen["log.text"].value)
    assert texts_of(told["lines"]) == ("untimed, perhaps just now", f"time={stamp(30)} now")
    assert texts_of(told["start_lines"]) == (f"time={stamp(4999)} config",)
    assert told["first_line"] == 2


async def test_a_dead_engines_declared_file_is_read_whole() -> None:
    machine = Machine()
    machine.files.put("/var/log/made.log", f"time={stamp(90000)} panic: it broke\n")
    site = dead_site(logs=(LogSource(kind="file", where="/var/log/made.log"),))
    assert await lines(place_of(machine, PlainEngine(), site=site)) == (f"time={stamp(90000)} panic: it broke",)


async def test_a_unit_is_read_from_its_journal() -> None:
    machine = Machine()
    machine.process(700, ("made",))
    machine.node.answer(JOURNAL, "2025-12-31T23:59:00+0000 node made[700]: hello\n")
    site = Site(ref=REF, engine="made", url="u", process=process(), supervisor="systemd", unit="made.service")
    seen = await look(place_of(machine, PlainEngine(), site=site))
    assert row_of(seen["engine.log"].value)["kind"] == "journal"
    assert texts_of(row_of(seen["log.text"].value)["lines"]) == ("2025-12-31T23:59:00+0000 node made[700]: hello",)


async def test_a_container_is_read_by_its_client_both_streams_in_order() -> None:
    machine = Machine()
    machine.node.answer(
        ("docker", "logs", "-t", "--tail", "5000", "llm"),
        "2026-01-01T00:00:01.000000000Z one\n2026-01-01T00:00:03.000000000Z three\n",
    )
    site = Site(ref=REF, engine="made", url="u", process=process(), supervisor="container", unit="llm")
    assert await lines(place_of(machine, PlainEngine(), site=site)) == ("one", "three")
    merged = merge_by_time(["2026-01-01T00:00:03Z c", "2026-01-01T00:00:01Z a"], ["2026-01-01T00:00:02Z b"])
    assert merged == ("a", "b", "c")


async def test_the_plug_ins_places_come_last_and_every_reason_is_told() -> None:
    machine = Machine()
    machine.process(700, ("made",))
    made = WholeEngine(log_places=(LogSource(kind="file", where="/var/log/usual.log"),))
    value = (await look(place_of(machine, made)))["log.text"].value
    assert isinstance(value, Missing)
    assert value.kind == "absent"
    assert "its output goes to no file" in value.reason
    assert "/var/log/usual.log" in value.reason
    machine.files.put("/var/log/usual.log", "here\n")
    assert await lines(place_of(machine, made)) == ("here",)


async def test_a_long_log_is_cut_to_its_tail_and_keeps_its_head() -> None:
    first = f"time={stamp(2999)} config\n"
    text = first + "x" * (HEAD_BYTES + TAIL_BYTES) + "\nlast\n"
    seen = await look(place_of(writing(Machine(), text), PlainEngine(), site=serving()))
    told = row_of(seen["log.text"].value)
    assert texts_of(told["lines"]) == ("last",)
    assert texts_of(told["start_lines"])[0] == first.strip()
    assert told["truncated_bytes"] == len(text) - TAIL_BYTES


async def test_a_real_deleted_log_is_still_read(tmp_path: Path) -> None:
    log = tmp_path / "made.log"
    transport = LocalTransport()
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-c", "print('still here', flush=True); input()"], stdin=subprocess.PIPE, stdout=output
        )
    try:
        eventually(lambda: log.read_bytes(), what="the child's line")
        log.unlink()
        site = Site(ref=REF, engine="made", url="u", process=process(pid=child.pid))
        place = Place(node=node("here"), transport=transport, clock=SystemClock(), site=site, engine=PlainEngine())
        found = await lines(place)
    finally:
        child.communicate()
        await transport.close()
    assert "still here" in found


def test_lines_are_safe_to_show_and_hold_no_secret() -> None:
    content = b"\x1b[31mred\x1b[0m\r\nkey api_key=abcdefgh1234\x00\xff\n\n" + b"y" * 9000
    first, second, third = parse_lines(content)
    assert first == "red"
    assert "abcdefgh" not in second
    assert "\x00" not in second
    assert len(third) <= LINE_CHARACTERS + 20


@pytest.mark.parametrize(
    "line",
    ['level=INFO msg="retry after error"', "0.00.001.000 I srv: no errors", "INFO 11-22 failed=0", "all is well"],
)
def test_a_line_that_calls_itself_harmless_is_no_trouble(line: str) -> None:
    assert find_last_error(["it failed", line], None) == "it failed"


def test_a_follow_up_is_not_the_last_error() -> None:
    told = ["cannot allocate memory", "runner ended because of that error"]
    assert find_last_error(told, PlainEngine()) == told[0]
    assert find_last_error(told, None) == told[1]


@given(st.binary(max_size=2000))
def test_any_bytes_read_as_lines(content: bytes) -> None:
    assert all("\n" not in line and line for line in parse_lines(content))


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_a_time_with_a_zone_comes_back(moment: datetime) -> None:
    for text in (
        moment.isoformat(),
        moment.isoformat().replace("+00:00", "Z"),
        moment.strftime("%Y-%m-%dT%H:%M:%S+0000"),
    ):
        assert find_time(f"time={text} level=INFO") == pytest.approx(moment.timestamp(), abs=1.0)


@given(st.lists(st.text(max_size=60), max_size=20), st.floats(0, 2e9))
def test_any_lines_have_a_place_to_begin(told: list[str], at: float) -> None:
    assert 0 <= first_line_since(told, at) <= len(told)
    assert 0 <= last_start(told) <= len(told)
    assert all(age is None or age >= 0 for age in map(find_age, told))
