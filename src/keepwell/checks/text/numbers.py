"""Durations and limits against the table of default numbers: what ends after exactly 60 s met somebody's default."""

from __future__ import annotations

from collections.abc import Iterator

from keepwell.checks.text.rows import Row, number_of, rows_named, tell
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Seen
from keepwell.core.values import find_number, text_of
from keepwell.plugins.numbers import Number, find_durations, find_limits, meets, name_owners

#: How far a length of time can be trusted: a server measured it, somebody said it, or it lies between two lines.
_TRUST = {"latency": 2, "stated": 1, "gap": 0}
HOUR = 3600.0


def judge_duration(seen: Seen) -> Iterator[Finding]:
    """Bad when something failed after a length of time that is somebody's default; `facts` name the causes of that.

    Where none is met, a failure after hours is told as such: leaks and lost device rules take that long.
    """
    rows = rows_named(seen, "text.durations")
    met = [(row, numbers) for row in rows if (numbers := _met(row))]
    if met:
        row, numbers = max(met, key=_trust)
        seconds = find_number(row.get("seconds")) or 0.0
        words = f"something ended after {seconds:g} s: the default of {name_owners(numbers[:4])}"
        facts = {cause: "yes" for one in numbers for cause in one.causes}
        facts |= {"kind": text_of(row, "what"), "seconds": f"{seconds:g}", "default": str(numbers[0].value)}
        facts |= {"owners": name_owners(numbers)}
        yield tell("text.duration", Status.WARNING, words, [row], seen, **facts)
        return
    long = [row for row in rows if text_of(row, "what") == "stated" and (find_number(row.get("seconds")) or 0) >= HOUR]
    if long:
        words = f"it takes {text_of(long[0], 'seconds')} s until it fails"
        yield tell("text.duration", Status.WARNING, words, long[:1], seen, kind="hours")


def judge_limit(seen: Seen) -> Iterator[Finding]:
    """Bad when a limit was met and the text shows it at its default, or a container that splits a model has 64 MB."""
    rows = rows_named(seen, "text.limits")
    for what in ("inotify", "open-files"):
        met = [row for row in rows if text_of(row, "what") == f"{what}-met"]
        shown = [row for row in rows if text_of(row, "what") == what]
        for row in shown:
            numbers = find_limits(number_of(row, "number"), text_of(row, "unit"))
            if met and numbers:
                words = f"a limit was met, and it is at its default: {numbers[0].value} ({numbers[0].name})"
                facts = {"kind": what, "limit": numbers[0].value, "owners": name_owners(numbers)}
                yield tell("text.limit", Status.WARNING, words, [row, *met], seen, **facts)
                return
    yield from _shared_memory(seen)


def judge_proxy(seen: Seen) -> Iterator[Finding]:
    """Bad when a proxy that is shown collects answers that are said to come in blocks, or ends at its limit."""
    for row in rows_named(seen, "text.proxied"):
        place = f"{text_of(row, 'location')} (to {text_of(row, 'upstream')})"
        limit = find_number(row.get("read_timeout_seconds")) or 0.0
        at = [one for one in rows_named(seen, "text.durations") if meets(find_number(one.get("seconds")) or 0.0, limit)]
        facts = {"location": text_of(row, "location"), "upstream": text_of(row, "upstream"), "limit": f"{limit:g}"}
        if at:
            words = f"something ended after {limit:g} s, and so long the proxy waits at {place}"
            yield tell("text.proxy", Status.WARNING, words, [row, *at[:1]], seen, kind="limit", **facts)
            return
        if row.get("buffering") is True and row.get("said_blocks") is True:
            words = f"the proxy collects answers at {place}, and they come in blocks"
            yield tell("text.proxy", Status.WARNING, words, [row], seen, kind="buffering", **facts)
            return


def _shared_memory(seen: Seen) -> Iterator[Finding]:
    ranks = [row for row in rows_named(seen, "text.ranks") if number_of(row, "count") > 1]
    small = [row for row in rows_named(seen, "host.mounts", path="/dev/shm") if _is_default(row)]
    if ranks and small:
        words = "a model is split over several GPUs, and /dev/shm has a container's default of 64 MB"
        limit = number_of(small[0], "total_bytes")
        yield tell("text.limit", Status.WARNING, words, [*ranks, *small], seen, kind="shm", limit=limit)


def _is_default(row: Row) -> bool:
    return bool(find_limits(number_of(row, "total_bytes"), "bytes"))


def _met(row: Row) -> tuple[Number, ...]:
    seconds = find_number(row.get("seconds")) or 0.0
    return find_durations(seconds, text_of(row, "said"), number_of(row, "status"))


def _trust(met: tuple[Row, tuple[Number, ...]]) -> tuple[int, float]:
    return _TRUST.get(text_of(met[0], "what"), 0), find_number(met[0].get("seconds")) or 0.0
