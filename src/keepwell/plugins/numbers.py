"""Default numbers that name a hop or a limit: one table, `issues/numbers/defaults.toml`, with its sources.

A duration or a limit that equals a default is a hint at who has it: a request that always fails after 60 s most
likely met a proxy that nobody configured.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import msgspec

from keepwell.core.errors import ConfigurationError
from keepwell.plugins.registry import PACKAGE

TABLE = PACKAGE / "issues" / "numbers" / "defaults.toml"
#: Words of requests that ended before their answer did.
FAILED = (
    r"time[d -]{0,2}out|\b(?:499|50[0-4]|524)\b|abort|cancel|reset|clos(?:ed|ing|es)|disconnect|gives? up|gave up|hang"
    r"|incomplete|connection|no (?:answer|response)"
)
#: A limit of time is met a little late: a timer's tick and the way back, and for long ones their share.
LATE_SECONDS = 1.2
LATE_RATIO = 0.015
#: ... and rounding makes it a little early.
EARLY_SECONDS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One default. `unit` is s, bytes, tokens, files, instances, watches, requests or port.

    `statuses` are HTTP statuses by which meeting it shows (() where it has none of its own); `causes` are ids of
    known causes. `words` is a pattern that a line must hold in which a duration is taken for this one; "" asks for
    words of failed requests (`FAILED`).
    """

    value: int
    unit: str
    owner: str
    name: str
    when: str
    source: str
    causes: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    words: str = ""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    number: tuple[Number, ...]


@cache
def load_numbers() -> tuple[Number, ...]:
    """The whole table, by unit and value; ConfigurationError for a broken one."""
    try:
        found = msgspec.toml.decode(TABLE.read_bytes(), type=_File)
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigurationError(f"the table of default numbers cannot be read: {error}", where=str(TABLE)) from error
    return tuple(sorted(found.number, key=_place))


def find_durations(seconds: float, said: str, status: int = 0) -> tuple[Number, ...]:
    """The defaults that a duration meets in a line that speaks of such; where a status is told and some of them have
    that one, only those.
    """
    near = (one for one in load_numbers() if one.unit == "s" and meets(seconds, one.value))
    met = tuple(one for one in near if re.search(one.words or FAILED, said, re.IGNORECASE))
    return tuple(one for one in met if status in one.statuses) or met


def find_limits(value: float, unit: str) -> tuple[Number, ...]:
    """The defaults of this unit that a value equals."""
    return tuple(one for one in load_numbers() if one.unit == unit and one.value == value)


def meets(seconds: float, limit: float) -> bool:
    """Whether something that ended after so many seconds ended at this limit, within a timer's tolerance."""
    return limit - EARLY_SECONDS <= seconds <= limit + max(LATE_SECONDS, limit * LATE_RATIO)


def name_owners(numbers: Iterable[Number]) -> str:
    """Who has them, for a sentence: "nginx (proxy_read_timeout), Kong (read_timeout)"."""
    return ", ".join(f"{one.owner} ({one.name})" for one in numbers)


def _place(one: Number) -> tuple[str, int, str]:
    return one.unit, one.value, one.owner
