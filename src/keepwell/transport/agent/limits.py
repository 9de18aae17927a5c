"""What an agent does for others: looking only, unless it was started otherwise.

A far end lets its caller run any program; here a caller has a token and no login, so what is run is held to a list
(`commands.toml`), and what is posted to addresses that ask an engine for an answer.
"""

from __future__ import annotations

import fnmatch
import os
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from keepwell.transport.container.asker import program_text
from keepwell.transport.far.bulk import WORKING as DIGESTING
from keepwell.transport.far.end import FarEnd
from keepwell.transport.far.entries import LOOKING
from keepwell.transport.far.files import READING
from keepwell.transport.far.gather import gather_if
from keepwell.transport.far.job import Job, Refusal

if TYPE_CHECKING:
    from keepwell.transport.far.job import Done

#: Methods of HTTP that change nothing (RFC 9110, 9.2.1).
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
#: Calls that tell what is in a file, or enough of it to guess a short one.
CONTENTS = frozenset({"read", "entry", "digest"})
#: How a request is made from a container's network: the one program that may be run there is keepwell's own.
ENTER = ("nsenter", "-t", "-n", "--", "python3", "-I", "-c")

_REFUSED = "this agent was started for looking only, and does not {what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRule:
    """Programs, and which arguments they may be run with; see the head of the file with the rules."""

    programs: tuple[str, ...]
    first: tuple[str, ...] | None
    skip: tuple[str, ...]
    never: tuple[str, ...]
    only: tuple[str, ...] = ()

    def allows(self, argv: Sequence[str]) -> bool:
        """True if this rule lets the command run."""
        rest = [one for one in argv[1:] if one not in self.skip]
        if argv[0].rpartition("/")[2] not in self.programs or any(one.startswith(self.never) for one in argv[1:]):
            return False
        if self.only and not set(argv[1:]) <= set(self.only):
            return False
        if self.first is None:
            return True
        if not rest:
            return "" in self.first
        return rest[0].startswith(tuple(one for one in self.first if one))


class LookingFarEnd(FarEnd):
    """A far end that reads only: no changes, only commands and requests that read, and no file that holds passwords
    or keys. `own` is the folder with the agent's own.
    """

    def __init__(self, send: Callable[[bytes], None], own: Path) -> None:
        super().__init__(send, changes=False)
        self._own = os.path.realpath(own)
        for call, work in (*READING.items(), *LOOKING.items(), *DIGESTING.items()):
            if call in CONTENTS:
                self.calls[call] = partial(self._open, work)
        self.calls["gather"] = self._gather

    def _open(self, work: Callable[[Job], Done], job: Job) -> Done:
        """What a file holds, in the thread of a worker: to resolve a path may hang as its reading may."""
        if not self._is_open(os.fsdecode(os.path.realpath(job.path()))):
            raise Refusal("NotPermitted", _REFUSED.format(what="hand out keys and passwords"))
        return work(job)

    def _gather(self, job: Job) -> Done:
        """Many files' bytes, by the same rule."""
        return gather_if(job, self._is_open)

    def _is_open(self, path: str) -> bool:
        return not path.startswith(f"{self._own}/") and not is_private(path)

    def accept(self, job: Job) -> None:
        """Give a job to those who do it; Refusal for what might change something."""
        if job.call == "run":
            argv = job.take("argv", list)
            if not all(isinstance(one, str) for one in argv) or not may_run(argv):
                raise Refusal("NotPermitted", _REFUSED.format(what="run that"))
        if job.call == "http" and not may_ask(job.take("method", str), job.take("url", str)):
            raise Refusal("NotPermitted", _REFUSED.format(what="send that"))
        super().accept(job)


def may_run(argv: Sequence[str]) -> bool:
    """Whether a command only reads, by the list. A program in a folder of somebody's own is not the one meant."""
    if not argv or not argv[0]:
        return False
    if argv[0] == ENTER[0]:
        return _enters_to_ask(argv)
    if "/" in argv[0] and argv[0].rpartition("/")[0] not in SYSTEM_FOLDERS:
        return False
    return any(rule.allows(argv) for rule in load_rules())


#: Where a system's own programs lie.
SYSTEM_FOLDERS = frozenset({"/bin", "/sbin", "/usr/bin", "/usr/sbin"})


def is_private(path: str) -> bool:
    """Whether a file (a path without links) is one that holds passwords or keys, by the list."""
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in load_private())


def may_ask(method: str, url: str) -> bool:
    """Whether a request only reads, or asks an engine for an answer."""
    if method.upper() in SAFE_METHODS:
        return True
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return method.upper() == "POST" and parts.scheme in ("http", "https") and parts.path in load_posts()


def _enters_to_ask(argv: Sequence[str]) -> bool:
    """keepwell's own asking program in a container's network, and nothing else there."""
    fixed = (*argv[:2], *argv[3:8])
    return len(argv) in (9, 10) and fixed == ENTER and argv[2].isdecimal() and argv[8] == program_text()


@cache
def load_rules() -> tuple[CommandRule, ...]:
    """The rules for commands."""
    found: list[CommandRule] = []
    for row in _data()["command"]:
        first = row.get("first")
        if first is not None:
            first = tuple(first)
        rule = CommandRule(
            programs=tuple(row["program"]),
            first=first,
            skip=tuple(row.get("skip", ())),
            never=tuple(row.get("never", ())),
            only=tuple(row.get("only", ())),
        )
        found.append(rule)
    return tuple(found)


@cache
def load_posts() -> frozenset[str]:
    """The paths to which a body may be posted."""
    return frozenset(_data()["post"]["paths"])


@cache
def load_private() -> tuple[str, ...]:
    """The patterns of files that are not read for others."""
    return tuple(_data()["private"]["paths"])


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("commands.toml").read_text(encoding="utf-8"))
