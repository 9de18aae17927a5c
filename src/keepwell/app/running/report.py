"""What the operations about one engine give back."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.core.finding import Finding, Status
from keepwell.core.step import Plan

#: Exit code of each state of an engine.
_CODES = {"well": 0, "stopped": 2, "loading": 1, "asleep": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineReport:
    """The answer of `engine status`, `start`, `stop` and `restart`.

    `state` is "well", "loading", "asleep", "failing", "silent", "refused" or "stopped". `supervisor` runs it, by the
    name `unit`. `models` are those that it offers, `loaded` those in its memory. `findings` are what was found about it
    before anything was done. `run` is the run that changed it, "" where nothing was to do; `done` says what came of it
    and `failed` whether it went wrong.
    """

    engine: str
    title: str
    kind: str
    url: str
    state: str
    version: str = ""
    supervisor: str = ""
    unit: str = ""
    pid: int = 0
    models: tuple[str, ...] = ()
    loaded: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    run: str = ""
    plan: Plan | None = None
    done: str = ""
    failed: bool = False

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.engine/1"

    @property
    def exit_code(self) -> int:
        """After a change 0 when it came out as promised, else 2; of a status 0 well, 1 not yet, 2 not able to serve."""
        if self.done:
            return 2 * self.failed
        worst = max((one.status for one in self.findings), default=Status.OK)
        return max(_CODES.get(self.state, 2), 2 * (worst is Status.CRITICAL))
