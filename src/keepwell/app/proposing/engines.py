"""What touching an engine, or sending it no more work, would do: who is meant, and what runs there now."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from keepwell.app.operation import Caller
from keepwell.app.running.case import open_case, report_case
from keepwell.app.running.report import EngineReport
from keepwell.app.serving.replicas import ReplicasReport, list_replicas
from keepwell.core.errors import ConfigurationError, KeepwellError
from keepwell.core.foresight import Foresight
from keepwell.gateway.record.state import ReplicaState

#: Looks at engines, their states and addresses; nothing is loaded.
LEVEL = 1
#: Models that are named.
MODELS = 5


async def foresee_engine(caller: Caller, arguments: Mapping[str, Any], effect: str) -> Foresight:
    """The engine by its own name, how it is, and what runs there; `effect` is what comes of it and its way back.

    It rests on the engine's process: one that was started since is another. Costs a look of level 1. Raises
    ConfigurationError for no such engine and for several.
    """
    async with open_case(caller, arguments["name"], arguments["node"], level=LEVEL) as case:
        before = await report_case(case)
        whole = {**arguments, "name": case.site.ref.name}
        subject = f"{case.site.ref.node}/{case.site.ref.name}"
    lines = [*_tell_engine(before), *_tell_running(await _find_states(caller, subject)), effect]
    basis = hashlib.sha256(repr((before.engine, before.url, before.pid)).encode()).hexdigest()
    return Foresight(arguments=whole, lines=tuple(lines), basis=basis)


async def foresee_cordon(caller: Caller, arguments: Mapping[str, Any], effect: str) -> Foresight:
    """Which replicas are meant and what runs there now. No engine is asked. Raises ConfigurationError where the gateway
    has none of this name.
    """
    found = _find_covered((await list_replicas(caller)).replicas, arguments["name"])
    if not found:
        raise ConfigurationError(f"no node or engine {arguments['name']!r}", hint="keepwell replicas")
    names = ", ".join(one.replica for one in found)
    return Foresight(arguments=dict(arguments), lines=(f"meant: {names}", *_tell_running(found), effect))


def _tell_engine(before: EngineReport) -> Iterator[str]:
    pid = f", process {before.pid}" * bool(before.pid)
    yield f"{before.title} at {before.url} ({before.engine}) is {before.state}{pid}"
    if before.loaded:
        more = f" and {len(before.loaded) - MODELS} more" * (len(before.loaded) > MODELS)
        yield f"in its memory: {', '.join(before.loaded[:MODELS])}{more}"


def _tell_running(found: Sequence[ReplicaState]) -> Iterator[str]:
    running = sum(one.running for one in found)
    if found:
        yield f"requests of the gateway that run there now: {running}"


async def _find_states(caller: Caller, subject: str) -> list[ReplicaState]:
    """None where no gateway tells: that is no reason to say nothing of the engine."""
    try:
        report: ReplicasReport = await list_replicas(caller)
    except KeepwellError:
        return []
    return _find_covered(report.replicas, subject)


def _find_covered(replicas: Sequence[ReplicaState], name: str) -> list[ReplicaState]:
    name = name.removeprefix("engine:").removeprefix("node:")
    return [one for one in replicas if name in (one.replica, one.node, one.replica.partition("/")[2])]
