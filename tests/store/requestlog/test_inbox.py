"""Rows of the inbox reach the log exactly once, whatever happens to either."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keepwell.core.errors import AccessError
from keepwell.store.request_log import Mark
from keepwell.store.requestlog.files import RequestFiles
from keepwell.store.requestlog.inbox import move
from keepwell.store.requestlog.months import list_months
from keepwell.store.requestlog.whole import each_request, find_requests, newest_requests
from keepwell.store.requests import RECORD_FILE, Wanted, add_rows, open_record
from keepwell.testing.request_log_contract import Wall
from keepwell.testing.request_rows import BEGIN, make_values
from keepwell.testing.waiting import eventually


class Place:
    """A state folder with an inbox and a log."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.inbox = state / RECORD_FILE
        self.wall = Wall()
        self.log = RequestFiles(state / "requests", self.wall)

    def put(self, *ids: int, **more: object) -> None:
        """Write requests with these ids into the inbox, together."""
        with closing(open_record(self.inbox)) as connection:
            add_rows(connection, [make_values(one, **more) for one in ids], {})

    def move(self, most: int = 1000) -> int:
        """Move all that is there; how many rows came into the log."""
        count = 0
        while True:
            moved = move(self.inbox, self.log, most=most)
            count += moved.rows
            if not moved.more:
                return count

    def ids(self) -> list[int]:
        """What the log has."""
        return [row.id for _, row in self.log.after(0, 100_000)]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_each_row_is_moved_once(place: Place) -> None:
    assert place.move() == 0, "there is no inbox"
    place.put(1, 2, 3)
    place.put(4)
    assert (place.move(), place.move()) == (4, 0)
    place.put(5, 6)
    place.put(7)
    assert (place.move(most=1), place.ids()) == (3, [1, 2, 3, 4, 5, 6, 7])
    place.log.close()
    assert Place(place.state).move() == 0


def test_an_inbox_that_begins_anew_is_moved_whole(place: Place) -> None:
    place.put(*range(1, 20))
    place.move()
    place.inbox.unlink()
    place.put(101, 102)
    assert place.move() == 2
    place.put(*range(103, 150))
    assert (place.move(), place.ids()) == (47, [*range(1, 20), *range(101, 150)])


def test_an_older_copy_of_the_inbox_brings_nothing_twice(place: Place) -> None:
    place.put(*range(1, 10))
    copy = place.inbox.read_bytes()
    place.put(*range(10, 20))
    place.move()
    place.inbox.write_bytes(copy)
    place.put(20, 21)
    assert place.move(most=3) == 2
    place.put(22)
    assert (place.move(), place.ids()) == (1, [*range(1, 23)])


def test_a_log_that_lost_its_newest_file_gets_it_again(place: Place) -> None:
    place.put(1, 2, 3)
    place.move()
    place.wall.now += 40 * 86400.0
    place.put(4, 5)
    place.move()
    list_months(place.state / "requests")[-1].unlink()
    place.put(6)
    assert (place.move(), place.ids()) == (3, [1, 2, 3, 4, 5, 6])


def test_rows_that_went_before_they_were_moved_are_counted(place: Place) -> None:
    place.put(1, 2, 3)
    place.move()
    for one in range(4, 10):
        place.put(one)
    with closing(sqlite3.connect(place.inbox, isolation_level=None)) as connection:
        connection.execute("DELETE FROM batch WHERE first < 7")
    moved = move(place.inbox, place.log)
    assert (moved.rows, moved.missed, place.ids()) == (3, 3, [1, 2, 3, 7, 8, 9])


def test_what_is_no_row_is_counted_and_passed_over(place: Place) -> None:
    place.put(1)
    bad = ([1, 2], list(make_values(2, id=2**70)), [*make_values(3)[:21], "soon", *make_values(3)[22:]])
    whole = [list(make_values(3)), *bad]
    with closing(sqlite3.connect(place.inbox, isolation_level=None)) as connection:
        connection.execute("INSERT INTO batch VALUES (2, 4, ?, ?)", (BEGIN, json.dumps(whole)))
    moved = move(place.inbox, place.log)
    assert (moved.rows, moved.unfit) == (2, 3)
    place.put(9)
    assert (place.move(), place.ids()) == (1, [1, 3, 9])


def test_a_record_of_the_first_release_is_moved(place: Place) -> None:
    """Its schema as it was written then, without the columns that came later."""
    place.inbox.parent.mkdir(parents=True)
    with closing(sqlite3.connect(place.inbox, isolation_level=None)) as old:
        old.executescript(
            "CREATE TABLE batch (first INTEGER PRIMARY KEY, count INTEGER, latest REAL, rows TEXT);"
            "CREATE TABLE spent (day, key, tokens, PRIMARY KEY (day, key)) WITHOUT ROWID;"
        )
        for first, fields in ((1, 26), (3, 28)):
            rows = [list(make_values(one)[:fields]) for one in (first, first + 1)]
            old.execute("INSERT INTO batch VALUES (?, 2, ?, ?)", (first, BEGIN, json.dumps(rows)))
    assert [row.id for row in newest_requests(place.state)] == [1, 2, 3, 4]
    assert place.move() == 4
    assert [(row.id, row.cost, row.cold) for _, row in place.log.after(0, 9)] == [(one, -1, -1) for one in (1, 2, 3, 4)]


def test_a_locked_log_moves_nothing_and_later_all(place: Place) -> None:
    place.put(1)
    place.move()
    place.put(2, 3)
    (file,) = list_months(place.state / "requests")
    quick = RequestFiles(place.state / "requests", place.wall, busy_seconds=0.05)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(AccessError, match="locked"):
            move(place.inbox, quick)
        place.put(4)  # the gateway does not notice
        assert [row.id for row in newest_requests(place.state)] == [1, 2, 3, 4]
        other.execute("ROLLBACK")
    assert (move(place.inbox, quick).rows, place.ids()) == (3, [1, 2, 3, 4])
    quick.close()


def test_a_hub_that_stands_still_while_it_reads_does_not_hold_the_gateway(place: Place) -> None:
    place.put(1)
    with closing(sqlite3.connect(place.inbox, isolation_level=None)) as still:
        still.execute("BEGIN")
        still.execute("SELECT count(*) FROM batch").fetchone()
        place.put(2, 3)
        assert [row.id for row in newest_requests(place.state)] == [1, 2, 3]
    assert place.move() == 3


def test_what_is_told_is_the_log_and_the_inbox_and_nothing_twice(place: Place) -> None:
    assert list(each_request(place.state, 0.0, 2 * BEGIN)) == newest_requests(place.state) == []
    for step in range(6):
        place.put(*range(10 * step, 10 * step + 10), key=f"k{step}")
        if step in (1, 3):
            place.move()
        if step == 4:
            place.inbox.rename(place.inbox.with_name("gone.db"))
    told = [row.id for row in each_request(place.state, 0.0, 2 * BEGIN)]
    assert told == [*range(40), *range(50, 60)]
    assert [row.id for row in newest_requests(place.state, last=15)] == [*range(35, 40), *range(50, 60)]
    assert [row.id for row in newest_requests(place.state, last=3, wanted=Wanted(key="k3"))] == [37, 38, 39]
    assert [row.id for row in each_request(place.state, BEGIN + 38.0, BEGIN + 51.0)] == [38, 39, 50]
    for one, found in ((7, [7]), (45, []), (55, [55])):
        assert [row.id for row in find_requests(place.state, one)] == found
        assert [row.id for row in find_requests(place.state, one, place.log)] == found
    elsewhere = RequestFiles(place.state / "elsewhere", place.wall)
    assert [row.id for row in each_request(place.state, 0.0, 2 * BEGIN, elsewhere)] == [*range(50, 60)]
    assert [row.id for row in newest_requests(place.state, last=3, log=elsewhere)] == [57, 58, 59]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(["put", "put many", "move", "move few", "restore", "anew", "reopen", "month"]), max_size=25
    )
)
def test_any_history_ends_with_each_request_once(tmp_path_factory: pytest.TempPathFactory, history: list[str]) -> None:
    place = Place(tmp_path_factory.mktemp("history"))
    number, there, saved = 0, set[int](), b""
    held: set[int] = set()
    for event in [*history, "move"]:
        if event in ("put", "put many"):
            count = 1 + 30 * (event == "put many")
            place.put(*range(number, number + count))
            there |= set(range(number, number + count))
            number += count
        elif event == "restore" and saved:
            place.inbox.write_bytes(saved)
            there = set(held)
        elif event == "anew":
            place.inbox.unlink(missing_ok=True)
            there = set()
        elif event == "reopen":
            place.log.close()
        elif event == "month":
            place.wall.now += 31 * 86400.0
        elif event == "move":
            place.move(most=7)
            saved, held = (place.inbox.read_bytes() if place.inbox.exists() else b""), set(there)
        elif event == "move few":
            move(place.inbox, place.log, most=2)
        found = place.ids()
        assert len(found) == len(set(found)), history
        if event == "move":
            assert there <= set(found)
    place.log.close()


MOVER = """
import sys
from pathlib import Path
from keepwell.store.requestlog.files import open_request_log
from keepwell.store.requestlog.inbox import move
from keepwell.store.requests import RECORD_FILE
state = Path(sys.argv[1])
log = open_request_log(state)
while True:
    move(state / RECORD_FILE, log, most=7)
    log.tend()
"""


def test_a_mover_that_is_killed_loses_nothing_and_moves_nothing_twice(tmp_path: Path) -> None:
    place = Place(tmp_path)
    number = 0
    for turn in range(4):
        mover = subprocess.Popen([sys.executable, "-c", MOVER, str(tmp_path)])
        try:
            enough = len(place.ids()) + 20 * (turn + 1)
            for _ in range(40):
                place.put(*range(number, number + 5))
                number += 5
            eventually(lambda enough=enough: len(place.ids()) > enough, what="rows are moved")
        finally:
            os.kill(mover.pid, signal.SIGKILL)
            mover.wait()
    place.move()
    place.log.tend()
    assert place.ids() == list(range(number))
    assert place.log.find_mark("gateway") == Mark(
        source="gateway", number=number, id=number - 1, at=round((BEGIN + number - 1) * 1e6)
    )
