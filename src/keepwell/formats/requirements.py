"""Python's packages in texts: what one wants of another, the last exception of a traceback."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from keepwell.formats.number import find_whole

#: pip's own words, and those of packages that check at import.
_WANTS = tuple(
    re.compile(text)
    for text in (
        r"(?P<by>[\w.-]{2,60}) [\w.+!-]{1,30} (?:requires|depends on|has requirement) (?P<package>[\w.-]{2,60})"
        r"(?:\[[\w,-]{1,40}\])?"
        r"(?P<rule>[<>=!~][<>=!~ \d.,a-z*+]{1,60}?),? but you(?:'ll)? have (?:[\w.-]{2,60} )?(?P<has>\d[\w.+]{0,30})",
        r"(?P<by>[\w.-]{2,60}) requires (?P<package>[\w.-]{2,60}?) ?(?P<rule>[<>=!~][<>=!~ \d.,]{1,60}?)[,;]? "
        r"(?:but|found|got)"
        r".{0,40}?(?P<has>\d[\w.+]{1,30})",
        r"(?P<package>[\w.-]{2,60}?)(?P<rule>[<>=!~]=?[<>=!~\d.,]{1,60}) is required.{0,60}?"
        r"(?:but )?found (?P<by>[\w.-]{2,60})"
        r"==(?P<has>\d[\w.+]{0,30})",
    )
)
#: Words without which a line tells of no wish.
_WORDS = ("require", "depends on")
_RULE = re.compile(r"(<=|>=|==|!=|~=|<|>) ?(\d[\w.*]{0,30})")
_EXCEPTION = re.compile(
    r"^(?P<type>(?:[a-z_]\w{0,40}\.){0,6}[A-Z]\w{2,60}(?:Error|Exception|Exit|Interrupt"
    r"|Warning|Timeout|Refused)):? ?(?P<said>.{0,400})$"
)
_FRAME = re.compile(r"^\s*File \"(?P<path>[^\"]{1,300})\", line \d{1,7}, in ")
_PACKAGE = re.compile(r"(?:site|dist)-packages/(?P<package>[\w]{1,60})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a package (`by`) wants of another, and which release there is; `kept` says whether it fits."""

    by: str
    package: str
    rule: str
    has: str

    @property
    def kept(self) -> bool:
        """True if the release fits every part of the rule that can be read."""
        return all(_fits(self.has, sign, number) for sign, number in _RULE.findall(self.rule))


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """The exception that ended a program: type, what it said, the package of the innermost frame ("" if not told)."""

    type: str
    said: str
    package: str


def find_wanted(line: str) -> Wanted | None:
    """The wish of a package that a line tells of, with the release that there is; None for any other line."""
    if not any(word in line for word in _WORDS):
        return None
    for pattern in _WANTS:
        found = pattern.search(line)
        if found is not None:
            return Wanted(
                by=found["by"], package=found["package"], rule=found["rule"].strip(" ,"), has=found["has"].rstrip(".")
            )
    return None


def find_raised(lines: Sequence[str]) -> Iterator[tuple[int, Raised]]:
    """Exceptions that follow a frame of a traceback: the index of the line and what was raised."""
    package, framed = "", False
    for index, line in enumerate(lines):
        frame = _FRAME.match(line)
        if frame is not None:
            named = _PACKAGE.search(frame["path"])
            framed, package = True, ""
            if named is not None:
                package = named["package"]
            continue
        found = _EXCEPTION.match(line)
        if found is not None and framed:
            yield index, Raised(type=found["type"], said=found["said"], package=package)
            framed = False


def _fits(has: str, sign: str, wanted: str) -> bool:
    """Whether a release fits one part of a rule; numbers alone are compared, as far as both have them."""
    one, other = _numbers(has), _numbers(wanted)
    if not one or not other:
        return True
    length = max(len(one), len(other))
    same = one[: len(other)] == other
    padded, limit = one + (0,) * (length - len(one)), other + (0,) * (length - len(other))
    answers = {
        ">=": padded >= limit,
        "<=": padded <= limit or same,
        ">": padded > limit,
        "<": padded < limit,
        "==": same,
        "!=": not same,
        "~=": padded >= limit and one[: len(other) - 1] == other[:-1],
    }
    return answers[sign]


def _numbers(release: str) -> tuple[int, ...]:
    found = []
    for part in release.split("."):
        digits = re.match(r"\d{1,9}", part)
        if digits is None:
            break
        found.append(find_whole(digits[0]) or 0)
    return tuple(found)
