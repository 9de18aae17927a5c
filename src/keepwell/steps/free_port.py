"""Free the port that an engine wants from what an engine left behind, and start the engine.

Only a child is ended that ran a model for an engine that is gone: nobody can reach it, and nothing is lost. Whatever
else holds a port has an owner, who is told by the finding what it is and how it is ended.
"""

from __future__ import annotations

from keepwell.core.finding import Finding
from keepwell.core.observation import Seen
from keepwell.core.ref import node as node_ref
from keepwell.core.step import Change, EndProcess, Plan, Serving
from keepwell.core.values import row_of, text_of
from keepwell.core.words import clean, command_line
from keepwell.plugins.port_holder import Holder, find_holder
from keepwell.plugins.running import begin_change, find_running
from keepwell.plugins.step import Step, Wants

FOR_EVER = "a program that was ended cannot go on; nobody could reach it any more"
BY_HAND = "Start the engine yourself then: {problem}."


class _FreePort:
    """The step; it holds no state."""

    title = "End what an engine left behind on its port, and start the engine"
    mends: tuple[str, ...] = ("address.port_free",)

    def wants(self, finding: Finding, seen: Seen) -> Wants:
        """Nothing more: the process is ended only if it is the one that was seen."""
        return Wants()

    def plan(self, finding: Finding, seen: Seen) -> Plan | None:
        """The end of the orphan and the start of the engine; None for any other holder."""
        pid = finding.facts.get("holder_pid", "")
        if not pid.isdecimal():
            return None
        holder = find_holder(seen, node_ref(finding.subject.node), int(pid))
        if holder is None or holder.kind != "orphan":
            return None
        running = find_running(seen, finding.subject)
        site = row_of(seen.value(finding.subject, "engine.site"))
        promise = Serving(kind=text_of(site, "plug_in"), url=text_of(site, "url"), answers=not running.problem)
        start = tuple(begin_change(one, f"free-{pid}-{holder.started_at:.2f}") for one in [running] if not one.problem)
        return Plan(
            step="free_port",
            check=finding.check,
            subject=finding.subject,
            why=finding.message,
            changes=(_end(finding, holder), *start),
            note=BY_HAND.format(problem=running.problem) * bool(running.problem),
            proof=(promise,),
        )


def _end(finding: Finding, holder: Holder) -> Change:
    return Change(
        subject=finding.subject,
        what=f"process {holder.pid}: {clean(command_line(holder.argv))}",
        before=f"holds port {finding.facts.get('port', '')}, and its engine is gone",
        after="ended",
        do=EndProcess(pid=holder.pid, started_at=holder.started_at),
        undo=None,
        irreversible=FOR_EVER,
    )


STEP: Step = _FreePort()
