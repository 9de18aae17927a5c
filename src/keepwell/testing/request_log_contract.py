"""What every log of requests must do, as assertions that run over any of them.

Each of CHECKS takes a function that opens one and the same log, empty at first: what is opened again must have what
was added before. Requests come around BEGIN.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any, TypeAlias

from keepwell.store.request_log import Mark, Quantiles, RequestLog
from keepwell.store.requests import COLUMNS, NAME_CHARACTERS, Wanted
from keepwell.testing.request_quantiles import judge_quantiles, make_questions
from keepwell.testing.request_rows import BEGIN, PLAIN, make_mixed, make_values, values_of


class Wall:
    """A clock that says what a test wants."""

    def __init__(self, now: float = BEGIN) -> None:
        self.now = now

    def __call__(self) -> float:
        """Seconds since the epoch."""
        return self.now


#: Opens one and the same log, whose clock is this.
Make: TypeAlias = Callable[[Wall], RequestLog]
Check: TypeAlias = Callable[[Make], None]


def is_empty_at_first(make: Make) -> None:
    """Nothing is there, and to ask is no error."""
    with closing(make(Wall())) as log:
        assert log.last_number() == 0
        assert (log.after(0, 10), log.find(1), log.newest(), log.find_mark("x"), log.known([(1, 1)])) == (
            *([], [], []),
            None,
            set(),
        )
        assert list(log.between(0.0, 2 * BEGIN)) == []
        assert log.quantiles(Quantiles(measure="ttft", since=0.0, until=2 * BEGIN)) == []
        log.tend()
        log.drop(2 * BEGIN)


def gives_back_what_was_added(make: Make) -> None:
    """Every field, at once, to whoever opens it; what nobody knows stays so."""
    more: dict[str, Any] = {name: name.upper() for name in ("key", "path", "dialect", "route", "asked", "answered")}
    more |= {"proof": "digest", "digest": "sha", "device": "gpu0", "outcome": "cut", "status": 207, "retries": 3}
    more |= {"stream": False, "input_tokens": 0, "cached_tokens": 4, "changed_options": 2, "cold": 0, "id": 2**62}
    more |= {"energy_joules": 12.345, "cost": 0.000012345, "load_seconds": 2.5, "prefill_seconds": 0.125}
    more |= {"decode_seconds": 1.25, "stalled_seconds": 0.000001, "at": BEGIN + 0.123456, "replica": "r"}
    told = replace(PLAIN, **more)
    unknown = replace(PLAIN, id=3, input_tokens=-1, output_tokens=-1, queue_seconds=-1.0, first_byte_seconds=-1.0)
    with closing(make(Wall())) as log, closing(make(Wall())) as other:
        log.add([values_of(told), values_of(unknown), values_of(PLAIN)[:26]])
        for one in (log, other):
            assert [row for _, row in one.after(0, 10)] == [told, unknown, PLAIN]
        assert all(isinstance(row.stream, bool) for _, row in log.after(0, 10))


def numbers_only_grow(make: Make) -> None:
    """Also from one opening to the next, and where rows come late."""
    with closing(make(Wall())) as log:
        log.add([make_values(one) for one in range(10)])
        first = log.after(0, 100)
        assert log.last_number() == first[-1][0]
    with closing(make(Wall())) as log:
        log.add([make_values(10, at=BEGIN - 5000.0), make_values(11)])
        seen: list[int] = []
        while found := log.after(seen[-1] if seen else 0, 5):
            assert len(found) <= 5
            seen.extend(number for number, _ in found)
        assert [row.id for _, row in log.after(first[-1][0], 100)] == [10, 11]
        assert len(seen) == 12
        assert seen == sorted(set(seen))
        assert log.after(0, 0) == []


def finds_by_id(make: Make) -> None:
    """All rows with it."""
    with closing(make(Wall())) as log:
        log.add([make_values(one % 50) for one in range(100)])
        assert [row.id for row in log.find(7)] == [7, 7]
        assert log.find(50) == []
        keys = [(3, round((BEGIN + 3) * 1e6)), (3, 1), (99, 1)]
        assert log.known(keys) == {keys[0]}
        assert log.known([]) == set()


def finds_the_newest_of_a_kind(make: Make) -> None:
    """By key, route or asked name, failure and time; the oldest first."""
    with closing(make(Wall())) as log:
        log.add([make_values(one) for one in range(30)])
        log.add(
            [
                make_values(30, key="bob", route="r"),
                make_values(31, asked="alias", outcome="timeout"),
                make_values(32, status=429, at=BEGIN + 5000.0),
            ]
        )

        def ids(last: int = 20, **wanted: Any) -> list[int]:
            return [row.id for _, row in log.newest(last=last, wanted=replace(Wanted(), **wanted))]

        assert ids(3) == [30, 31, 32]
        assert (ids(key="bob"), ids(route="r"), ids(route="alias")) == ([30], [30], [31])
        assert (ids(failed=True), ids(1, failed=True)) == ([31, 32], [32])
        assert ids(since=BEGIN + 4000.0) == [32]
        assert ids(failed=True, key="bob") == ids(key="' OR 1=1 --") == ids(0) == []


def walks_a_span_in_order(make: Make) -> None:
    """From its first instant on and before its last, the oldest first, whenever they were added."""
    dice = random.Random(5)
    times = [dice.uniform(0.0, 5000.0) for _ in range(3000)]
    with closing(make(Wall())) as log:
        for start in range(0, len(times), 700):
            log.add([make_values(1, at=BEGIN + at) for at in times[start : start + 700]])
        log.add([make_values(1, at=BEGIN + 1000.0), make_values(2, at=BEGIN + 2000.0)])
        found = [row.at - BEGIN for row in log.between(BEGIN + 1000.0, BEGIN + 2000.0)]
        expected = sorted([at for at in times if 1000.0 <= at < 2000.0] + [1000.0])
        assert len(found) == len(expected)
        assert max(abs(one - other) for one, other in zip(found, expected, strict=True)) < 2e-6
        walk = log.between(BEGIN, BEGIN + 5000.0)
        next(iter(walk))
        log.add([make_values(3)])  # nobody waits for who walks


def tells_quantiles_by_group(make: Make) -> None:
    """As the rows themselves, within SKETCH_ERROR; each row once, before and after it was put into sketches."""
    rows = make_mixed(4000, 11)
    questions = list(make_questions())
    with closing(make(Wall())) as log:
        for start in range(0, len(rows), 900):
            log.add([values_of(row) for row in rows[start : start + 900]])
            if start < 2000:
                log.tend()
        for question in questions:
            judge_quantiles(log.quantiles(question), rows, question)
    with closing(make(Wall())) as log:
        log.tend()
        log.tend()
        for question in questions:
            judge_quantiles(log.quantiles(question), rows, question)


def tells_quantiles_of_any_span(make: Make) -> None:
    """By whole minutes, within 48 hours before the newest."""
    rows = make_mixed(3000, 12)
    with closing(make(Wall())) as log:
        log.add([values_of(row) for row in rows])
        for tended in range(2):
            for since, until in ((600.0, 9000.0), (3600.0, 7200.0), (4000.0, 4100.0), (0.0, 60.0), (7199.0, 7201.0)):
                question = Quantiles(measure="total", since=BEGIN + since, until=BEGIN + until, by=("route",))
                judge_quantiles(log.quantiles(question), rows, question)
            assert log.quantiles(Quantiles(measure="total", since=BEGIN - 7200.0, until=BEGIN)) == [], tended
            log.tend()


def keeps_hours_longer_than_minutes(make: Make) -> None:
    """After more than two days hours are there still, and minutes are not."""
    late = BEGIN + 5 * 86400.0
    with closing(make(Wall())) as log:
        log.add([make_values(one) for one in range(200)])
        log.tend()
        log.add([make_values(1, at=late), make_values(2, at=late + 60.0)])
        log.tend()
        whole: dict[str, Any] = {"measure": "ttft", "since": BEGIN, "until": late + 3600.0}
        hours = log.quantiles(Quantiles(**whole, by=("hour",)))
        assert [(row.at, row.count) for row in hours] == [(BEGIN, 200), (late, 2)]
        minutes = log.quantiles(Quantiles(**whole, by=("minute",)))
        assert [(row.at, row.count) for row in minutes] == [(late, 1), (late + 60.0, 1)]
        part = log.quantiles(Quantiles(measure="ttft", since=BEGIN + 60.0, until=BEGIN + 120.0, by=()))
        assert [row.count for row in part] == [200], "the whole hour stands for a part of it"


def keeps_marks_with_rows(make: Make) -> None:
    """One a source, in the transaction of its rows; what is refused leaves all as it was."""
    first = Mark(source="inbox", number=5, id=9, at=3, doubtful=2)
    with closing(make(Wall())) as log:
        log.add([make_values(1)], first)
        log.add([make_values(2)], Mark(source="other", number=1, id=1, at=1))
        log.add([make_values(3)])
    with closing(make(Wall())) as log:
        assert log.find_mark("inbox") == first
        broken = list(make_values(4))
        broken[COLUMNS.index("total_seconds")] = "soon"
        for bad in ((1, 2, 3), tuple(broken), (*make_values(4), 1)):
            try:
                log.add([make_values(4), bad], replace(first, number=6))
            except ValueError:
                continue
            raise AssertionError(f"{bad} was taken for a row")
        assert (log.find_mark("inbox"), len(log.after(0, 100))) == (first, 3)
        log.add([], replace(first, number=7))
        found = log.find_mark("inbox")
        assert found is not None
        assert found.number == 7
        assert log.find_mark("none") is None


def takes_any_name(make: Make) -> None:
    """Names come from outside."""
    names = ("\ud800", "\x00", "a\x00b", "'; DROP TABLE request; --", "\u2028", '"]]', "x" * 100_000, "ä" * 300, "")
    with closing(make(Wall())) as log:
        log.add([make_values(one, asked=name, route="r") for one, name in enumerate(names)])
        log.add([make_values(100, asked="\ud800")])
        found = [row.asked for _, row in log.after(0, 100)]
        for name, kept in zip(names, found[: len(names)], strict=True):
            expected = name[:NAME_CHARACTERS].encode("utf-8", "replace").decode()
            assert kept in (expected, expected.replace("\x00", "")), "a store that cannot keep NUL leaves it out"
        assert len(log.newest(last=100, wanted=Wanted(route="r"))) == len(names)


def drops_what_is_old(make: Make) -> None:
    """As far as it is easy; what is new stays, and numbers go on."""
    with closing(make(Wall())) as log:
        log.add([make_values(one) for one in range(10)])
        last = log.last_number()
        log.drop(BEGIN - 400 * 86400.0)
        assert len(log.after(0, 100)) == 10
        log.drop(BEGIN + 400 * 86400.0)
        log.add([make_values(10)])
        assert log.last_number() > last
        assert log.find(10)


def goes_on_in_another_month(make: Make) -> None:
    """Numbers, marks and what is asked go over the end of months; then the old ones can be dropped."""
    wall = Wall()
    mark = Mark(source="inbox", number=1, id=0, at=0)
    with closing(make(wall)) as log:
        log.add([make_values(0)], mark)
        for month in range(1, 4):
            wall.now = BEGIN + month * 31 * 86400.0
            log.add([make_values(month, at=wall.now), make_values(100 + month, at=wall.now - 40 * 86400.0)])
        assert [row.id for _, row in log.after(0, 100)] == [0, 1, 101, 2, 102, 3, 103]
        assert [row.id for row in log.between(0.0, 2 * BEGIN)] == [101, 0, 102, 1, 103, 2, 3]
        assert [row.id for _, row in log.newest(last=3)] == [102, 3, 103]
        assert log.find(101)
        assert log.find_mark("inbox") == mark
        assert sum(row.count for row in log.quantiles(Quantiles(measure="total", since=0.0, until=2 * BEGIN))) == 7
        last = log.last_number()
        wall.now = BEGIN  # a clock that was wrong is put right
        log.add([make_values(4)])
        assert [row.id for _, row in log.after(last, 9)] == [4]
        log.drop(BEGIN + 40 * 86400.0)
        assert [row.id for _, row in log.after(0, 100)][-5:] == [2, 102, 3, 103, 4]
        assert log.find_mark("inbox") == mark


def closes_twice(make: Make) -> None:
    """And what was added is there."""
    log = make(Wall())
    log.add([make_values(1)])
    log.close()
    log.close()
    with closing(make(Wall())) as again:
        assert again.find(1)


#: All of them.
CHECKS: tuple[Check, ...] = (
    is_empty_at_first,
    gives_back_what_was_added,
    numbers_only_grow,
    finds_by_id,
    finds_the_newest_of_a_kind,
    walks_a_span_in_order,
    tells_quantiles_by_group,
    tells_quantiles_of_any_span,
    keeps_hours_longer_than_minutes,
    keeps_marks_with_rows,
    takes_any_name,
    drops_what_is_old,
    goes_on_in_another_month,
    closes_twice,
)
