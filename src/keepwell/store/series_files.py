"""Series in SQLite files: points of minutes in a file for each day, of hours in a file for each month.

A minute comes in as one row with all series. When its hour is over, each series' minutes are put together into one row,
and into a point and a sketch of the hour. Whole files are unlinked when they are too old; nothing shrinks row by row.
Days and months are those of UTC. There is one writer; readers may be other processes.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from keepwell.core.errors import AccessError, DamagedError, NotThere
from keepwell.core.series import Point, SeriesKey
from keepwell.store.folder import state_error
from keepwell.store.series_blocks import (
    Block,
    Row,
    join_minutes,
    join_points,
    merge_points,
    parse_hour,
    render_block,
    render_hour,
)
from keepwell.store.series_database import SERIES, SeriesDatabase, find_place
from keepwell.store.series_log import HOUR, MINUTE
from keepwell.store.series_sketch import add_up, find_quantiles, merge_sketches

#: Days for which minutes are kept, and months for hours beside the one that runs.
DAYS, MONTHS = 14, 13
#: Seconds after the end of an hour at which its minutes are put together: late ones have come.
LATE_SECONDS = 300.0
#: Files that are kept open: those of two weeks, and of the months that a look at them needs.
OPEN = 20
DAY = 24 * HOUR
_DAY_FILE, _MONTH_FILE = "minutes-%Y-%m-%d.db", "hours-%Y-%m.db"


class SeriesFiles:
    """The SeriesLog of a folder; files are made and opened when they are wanted. For any thread, one after another.

    A file that is damaged is put aside (its name then ends in `.damaged`) when it is to be written, and begun anew.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._open: dict[tuple[str, bool], SeriesDatabase] = {}

    def add(self, points: Iterable[tuple[SeriesKey, Point]], sketches: Mapping[SeriesKey, bytes] | None = None) -> None:
        """Add points of one minute in one transaction, with sketches of their samples where there are any."""
        minutes: dict[int, list[tuple[SeriesKey, Point]]] = {}
        for one in points:
            minutes.setdefault(int(one[1].at // MINUTE * MINUTE), []).append(one)
        with self._lock:
            for at, rows in sorted(minutes.items()):
                self._add_minute(at, rows, sketches or {})

    def keys(self, metric: str = "", subject: str = "") -> tuple[SeriesKey, ...]:
        """Series that there ever were, sorted; only of this metric, only about this subject or what lies in it."""
        found: set[SeriesKey] = set()
        with self._lock:
            for path in self._files():
                with contextlib.suppress(NotThere):
                    found.update(key for _, key in self._reader(path.name).series())
        inner = subject.partition(":")[2] + "/"
        return tuple(
            sorted(
                one
                for one in found
                if metric in ("", one.metric) and (not subject or is_within(one.subject, subject, inner))
            )
        )

    def points(self, key: SeriesKey, since: float, until: float, step_seconds: float = MINUTE) -> tuple[Point, ...]:
        """Its points from `since` until before `until`, in order; `step_seconds` is MINUTE or HOUR."""
        with self._lock:
            if step_seconds == MINUTE:
                return self._minutes(key, since, until)
            return self._hours(key, since, until)

    def quantiles(self, key: SeriesKey, since: float, until: float, shares: Iterable[float]) -> tuple[float, ...]:
        """Quantiles of its samples in whole hours that lie in this span, within one per cent; () where there are
        none.
        """
        with self._lock:
            sketches = [one for _, _, one in self._packed(_MONTH_FILE, key, since, until)]
            fresh = [one for _, _, one in self._fresh(key, since, until)]
        return find_quantiles(add_up((*sketches, *fresh)), shares)

    def fold(self, now: float) -> int:
        """Put together the minutes of hours that are over; how many hours."""
        done = 0
        with self._lock:
            for path in self._files("minutes-"):
                try:
                    database = self._reader(path.name)
                except NotThere:
                    continue
                latest = int((now - LATE_SECONDS) // HOUR * HOUR)
                rows = database.rows("SELECT DISTINCT at / 3600 FROM block WHERE at < ?", (latest,))
                for hour in sorted(int(str(one)) for (one,) in rows):
                    self._fold_hour(path.name, hour * int(HOUR))
                    done += 1
        return done

    def drop(self, now: float) -> None:
        """Unlink what is too old: minutes after two weeks, hours after thirteen months."""
        oldest_day = time.strftime(_DAY_FILE, time.gmtime(now - DAYS * DAY))
        this = time.gmtime(now)
        months = this.tm_year * 12 + this.tm_mon - 1 - MONTHS
        oldest_month = f"hours-{months // 12:04d}-{months % 12 + 1:02d}.db"
        with self._lock:
            for path in self._files():
                oldest = {"h": oldest_month, "m": oldest_day}[path.name[0]]
                if path.name < oldest:
                    self._unlink(path)

    def close(self) -> None:
        """Let go of files; safe to call twice."""
        with self._lock:
            for one in self._open.values():
                one.close()
            self._open.clear()

    def _add_minute(self, at: int, rows: list[tuple[SeriesKey, Point]], sketches: Mapping[SeriesKey, bytes]) -> None:
        database = self._writer(time.strftime(_DAY_FILE, time.gmtime(at)))
        with database.writing() as connection:
            ids = database.give_ids(key for key, _ in rows)
            made = [Row(number, point, sketches.get(key, b"")) for number, (key, point) in zip(ids, rows, strict=True)]
            connection.execute("INSERT INTO block (at, rows) VALUES (?, ?)", (at, render_block(made)))

    def _fold_hour(self, name: str, hour: int) -> None:
        """First the hours' file, then the minutes': a crash between them does the same again."""
        days = self._writer(name)
        keys = dict(days.series())
        span = find_place(hour, 0), find_place(hour, SERIES - 1)
        late = dict(_rows(days.rows("SELECT place, points FROM packed WHERE place BETWEEN ? AND ?", span)))
        minutes: list[tuple[int, bytes, None]] = []
        hours: list[tuple[SeriesKey, bytes, bytes]] = []
        for key, fresh, sketch in _gather(days, hour):
            place = find_place(hour, key)
            points = join_minutes((*_parse(late.get(place), hour), *fresh))
            minutes.append((place, render_hour(points, hour), None))
            hours.append((keys[key], render_hour((join_points(hour, points),), hour), sketch))
        months = self._writer(time.strftime(_MONTH_FILE, time.gmtime(hour)))
        with months.writing() as connection:
            query = "SELECT place, sketch FROM packed WHERE place BETWEEN ? AND ?"
            before = dict(
                _rows(months.rows(query, span) * bool(late))
            )  # else what is there is of a fold that broke off
            places = [find_place(hour, one) for one in months.give_ids(key for key, _, _ in hours)]
            made = [
                (place, content, merge_sketches((sketch, before.get(place, b""))))
                for place, (_, content, sketch) in zip(places, hours, strict=True)
            ]
            connection.executemany("INSERT OR REPLACE INTO packed VALUES (?, ?, ?)", sorted(made))
        with days.writing() as connection:
            connection.executemany("INSERT OR REPLACE INTO packed VALUES (?, ?, ?)", minutes)
            connection.execute("DELETE FROM block WHERE at >= ? AND at < ?", (hour, hour + HOUR))

    def _minutes(self, key: SeriesKey, since: float, until: float) -> tuple[Point, ...]:
        packed = (one for _, points, _ in self._packed(_DAY_FILE, key, since, until) for one in points)
        fresh = join_minutes(one for _, one, _ in self._fresh(key, since, until))
        return tuple(one for one in merge_points(packed, fresh) if since <= one.at < until)

    def _hours(self, key: SeriesKey, since: float, until: float) -> tuple[Point, ...]:
        """Those that are put together, and those that are not yet."""
        packed = (points[0] for _, points, _ in self._packed(_MONTH_FILE, key, since, until) if points)
        groups: dict[float, list[Point]] = {}
        for point in join_minutes(one for _, one, _ in self._fresh(key, since, until)):
            groups.setdefault(point.at // HOUR * HOUR, []).append(point)
        fresh = [join_points(at, points) for at, points in groups.items()]
        return tuple(one for one in merge_points(fresh, packed) if since <= one.at < until)

    def _packed(
        self, form: str, key: SeriesKey, since: float, until: float
    ) -> Iterator[tuple[float, tuple[Point, ...], bytes]]:
        query = "SELECT place, points, sketch FROM packed WHERE place IN (SELECT value FROM json_each(?))"
        for name, hours in _span(form, since, until).items():
            with contextlib.suppress(NotThere):
                database = self._reader(name)
                number = database.find_id(key)
                listed = [find_place(hour, number) for hour in hours] * bool(number)
                for place, content, sketch in database.rows(query, (json.dumps(listed),)):
                    hour = int(str(place)) // SERIES * int(HOUR)
                    yield hour, parse_hour(_blob(content), hour), _blob(sketch or b"")

    def _fresh(self, key: SeriesKey, since: float, until: float) -> Iterator[tuple[int, Point, bytes]]:
        """From minutes as they came in: rows of hours that are not over."""
        for name in _span(_DAY_FILE, since, until):
            with contextlib.suppress(NotThere):
                database = self._reader(name)
                number = database.find_id(key)
                bounds = (int(since // HOUR * HOUR), int(until))
                query = "SELECT at, rows FROM block WHERE at >= ? AND at < ? ORDER BY n"
                for at, content in database.rows(query, bounds) * bool(number):
                    block = Block(int(str(at)), _blob(content))
                    if number in block.keys:
                        place = block.keys.index(number)
                        yield int(str(at)), block.point(place), block.sketch(place)

    def _files(self, kind: str = "") -> list[Path]:
        return sorted(one for one in self._folder.glob(f"{kind}*.db") if one.name.startswith(("minutes-", "hours-")))

    def _reader(self, name: str) -> SeriesDatabase:
        return self._open.get((name, True)) or self._get(name, writing=False)

    def _writer(self, name: str) -> SeriesDatabase:
        try:
            return self._get(name, writing=True)
        except DamagedError:
            aside = self._folder / f"{name}.{int(time.time())}.damaged"
            with contextlib.suppress(OSError):
                (self._folder / name).rename(aside)
            return self._get(name, writing=True)

    def _get(self, name: str, *, writing: bool) -> SeriesDatabase:
        found = self._open.pop((name, writing), None) or SeriesDatabase(self._folder / name, writing=writing)
        self._open[name, writing] = found  # the newest last
        while len(self._open) > OPEN:
            self._open.pop(next(iter(self._open))).close()
        return found

    def _unlink(self, path: Path) -> None:
        for writing in (True, False):
            found = self._open.pop((path.name, writing), None)
            if found is not None:
                found.close()
        try:
            for end in ("", "-wal", "-shm"):
                path.with_name(path.name + end).unlink(missing_ok=True)
        except OSError as error:
            raise state_error(error, path, AccessError) from error


def is_within(one: str, subject: str, inner: str) -> bool:
    """True if a Ref's text is the other one's, or lies in it; `inner` is the other's path with a slash."""
    return one == subject or (subject.startswith(("node:", "engine:")) and one.partition(":")[2].startswith(inner))


def _gather(days: SeriesDatabase, hour: int) -> Iterator[tuple[int, list[Point], bytes]]:
    """Each series of an hour's blocks in order of their numbers, with its points and the sketch of them all."""
    query = "SELECT at, rows FROM block WHERE at >= ? AND at < ? ORDER BY n"
    found = days.rows(query, (hour, hour + int(HOUR)))
    blocks = [Block(int(str(at)), _blob(content)) for at, content in found]
    known: dict[tuple[int, ...], dict[int, int]] = {}  # most blocks hold the same series in the same order
    placed = []
    for block in blocks:
        keys = tuple(block.keys)
        if keys not in known:
            known[keys] = {key: place for place, key in enumerate(keys)}
        placed.append((block, known[keys]))
    for key in sorted({key for keys in known for key in keys}):
        there = [(block, places[key]) for block, places in placed if key in places]
        sketches = merge_sketches(block.sketch(place) for block, place in there)
        yield key, join_minutes(block.point(place) for block, place in there), sketches


def _span(form: str, since: float, until: float) -> dict[str, list[int]]:
    """Names of the files that hold this span, each with the hours that are wanted of it."""
    found: dict[str, list[int]] = {}
    hour = int(since // HOUR * HOUR)
    while hour < until:
        found.setdefault(time.strftime(form, time.gmtime(hour)), []).append(hour)
        hour += int(HOUR)
    return found


def _rows(rows: Iterable[tuple[object, ...]]) -> Iterator[tuple[int, bytes]]:
    """Places and bytes."""
    return ((int(str(place)), _blob(content)) for place, content in rows)


def _parse(content: bytes | None, hour: int) -> tuple[Point, ...]:
    if content is None:
        return ()
    return parse_hour(content, hour)


def _blob(found: object) -> bytes:
    assert isinstance(found, bytes)
    return found
