"""What tests of checks need: an engine as it was seen, and the findings of one check about it."""

from __future__ import annotations

from collections.abc import Mapping

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Missing, Observation, Seen, Value
from keepwell.core.ref import engine
from keepwell.plugins import registry
from tests.machines import about

REF = engine("node", "made")
SITE: Mapping[str, Value] = {
    "title": "Made",
    "url": "http://127.0.0.1:7000",
    "host": "127.0.0.1",
    "port": 7000,
    "declared": False,
}
PROCESS: Mapping[str, Value] = {"pid": 700, "state": "S", "started_at": 0.0}
SUPERVISOR: Mapping[str, Value] = {"kind": "process", "unit": "", "start": ("env", "A=1 2", "made", "serve")}


def of_engine(name: str, value: Value | Missing) -> Observation:
    """An observation about the engine."""
    return about(name, value, subject=REF)


def engine_seen(**more: Value | Missing) -> list[Observation]:
    """A healthy engine; `engine_health={...}` and the like replace or add what was seen of it."""
    usual: dict[str, Value | Missing] = {
        "engine_site": SITE,
        "engine_process": PROCESS,
        "engine_supervisor": SUPERVISOR,
        "engine_health": {"state": "well", "http_status": 200, "said": ""},
    }
    return [of_engine(name.replace("_", ".", 1), value) for name, value in (usual | more).items()]


def findings(check: str, *seen: Observation) -> list[Finding]:
    """What the check of this id says."""
    checks = registry.load("checks", check.partition(".")[0])
    assert isinstance(checks, tuple)
    (found,) = [one for one in checks if isinstance(one, Check) and one.id == check]
    return list(found.judge(Seen(seen)))


def only(check: str, *seen: Observation) -> Finding:
    """The one finding of a check."""
    (found,) = findings(check, *seen)
    assert found.check == check
    return found


def status(check: str, *seen: Observation) -> Status:
    """The status of the one finding of a check."""
    return only(check, *seen).status
