"""The book on disk and who asks in it: damage, full disks, clocks and boots, and any book written and read back."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keepwell.core.errors import AccessError, ConfigurationError, DamagedError
from keepwell.core.hours import Hours
from keepwell.core.job import ProcessId
from keepwell.turns.asking import AWAY, Asker, parse_place, render_place, require_place
from keepwell.turns.book import (
    BOOK_FILE,
    RULES_FILE,
    find_gone,
    find_open,
    load_book,
    load_rules,
    make_wish,
    save_book,
    save_rules,
    take_lock,
)
from keepwell.turns.living import get_boot, identify
from keepwell.turns.words import Book, Device, Place, Rules, Turn, Window, Wish

RULES = Rules(
    devices=(Device(name="box/0", memory_bytes=9, replicas=("box/a",), models_bytes=1, unloads=True),),
    windows=(Window(device="box/0", holders=("n*",), hours=Hours("22:00", "06:00", ("mon",)), unload=("*",)),),
)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12)
WISHES = st.builds(
    Wish,
    id=TEXT,
    holder=TEXT,
    device=TEXT,
    memory_bytes=st.integers(0, 2**40),
    process=st.none() | st.builds(ProcessId, st.integers(1, 2**22), st.integers(0, 2**40), TEXT),
)
TURNS = st.builds(
    Turn,
    wish=WISHES,
    number=st.integers(1, 2**31),
    stage=st.sampled_from(["early", "waiting", "clearing", "held", "refused"]),
    heard=st.floats(0, 1e9),
    why=TEXT,
    cleared=st.booleans(),
    unload=st.lists(TEXT, max_size=3).map(tuple),
)


def wish(name: str, device: str = "box/0", memory: int = 0) -> Wish:
    """Of this process."""
    return Wish(id=name, holder=name, device=device, memory_bytes=memory, process=identify(os.getpid()))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TURNS, max_size=5), st.integers(1, 2**31))
def test_any_book_is_read_as_it_was_written(tmp_path: Path, turns: list[Turn], number: int) -> None:
    book = Book(turns=tuple(turns), next_number=number)
    save_book(tmp_path, book)
    assert load_book(tmp_path) == book


def test_rules_are_read_as_they_were_written(tmp_path: Path) -> None:
    assert load_rules(tmp_path) == Rules()
    save_rules(tmp_path, RULES)
    assert load_rules(tmp_path) == RULES
    assert (tmp_path / RULES_FILE).stat().st_mode & 0o777 == 0o600


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80) | st.sampled_from([b"[]", b'{"turns": 3}', b'{"devices": [{"name": 1}]}', b"null"]))
def test_whatever_stands_there_is_told_as_damage(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "devices").mkdir(exist_ok=True)
    (tmp_path / RULES_FILE).write_bytes(content)
    (tmp_path / BOOK_FILE).write_bytes(content)
    for load in (load_rules, load_book):
        with contextlib.suppress(DamagedError):
            load(tmp_path)


def test_a_book_of_another_boot_is_empty(tmp_path: Path) -> None:
    save_book(tmp_path, Book(turns=(Turn(wish=wish("a"), number=1),), next_number=2))
    row = json.loads((tmp_path / BOOK_FILE).read_text())
    assert row["boot"] == get_boot()
    (tmp_path / BOOK_FILE).write_text(json.dumps({**row, "boot": "another"}))
    assert load_book(tmp_path) == Book()


def test_who_asks_without_a_gateway_decides_itself(tmp_path: Path) -> None:
    save_rules(tmp_path, Rules(devices=(Device(name="box/0", replicas=("box/a",), unloads=True, models_bytes=5),)))
    first, second = Asker(tmp_path, wish("one")), Asker(tmp_path, wish("two"))
    assert first.ask().held, "nobody unloads, so nobody waits for that"
    assert second.ask() == Place(stage="waiting", before=1, why="one has it")
    first.leave()
    assert second.ask().held
    refused = Asker(tmp_path, wish("far", "box/7")).ask()
    with pytest.raises(ConfigurationError, match="no device 'box/7' is known; known: box/0"):
        require_place(refused, wish("far", "box/7"))
    second.leave()
    assert [one.wish.id for one in load_book(tmp_path).turns] == ["far"]


def test_who_has_the_lock_for_long_is_waited_for_a_moment(tmp_path: Path) -> None:
    lock = take_lock(tmp_path)
    assert lock is not None
    assert take_lock(tmp_path) is None
    began = time.monotonic()
    assert Asker(tmp_path, wish("one")).ask() == AWAY
    assert time.monotonic() - began >= 1
    os.close(lock)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "devices").write_text("a file where a folder should be")
    with pytest.raises(AccessError, match="keepwell's state"):
        Asker(tmp_path, wish("one")).ask()


def test_what_a_door_says_that_is_none(tmp_path: Path) -> None:
    place = Place(stage="held", why="x", over=True, owner=7)
    assert parse_place(render_place(place)) == place
    for body in (b"", b"<html>", b'{"stage": "held", "more": 1}', b"3"):
        assert parse_place(body) == AWAY
    doors = tmp_path / "gateway" / "planes"
    doors.mkdir(parents=True)
    (doors / "1.json").write_text("no plate")
    (doors / f"{os.getpid()}.json").write_text(json.dumps({"pid": os.getpid(), "port": 1, "secret": "s"}))
    assert Asker(tmp_path, wish("one")).ask() == AWAY, "a gateway runs and does not answer: nobody decides without it"


def test_wishes_are_read_without_trust() -> None:
    for row in ({}, {"id": 1}, {"id": "a", "holder": "b", "device": "c", "process": {"pid": 1}}):
        with pytest.raises((KeyError, TypeError)):
            make_wish(row)


def test_a_process_that_is_gone_is_known_to_be(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = identify(gone.pid)
    assert process is not None
    book = Book(
        turns=tuple(
            Turn(wish=Wish(id=str(one), holder="", device="", process=one), number=1)
            for one in (process, identify(os.getpid()), None)
        )
    )
    assert find_gone(book) == frozenset()
    gone.communicate()
    assert find_gone(book) == {str(process)}


def test_windows_are_by_the_wall_clock() -> None:
    rules = Rules(windows=(*RULES.windows, Window(device="x", holders=(), hours=Hours("00:00", "00:00"))))
    monday = time.mktime((2026, 6, 1, 23, 0, 0, 0, 0, -1))
    assert find_open(rules, monday) == {0, 1}
    assert find_open(rules, monday + 86_400) == {1}
