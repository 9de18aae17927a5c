"""Are the service units that run engines active, and loaded as they stand on disk?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.values import rows_of, text_of


def judge_active(seen: Seen) -> Iterator[Finding]:
    """CRITICAL for a failed unit, WARNING for an enabled one that is not active."""
    for one, row in _units(seen):
        active, result = text_of(row, "active"), text_of(row, "result")
        name = text_of(row, "unit")
        status, words = Status.OK, f"{name} is {active} ({text_of(row, 'sub')})"
        if active == "failed" or text_of(row, "sub") == "auto-restart":
            status = Status.CRITICAL
            words = f"{name} is {active}: {result}, exit code {text_of(row, 'exit_code') or 'not told'}"
        elif active == "inactive" and text_of(row, "enabled") == "enabled":
            status, words = Status.WARNING, f"{name} is enabled and not active"
        yield _finding(one, row, "unit.active", status, words)


def judge_reload(seen: Seen) -> Iterator[Finding]:
    """WARNING for a unit whose files have changed since systemd read them."""
    for one, row in _units(seen):
        name = text_of(row, "unit")
        status, words = Status.OK, f"{name} is loaded as it stands on disk"
        if row.get("need_reload") in (True, "yes"):
            status, words = Status.WARNING, f"the files of {name} have changed since systemd read them"
        yield _finding(one, row, "unit.reload", status, words)


def _units(seen: Seen) -> Iterator[tuple[Observation, Mapping[str, Value]]]:
    for one in seen.named("host.units"):
        for row in rows_of(one.value):
            yield one, row


def _finding(one: Observation, row: Mapping[str, Value], check: str, status: Status, words: str) -> Finding:
    facts = {name: text_of(row, name) for name in ("unit", "result", "exit_code", "restarts", "fragment", "engine")}
    return Finding(
        check=check,
        subject=Ref("unit", (one.subject.node, text_of(row, "unit"))),
        status=status,
        message=words,
        facts={name: value for name, value in facts.items() if value},
        evidence=(one,),
    )


CHECKS = (
    Check(id="unit.active", title="Units that run engines are active", needs=("host.units",), judge=judge_active),
    Check(id="unit.reload", title="Units are loaded as on disk", needs=("host.units",), judge=judge_reload),
)
