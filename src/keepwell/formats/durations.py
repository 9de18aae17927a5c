"""Lengths of time in texts: Go's (1m0s), in units and in words, in access lines, and between the times of lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_GO = re.compile(r"(\d{1,9}(?:\.\d{1,12})?)(ns|us|µs|μs|ms|s|m|h)")
_WORDS = {
    "one": 1.0,
    "two": 2.0,
    "three": 3.0,
    "four": 4.0,
    "five": 5.0,
    "ten": 10.0,
    "twenty": 20.0,
    "a": 1.0,
    "an": 1.0,
}
_UNIT_WORDS = {"sec": 1.0, "min": 60.0, "hou": 3600.0, "hr": 3600.0, "day": 86_400.0}
_NUMBER = r"(?P<number>\d{1,7}(?:\.\d{1,6})?|one|two|three|four|five|ten|twenty|an?)"
_UNIT = r"[ -]?(?P<unit>ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)\b"
#: `| 500 | 5m1s |` (GIN), with status and latency in this order.
_ACCESS = re.compile(
    r"\|\s*(?P<status>[1-5]\d\d)\s*\|\s*(?P<latency>\d[\w.µμ]{1,24})\s*\|"
    r"(?:[^|]{0,60}\|)?\s*(?P<path>[A-Z]{3,7}\s.{1,80})?"
)
#: A proxy's access line with its request's time in seconds behind the status.
_TIMED = re.compile(
    r"\"\s(?P<status>[45]\d\d)\s.{0,200}?(?:rt=|request_time[=:] ?|urt="
    r"|upstream_response_time[=:] ?)\"?(?P<seconds>\d{1,6}\.\d{1,6})"
)
#: Words that tell that something failed, and after how long.
_STATED = re.compile(
    rf"(?:after|for|within|in|exactly|around|about|past|at|timeout (?:of|=|is)|time-?out[=:]|limit (?:of|is))"
    rf"(?: (?:only|exactly|around|about|roughly|precisely|over|more than|a bit more than|almost))* ?~?{_NUMBER}{_UNIT}",
    re.I,
)
_LIMIT = re.compile(rf"{_NUMBER}{_UNIT} ?(?:time-?out|limit|idle|deadline)", re.I)
_PYTHON = re.compile(
    r"\(read timeout=(?P<seconds>\d{1,6}(?:\.\d{1,4})?)\)|timed out after (?P<plain>\d{2,6}"
    r"(?:\.\d{1,4})?)(?: ?s(?:ec\w*)?)?\b(?! ?m)"
)
_FAILED = re.compile(
    r"time[d -]{0,2}out|timeout|\b(?:499|502|504|524)\b|abort|cancel|reset|clos(?:ed|ing|es)|disconnect|gives? up|fail"
    r"|error|cut|drop|stop|end(?:s|ed)\b|unload|throttl|slow|crash|hang|kill|stall|lost|connection",
    re.I,
)
#: Characters of a line that are read: who tells how long it took does so in a sentence.
LINE_CHARS = 500
#: A number with what may be its unit: without one a line tells of no length.
_ANY = re.compile(r"\d ?(?:ms|s|m|h|sec|min|hour)|minute|hour|second|timeout=", re.I)
#: Characters at the start of a line in which its time is looked for.
HEAD = 60
_CLOCK = re.compile(r"\b([01]\d|2[0-3]):([0-5]\d):([0-5]\d(?:[.,]\d{1,9})?)(?!\d)")
#: Lines before a failing one to whose times it is compared.
NEAR = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How long something took: seconds; `kind` is latency (measured by a server), stated (said) or gap (between two
    lines' times); `status` of the request, 0 if none; whether the text says that it failed.
    """

    seconds: float
    kind: str
    status: int = 0
    failed: bool = False
    path: str = ""


def parse_go_duration(text: str) -> float | None:
    """Seconds of `1m0s`, `59.99s`, `423.9ms`; None for anything else."""
    found = _GO.findall(text)
    if not found or "".join(number + unit for number, unit in found) != text:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in found)


def find_lengths(line: str) -> Iterator[Length]:
    """Every length of time of which a line tells that something ended or failed at it."""
    line = line[:LINE_CHARS]
    access = _ACCESS.search(line)
    if access is not None:
        seconds = parse_go_duration(access["latency"])
        if seconds is not None:
            status = int(access["status"])
            yield Length(
                seconds=seconds, kind="latency", status=status, failed=status >= 499, path=access["path"] or ""
            )
        return
    timed = _TIMED.search(line)
    if timed is not None:
        yield Length(seconds=float(timed["seconds"]), kind="latency", status=int(timed["status"]), failed=True)
        return
    if not _ANY.search(line):
        return
    told: set[float] = set()
    python = _PYTHON.search(line)
    if python is not None:
        told.add(float(python["seconds"] or python["plain"]))
    for pattern in (_STATED, _LIMIT):
        told |= {_seconds(one["number"], one["unit"]) for one in pattern.finditer(line)}
    failed = bool(_FAILED.search(line))
    for seconds in sorted(told):
        yield Length(seconds=seconds, kind="stated", failed=failed)


def tells_failure(text: str) -> bool:
    """True if a text speaks of something that failed or ended."""
    return bool(_FAILED.search(text))


def find_gaps(lines: Sequence[str]) -> Iterator[tuple[int, Length]]:
    """Seconds between a line that tells of a failure and the few lines with a time before it: index and length.

    Only the time of day is read, so that zone and year do not matter; across midnight nothing is told.
    """
    times = [_time_of_day(line) for line in lines]
    for index, line in enumerate(lines):
        now = times[index]
        if now is None or not _FAILED.search(line):
            continue
        before = [one for one in times[:index] if one is not None][-NEAR:]
        for then in reversed(before):
            if now > then:
                yield index, Length(seconds=round(now - then, 3), kind="gap", failed=True)


def _time_of_day(line: str) -> float | None:
    found = _CLOCK.search(line, 0, HEAD)
    if found is None:
        return None
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3].replace(",", "."))


def _seconds(number: str, unit: str) -> float:
    count = _WORDS.get(number.lower())
    if count is None:
        count = float(number)
    plain = unit.lower()
    if plain.startswith(("ms", "mil")):
        return count / 1000
    if plain in ("s", "m", "h"):
        return count * _UNITS[plain]
    return count * next(factor for word, factor in _UNIT_WORDS.items() if plain.startswith(word))
