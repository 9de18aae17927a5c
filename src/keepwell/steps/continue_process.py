"""Let a stopped process continue: an engine, or the child that runs one of its models.

It was stopped by a signal (Ctrl-Z, `kill -STOP`, a debugger), answers nothing and loses nothing. Its undo stops
it again.
"""

from __future__ import annotations

from keepwell.core.finding import Finding
from keepwell.core.observation import Seen
from keepwell.core.step import Change, Plan, SetRunning
from keepwell.formats.procfs import ProcessStat, parse_process_stat
from keepwell.plugins.paths import path_bytes
from keepwell.plugins.step import Step, Wants

#: States in /proc of a process that a signal or a debugger stopped (proc(5)).
STOPPED = ("T", "t")


class _ContinueProcess:
    """The step; it holds no state."""

    title = "Let a stopped process continue"
    mends: tuple[str, ...] = ("engine.responding", "engine.runner")

    def wants(self, finding: Finding, seen: Seen) -> Wants:
        """How the process stands at this moment."""
        return Wants(files=tuple(f"/proc/{pid}/stat" for pid in _pids(finding)))

    def plan(self, finding: Finding, seen: Seen) -> Plan | None:
        """One signal; no change when it runs, None when the finding is about no stopped process."""
        pids = _pids(finding)
        if not pids:
            return None
        stats = [_stat(seen, finding, pid) for pid in pids]
        return Plan(
            step="continue_process",
            check=finding.check,
            subject=finding.subject,
            why=finding.message,
            changes=tuple(_change(finding, one) for one in stats if one is not None and one.state in STOPPED),
            note="Find out who stopped it: a terminal's Ctrl-Z, a debugger, or a program that saves power.",
        )


def _pids(finding: Finding) -> tuple[int, ...]:
    """The process that the finding says is stopped."""
    facts = finding.facts
    pid = {"engine.runner": facts.get("runner_pid", "")}.get(finding.check, facts.get("pid", ""))
    stopped = facts.get("state") in STOPPED or facts.get("kind") == "stopped"
    return tuple(int(one) for one in (pid,) if stopped and one.isdecimal())


def _stat(seen: Seen, finding: Finding, pid: int) -> ProcessStat | None:
    content = path_bytes(seen, finding.subject.node, f"/proc/{pid}/stat")
    try:
        return parse_process_stat((content or b"").decode("utf-8", "replace"))
    except ValueError:
        return None


def _change(finding: Finding, stat: ProcessStat) -> Change:
    return Change(
        subject=finding.subject,
        what=f"process {stat.pid} ({stat.name})",
        before="stopped",
        after="running",
        do=SetRunning(pid=stat.pid, started_ticks=stat.started_ticks, running=True),
        undo=SetRunning(pid=stat.pid, started_ticks=stat.started_ticks, running=False),
    )


STEP: Step = _ContinueProcess()
