"""Looks for the cause of an incident before people are told, once for each and within limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from keepwell.app.diagnosing import Depth, examine
from keepwell.app.operation import Caller
from keepwell.app.report import DiagnosisReport
from keepwell.app.targets import find_target
from keepwell.app.wiring import Wiring
from keepwell.core.errors import KeepwellError
from keepwell.core.hypothesis import Hypothesis
from keepwell.core.ref import Ref
from keepwell.core.words import command_line, show_blanks
from keepwell.store.alert_state import Explanation, Incident

#: Seconds for one look: less than what messages wait for others to come with them.
LIMIT_SECONDS = 40.0
#: Level of the look: wakes nothing and loads nothing.
LEVEL = 2
#: Looks within an hour: each costs some seconds of a core.
HOURLY = 12
#: A cause below this is not told: it would mislead whoever is woken.
LIKELY = 0.5
#: Kinds of Ref that lie in one engine: their first two parts are its node and name.
OWN = frozenset({"engine", "model"})
#: Causes that are remembered for the incidents that they are of.
KEPT = 500


class Explaining:
    """`explained` are causes by incident; looks are made one after another."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.explained: dict[str, Explanation] = {}
        self._tell = tell
        self._looks: list[float] = []
        self._waiting: list[Incident] = []
        self._task: asyncio.Task[None] | None = None

    def ask(self, wiring: Wiring, incidents: Iterable[Incident], now: float) -> None:
        """Look for the causes of these, as far as limits allow; what is too much is told without one."""
        for one in incidents:
            self._looks = [at for at in self._looks if now - at < 3600.0]
            if len(self._looks) >= HOURLY or not Ref.parse(one.subject).node:
                continue
            self._looks.append(now)
            self._waiting.append(one)
        if self._waiting and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._look(wiring))

    async def close(self) -> None:
        """Let go of the look that is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _look(self, wiring: Wiring) -> None:
        """Everything that waits; one look serves all incidents of a node."""
        while self._waiting:
            name = Ref.parse(self._waiting[0].subject).node
            mine = [one for one in self._waiting if Ref.parse(one.subject).node == name]
            self._waiting = [one for one in self._waiting if one not in mine]
            found = await explain(wiring, name)
            for one in mine:
                self.explained[one.id] = _explain_one(found, one)
            for old in list(self.explained)[: max(len(self.explained) - KEPT, 0)]:
                del self.explained[old]


async def explain(wiring: Wiring, node: str) -> DiagnosisReport | Explanation:
    """What is wrong on this node and why, as `keepwell diagnose` says it; where nobody can look, that."""
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            target = find_target(node, wiring.config, wiring.hands.name)
            report, _ = await examine(wiring, Caller(asked_by="hub"), Depth(level=LEVEL), target)
    except TimeoutError:
        return Explanation(why_not=f"no look within {LIMIT_SECONDS:g} s")
    except KeepwellError as error:
        return Explanation(why_not=error.what)
    return report


def _explain_one(found: DiagnosisReport | Explanation, incident: Incident) -> Explanation:
    if isinstance(found, Explanation):
        return found
    return make_explanation(found, Ref.parse(incident.subject))


def make_explanation(report: DiagnosisReport, subject: Ref | None = None) -> Explanation:
    """The likeliest cause with its fix, if it is likely enough; else the check that would settle it.

    With a subject only causes that may be its own: what is wrong with one engine is none of another's.
    """
    causes = [one for one in report.causes if one.confidence >= LIKELY and _may_be_of(one.subject, subject)]
    if causes and not report.diagnosis.not_known:
        return _of_cause(causes[0])
    probe = report.diagnosis.next_probe
    if probe is None:
        return Explanation()
    return Explanation(fix=f"No cause is likely enough; what would settle it: {probe.say}", commands=(probe.command,))


def _may_be_of(cause: Ref | None, subject: Ref | None) -> bool:
    if cause is None or subject is None:
        return True
    if cause.kind not in OWN or subject.kind not in OWN:
        return True
    return cause.path[:2] == subject.path[:2]


def _of_cause(cause: Hypothesis) -> Explanation:
    fix = cause.fix
    if fix is None:
        return Explanation(issue=cause.issue, title=cause.title, confidence=cause.confidence)
    commands = []
    for one in fix.commands:
        commands.append("sudo " * one.root + command_line(show_blanks(one.argv)) + " &" * one.background)
    if cause.repair:
        commands.append("keepwell plan")
    return Explanation(
        issue=cause.issue, title=cause.title, confidence=cause.confidence, fix=fix.say, commands=tuple(commands)
    )
