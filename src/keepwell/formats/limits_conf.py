"""Limits of users as limits.conf(5) writes them: read, and one set with every other byte kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

LimitKind: TypeAlias = Literal["soft", "hard"]

_LINE = re.compile(
    r"(?P<before>[ \t]*(?P<domain>[^\s#]+)[ \t]+(?P<kind>soft|hard|-)[ \t]+(?P<item>[a-z]+)[ \t]+)(?P<value>[^\s#]+)"
)
_UNLIMITED = frozenset({"-1", "unlimited", "infinity"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitLine:
    """One line: for whom (a user, @group, *), "soft", "hard" or "-" for both, of what, the value, and its number."""

    domain: str
    kind: str
    item: str
    value: str
    line: int


def parse_limits_conf(content: bytes) -> tuple[LimitLine, ...]:
    """Every limit of a file in order; comments and lines that cannot be read are left out."""
    found: list[LimitLine] = []
    for number, line in enumerate(content.decode("latin-1").split("\n"), start=1):
        match = _LINE.match(line)
        if match is not None:
            told = {name: match[name] for name in ("domain", "kind", "item", "value")}
            found.append(LimitLine(line=number, **told))
    return tuple(found)


def find_limit(lines: tuple[LimitLine, ...], domain: str, kind: LimitKind, item: str) -> LimitLine | None:
    """The line that counts: the last that says it of just this user or group."""
    about = (one for one in reversed(lines) if (one.domain, one.item) == (domain, item) and one.kind in (kind, "-"))
    return next(about, None)


def set_limit(content: bytes, domain: str, kind: LimitKind, item: str, value: str) -> bytes:
    """The file with this limit: the line that counts is changed where it says only this, else one is put at the end."""
    counts = find_limit(parse_limits_conf(content), domain, kind, item)
    if counts is not None and same_limit(counts.value, value):
        return content
    lines = content.decode("latin-1").split("\n")
    if counts is not None and counts.kind == kind:
        match = _LINE.match(lines[counts.line - 1])
        assert match is not None
        lines[counts.line - 1] = match["before"] + value + lines[counts.line - 1][match.end() :]
        return "\n".join(lines).encode("latin-1")
    end = "\r" * lines[0].endswith("\r")
    added = f"{domain} {kind} {item} {value}{end}"
    if lines[-1]:
        return "\n".join([*lines, added, ""]).encode("latin-1")
    return "\n".join([*lines[:-1], added, ""]).encode("latin-1")


def same_limit(one: str, other: str) -> bool:
    """Whether two values are the same limit; without limit has several names."""
    return one == other or {one, other} <= _UNLIMITED


def is_unlimited(value: str) -> bool:
    """Whether it is one of the names for no limit."""
    return value in _UNLIMITED
