"""`keepwell.checkpoint`: any script item by item, so that it goes on where it was, whatever ended it.

    from keepwell import checkpoint

    for item in checkpoint(sorted(Path("audio").glob("*.wav")), "out.jsonl"):
        with item:
            item.done(transcribe(item.value))

What has a result is skipped; each item has exactly one, a line `{"key": ..., "result": ...}`. An error inside `with`
is tried again or put down, and the next item comes; Ctrl-C ends the program as ever.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Generic, TypeVar

from keepwell.core.errors import ConfigurationError, KeepwellError
from keepwell.jobs.eta import Pace, describe_progress
from keepwell.jobs.results import Results

if TYPE_CHECKING:
    from keepwell.jobs.item_turn import ItemTurn

#: Tries of an item whose error may pass, and the seconds before the second, doubled with each up to the most. The pause
#: is a random share of that, so that many programs that failed together do not come back together.
TRIES, PAUSE_SECONDS, MOST_SECONDS = 3, 2.0, 60.0
#: Items that fail one after another before it ends: the fault is not theirs.
IN_A_ROW = 20
#: Seconds between two tellings on a terminal, and elsewhere, where each is a line that stays.
DRAW_SECONDS, TELL_SECONDS = 5.0, 30.0
#: Errors that pass by themselves, as far as the standard library knows.
PASSING: tuple[type[Exception], ...] = (ConnectionError, TimeoutError)

Thing = TypeVar("Thing")


class ItemsFailed(KeepwellError):
    """All others have their result; of these the errors stand beside the results."""


class Item(Generic[Thing]):
    """One item: its `value`, its `key`, and which `attempt` this is, from 1; `open` while the program works on it."""

    def __init__(self, run: Checkpoint[Thing], value: Thing, key: str) -> None:
        self.value = value
        self.key = key
        self.attempt = 0
        self.open = False
        self._settled = False
        self._run = run
        self._began = 0.0

    def done(self, result: object = None) -> None:
        """It is done: kept before this returns. Once for each item. TypeError for a result without a JSON form."""
        if self._settled:
            raise ConfigurationError(f"{self.key} is done already: one result an item")
        self._run.keep(self, result, time.monotonic() - self._began)
        self.open, self._settled = False, True

    def begin(self) -> None:
        """A try begins."""
        self.attempt += 1
        self.open = True
        self._began = time.monotonic()

    def __enter__(self) -> Item[Thing]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if self._settled or not isinstance(error, Exception) or isinstance(error, KeepwellError):
            return False
        self.open = False
        self._run.fail(self, error)
        return True


class Checkpoint(Generic[Thing]):
    """A run over items, iterated once. `failed` are the keys of those without a result, with what their error said."""

    def __init__(
        self,
        items: Iterable[Thing],
        out: str | Path,
        *,
        key: Callable[[Thing], str] | None = None,
        retry: tuple[type[Exception], ...] = PASSING,
        tries: int = TRIES,
        quiet: bool = False,
        device: str = "",
    ) -> None:
        self.failed: dict[str, str] = {}
        self._items = items
        self._path = Path(out)
        self._key = key or make_key
        self._retry = retry
        self._tries = tries
        self._quiet = quiet
        self._pace = Pace()
        self._again: deque[tuple[float, Item[Thing]]] = deque()
        self._told_at = time.monotonic()
        self._in_a_row = 0
        self._device = device
        self._turn: ItemTurn | None = None
        self._total: int | None = None
        if isinstance(items, Sized):
            self._total = len(items)

    def __iter__(self) -> Iterator[Item[Thing]]:
        """Each item that has no result yet, and those again that failed in passing. Raises ItemsFailed at the end if
        some have none, RefusedError, DamagedError, AccessError.
        """
        self._results = Results(self._path)
        try:
            before = len(self._results.keys)
            self._tell(f"{before} were done before" * bool(before))
            for item in self._list():
                self._take_turn()
                item.begin()
                yield item
                self._leave_turn()
                if item.open:
                    raise ConfigurationError(f"{item.key} was left without done()", hint="call item.done(result)")
            self._results.flush()
            self._finish()
        finally:
            self._leave_turn()
            self._results.close()

    # An item's calls.

    def keep(self, item: Item[Thing], result: object, seconds: float) -> None:
        """Its result."""
        self._results.add(item.key, {"result": result})
        self._in_a_row = 0
        self._pace.take(seconds)
        self._tell_progress()

    def fail(self, item: Item[Thing], error: Exception) -> None:
        """A try failed: another one later, or none. Raises ItemsFailed where all fail."""
        said = f"{type(error).__name__}: {error}"
        if isinstance(error, self._retry) and item.attempt < self._tries:
            pause = random.uniform(0, min(MOST_SECONDS, PAUSE_SECONDS * 2.0 ** (item.attempt - 1)))
            self._again.append((time.monotonic() + pause, item))
            return
        self.failed[item.key] = said
        self._in_a_row += 1
        self._tell(f"{item.key} failed: {said}")
        if self._in_a_row >= IN_A_ROW:
            self._finish(f"{IN_A_ROW} items failed one after another, the last by {said}")

    # How it goes.

    def _take_turn(self) -> None:
        """Wait for the device, where one is wanted; what is needed for that is loaded then."""
        if self._device:
            from keepwell.jobs.item_turn import ItemTurn

            self._turn = self._turn or ItemTurn(self._device, self._path.stem, self._tell)
            self._turn.take()

    def _leave_turn(self) -> None:
        if self._turn is not None:
            self._turn.leave()

    def _list(self) -> Iterator[Item[Thing]]:
        """Fresh items; those that are due again go first, and are waited for at the end."""
        seen: set[str] = set()
        for value in self._items:
            while self._again and self._again[0][0] <= time.monotonic():
                yield self._again.popleft()[1]
            key = self._key(value)
            if key in seen:
                raise ConfigurationError(f"two items have the key {key!r}", hint="tell them apart: checkpoint(key=...)")
            seen.add(key)
            if key not in self._results.keys:
                yield Item(self, value, key)
        while self._again:
            due, item = self._again.popleft()
            time.sleep(max(0.0, due - time.monotonic()))
            yield item

    def _finish(self, why: str = "") -> None:
        """The errors beside the results, and the end if there are some."""
        path = self._path.with_name(f"{self._path.name}.failed")
        self._tell(describe_progress(len(self._results.keys), self._total, len(self.failed), self._pace))
        if not self.failed:
            path.unlink(missing_ok=True)
            return
        rows = [json.dumps({"key": key, "error": said}) + "\n" for key, said in self.failed.items()]
        path.write_text("".join(rows), encoding="utf-8")
        what = why or f"{len(self.failed)} items have no result"
        raise ItemsFailed(what, where=str(path), hint="run the program again: it tries these alone")

    def _tell_progress(self) -> None:
        now = time.monotonic()
        if now - self._told_at >= {True: DRAW_SECONDS, False: TELL_SECONDS}[sys.stderr.isatty()]:
            self._tell(describe_progress(len(self._results.keys), self._total, len(self.failed), self._pace))

    def _tell(self, line: str) -> None:
        self._told_at = time.monotonic()
        if line and not self._quiet:
            print(f"{self._path.name}: {line}", file=sys.stderr, flush=True)


def checkpoint(
    items: Iterable[Thing],
    out: str | Path,
    *,
    key: Callable[[Thing], str] | None = None,
    retry: tuple[type[Exception], ...] = PASSING,
    tries: int = TRIES,
    quiet: bool = False,
    device: str = "",
) -> Checkpoint[Thing]:
    """Iterate over the items that have no result in `out` yet, a file of JSON lines.

    `key` names an item by what stays the same (itself, if it is a text, a number or a path; the whole of it as JSON
    otherwise). Errors of the classes in `retry` are tried again, up to `tries` times in all. Nothing is told on
    standard error if `quiet`. With a `device` ("gpu01/0") each item waits for its time there, in the line of the
    gateway's requests, and gives it back: all of the device, or a part of its memory ("gpu01/0:8 GiB").
    """
    return Checkpoint(items, out, key=key, retry=retry, tries=tries, quiet=quiet, device=device)


def make_key(value: object) -> str:
    """The usual name of an item. Raises ConfigurationError for what has none."""
    if isinstance(value, str | int | float | Path):
        return str(value)
    try:
        return json.dumps(value, sort_keys=True)
    except (TypeError, ValueError) as error:
        hint = "name items: checkpoint(..., key=name_of)"
        raise ConfigurationError(f"an item of type {type(value).__name__} has no name", hint=hint) from error
