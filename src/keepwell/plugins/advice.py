"""What checks of a purpose tell beside their verdict: where, the command that shows it, why it matters, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Observation
from keepwell.core.ref import Ref

#: Facts of a finding that are its advice, in the order in which they are told.
TOLD = ("where", "command", "why", "next")


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """`where` is the place as a person finds it, `command` shows the same once more and changes nothing, `why` and
    `next` are a sentence each. `more` are words that tell findings of one check apart or that a fix needs.
    """

    where: str = ""
    command: str = ""
    why: str = ""
    next: str = ""
    more: Mapping[str, str] = field(default_factory=dict)


def advise(
    check: str, subject: Ref, verdict: tuple[Status, str], advice: Advice, evidence: Iterable[Observation | None] = ()
) -> Finding:
    """A finding of status and sentence (`verdict`) with the advice among its facts, empty ones left out."""
    status, message = verdict
    told = {"where": advice.where, "command": advice.command, "why": advice.why, "next": advice.next}
    return Finding(
        check=check,
        subject=subject,
        status=status,
        message=message,
        facts={name: text for name, text in {**told, **advice.more}.items() if text},
        evidence=tuple(one for one in evidence if one is not None),
    )
