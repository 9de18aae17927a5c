"""A capability of engines: which release serves is read from one page, and another is installed by a known command."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from keepwell.plugins.settings import parse_release


@runtime_checkable
class TellsRelease(Protocol):
    """An engine that says its release at `release_path`, without a key and without loading anything."""

    release_path: str

    def parse_release(self, body: bytes) -> str:
        """The release that an answer with status 200 tells, "" if it is no such answer. Pure."""
        ...

    def install_command(self, release: str) -> str:
        """How a person installs a release, as a line to type or an address; "" is the newest one. Pure."""
        ...


_WISH = re.compile(r"(>=|<=|==|>|<)?\s*(v?b?\d[\w.+-]{0,40})")
_COMPARE: Mapping[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseWish:
    """A release that is wished: exactly it ("=="), or one that stands so to it."""

    relation: str
    release: str

    def __str__(self) -> str:
        return self.relation.replace("==", "") + self.release

    def holds(self, release: str) -> bool:
        """Whether this release is as wished; missing numbers count as 0."""
        found, wanted = parse_release(release), parse_release(self.release)
        if self.relation == "==" or not found:
            return release.removeprefix("v") == self.release.removeprefix("v")
        length = max(len(found), len(wanted))
        return _COMPARE[self.relation](_padded(found, length), _padded(wanted, length))


def parse_wish(text: str) -> ReleaseWish:
    """ "0.9.3", ">=0.9", "<1"; ValueError for anything else."""
    found = _WISH.fullmatch(text.strip())
    if found is None:
        raise ValueError('a release like "0.9.3" or ">=0.9"')
    return ReleaseWish(relation=found[1] or "==", release=found[2])


def _padded(numbers: tuple[int, ...], length: int) -> tuple[int, ...]:
    return numbers + (0,) * (length - len(numbers))
