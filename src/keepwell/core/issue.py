"""Issue: a known cause, as data: evidence for and against, rivals, fix, prevention, cases.

Weights are natural-log odds: +2.3 means "ten times likelier to be seen when this is the cause than when it
is not". Issue files (TOML, one cause a file) are read into these types by `keepwell.diagnose.catalogue`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

#: Where a weight comes from: a guess of the author, a published source, or confirmed outcomes.
Origin: TypeAlias = Literal["default", "literature", "learned"]
#: What runs an engine, which decides how it is stopped, started and given a setting.
Supervisor: TypeAlias = Literal["any", "systemd", "launchd", "container", "process"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One thing that speaks for (weight > 0) or against (weight < 0) a cause.

    Either text: a line matches one of `match`, every one of `together` matches somewhere in the same text
    and none of `unless` does. Or a check: `check` came out bad (`status` "bad") or well ("ok") and the
    finding's facts equal `where`. Evidence of the same `group` says the same thing and counts once.
    `rules_out` makes it a refuter: when it fires the cause is out, whatever else speaks for it.
    """

    say: str
    weight: float
    origin: Origin = "default"
    match: tuple[str, ...] = ()
    together: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    check: str = ""
    status: Literal["bad", "ok"] = "bad"
    where: Mapping[str, str] = field(default_factory=dict)
    group: str = ""
    rules_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A cause that looks alike, and the cheapest check that tells the two apart."""

    issue: str
    settle: str
    command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command of a fix, as an argument list; `{name}` stands for a fact of the supporting finding.

    `root` needs root; `background` is a server that keeps running.
    """

    argv: tuple[str, ...]
    root: bool = False
    background: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """What to do under one supervisor, in words and as exact commands, with side effects and the way back."""

    say: str
    supervisor: Supervisor = "any"
    where: Mapping[str, str] = field(default_factory=dict)
    commands: tuple[Command, ...] = ()
    side_effects: str = ""
    undo: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A situation that this issue must be ranked first in: pasted text, or findings as (check, facts) pairs."""

    name: str
    text: str = ""
    findings: tuple[tuple[str, Mapping[str, str]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """A known cause. `id` is its file name; `prior` is the share of incidents that it causes, 0..1.

    `requires` are checks or texts without which it cannot be the cause; `follow_ups` are patterns of lines
    that it produces after itself and that must not be taken for causes of their own; `after` are kinds of change
    that bring it about (words of `keepwell.diagnose.lag`); `repair` names the step (a file in `steps/`) that can
    carry out the fix, or is "".
    """

    id: str
    title: str
    family: str
    definition: str
    prior: float
    evidence: tuple[Evidence, ...]
    requires: tuple[Evidence, ...] = ()
    rivals: tuple[Rival, ...] = ()
    settle: str = ""
    settle_command: str = ""
    fixes: tuple[Fix, ...] = ()
    repair: str = ""
    prevention: str = ""
    follow_ups: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    versions: str = ""
    cases: tuple[Case, ...] = ()
