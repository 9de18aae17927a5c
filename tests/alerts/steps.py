"""Stepping through time: findings in, messages out, the state between written down and read again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from keepwell.alerts.decide import Decision, decide
from keepwell.alerts.inputs import Inputs, Pin
from keepwell.alerts.rules import Rules
from keepwell.alerts.telling import Telling
from keepwell.alerts.tree import Tree
from keepwell.core.finding import Finding, Status
from keepwell.core.ref import Ref
from keepwell.store.alert_desk import Ack
from keepwell.store.alert_state import AlertFile, AlertState, Explanation, parse_alerts, render_alerts

START = 1_767_225_600.0
STEP = 5.0


def bad(check: str, subject: str, status: Status = Status.CRITICAL, message: str = "") -> Finding:
    """A finding about a thing that is named in words."""
    return Finding(
        check=check, subject=Ref.parse(subject), status=status, message=message or f"{subject}: {check} is wrong"
    )


@dataclass
class Days:
    """A state that goes on in time."""

    tree: Tree = field(default_factory=Tree)
    rules: Rules = field(default_factory=Rules)
    now: float = START
    state: AlertState = field(default_factory=AlertState)
    last: Decision = field(default_factory=lambda: Decision(state=AlertState()))
    acks: dict[str, Ack] = field(default_factory=dict)
    explained: dict[str, Explanation] = field(default_factory=dict)
    maintained: frozenset[str] = frozenset()
    quiet: frozenset[Status] = frozenset()
    told: list[tuple[float, Telling]] = field(default_factory=list)

    def go(self, seconds: float, pins: Mapping[str, Iterable[Finding]] | None, step: float = STEP) -> list[Telling]:
        """So much time with sources that say this at every step; None: nobody says anything. What was told in it."""
        before = len(self.told)
        until = self.now + seconds
        while self.now < until:
            self.now += step
            said = tuple(Pin(name, self.now, tuple(found)) for name, found in (pins or {}).items())
            self.last = decide(
                self.state,
                Inputs(
                    now=self.now,
                    pins=said,
                    acks=self.acks,
                    maintained=self.maintained,
                    quiet=self.quiet,
                    explained=self.explained,
                    tree=self.tree,
                    rules=self.rules,
                ),
            )
            self.state = again(self.last.state)
            self.told += [(self.now, one) for one in self.last.tellings]
        return [one for _, one in self.told[before:]]


def again(state: AlertState) -> AlertState:
    """The state after it was written down and read again."""
    read = parse_alerts(render_alerts(AlertFile(state=state))).state
    assert read == state
    return read


def whys(tellings: Iterable[Telling]) -> list[str]:
    """Why each incident was told, in order."""
    return [item.why for telling in tellings for item in telling.items]
