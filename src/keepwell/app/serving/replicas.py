"""Replicas behind the gateway: how each is, what runs there, and which get no new work (drain, cordon, uncordon)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from operator import attrgetter
from pathlib import Path

from keepwell.app.operation import Caller
from keepwell.app.serving.doors import ask_planes, find_serving
from keepwell.app.wiring import Wiring, wire
from keepwell.core.errors import AccessError, ConfigurationError
from keepwell.gateway.choice.cordons import Cordon, add_cordon, find_reason, load_cordons, remove_cordon
from keepwell.gateway.record.state import GatewayState, ReplicaState
from keepwell.gateway.settings import SETTINGS_FILE, load_settings
from keepwell.plugins.routing import Replica

#: Seconds between two looks at what still runs, and until a running gateway must know of a changed cordon.
LOOK_SECONDS, KNOWN_SECONDS = 0.1, 5.0
#: Requests of one replica that are told while somebody waits for them.
TOLD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicasReport:
    """The answer of `replicas`, `drain`, `cordon` and `uncordon`.

    `serving` is where the gateway listens, () while none runs; `finishing` how many processes of before a restart still
    finish streams. `replicas` count the requests of all of them. `done` is what was changed; `left` how many requests
    still run where it was drained, -1 if nobody waited for them.
    """

    serving: tuple[str, ...]
    replicas: tuple[ReplicaState, ...]
    waiting: int = 0
    finishing: int = 0
    done: str = ""
    left: int = -1

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.replicas/1"

    @property
    def exit_code(self) -> int:
        """1 where something still runs after the time to wait for it."""
        return int(self.left > 0)


async def list_replicas(caller: Caller) -> ReplicasReport:
    """All of them, as they are now; without a gateway those of its last settings."""
    async with wire(caller) as wiring:
        return await _report(wiring)


async def cordon(caller: Caller, name: str, *, why: str, wait: bool, timeout_seconds: float) -> ReplicasReport:
    """No new work for this node or engine; with `wait` the requests that still run are told until there are none.

    Raises ConfigurationError for a name that nobody has.
    """
    async with wire(caller) as wiring:
        subject = find_subject(name, _load_replicas(wiring.state))
        made = Cordon(subject=subject, since=wiring.clock.now(), by=caller.asked_by, why=why)
        fresh = add_cordon(wiring.state, made)
        done = {True: f"{subject} gets no new work", False: f"{subject} gets no new work already"}[fresh]
        report = await wait_until_known(wiring, subject, cordoned=True)
        if report.serving and wait:
            report = await wait_until_left(wiring, caller, subject, timeout_seconds)
        return replace(report, done=_with_gateway(done, report))


async def uncordon(caller: Caller, name: str) -> ReplicasReport:
    """Work for it again. Raises ConfigurationError where it is not cordoned."""
    async with wire(caller) as wiring:
        known = [one.subject for one in load_cordons(wiring.state)]
        subject = name
        if name not in known:
            subject = find_subject(name, _load_replicas(wiring.state))
        if not remove_cordon(wiring.state, subject):
            hint = f"drained are: {', '.join(known) or 'none'}"
            raise ConfigurationError(f"{subject} gets work as it is", hint=hint)
        report = await wait_until_known(wiring, subject, cordoned=False)
        return replace(report, done=_with_gateway(f"{subject} gets work again", report))


def find_subject(name: str, replicas: Iterable[Replica]) -> str:
    """The node or the replica that is meant: a node's name, a replica's id, or its end after the node.

    Raises ConfigurationError where nobody, or more than one, is called so.
    """
    name = name.removeprefix("engine:").removeprefix("node:")
    ids, nodes = [one.id for one in replicas], {one.node for one in replicas}
    if name in nodes or name in ids:
        return name
    ending = [one for one in ids if one.partition("/")[2] == name]
    if len(ending) == 1:
        return ending[0]
    if ending:
        raise ConfigurationError(f"{name!r} is on several nodes", hint=f"write one of: {', '.join(ending)}")
    known = sorted([*nodes, *ids])
    near = get_close_matches(name, known, n=3) or known
    raise ConfigurationError(f"no node or engine {name!r}", hint=f"known: {', '.join(near) or 'none'}")


def merge_states(planes: Sequence[GatewayState]) -> tuple[ReplicaState, ...]:
    """Each replica once, as the process says that takes new connections, with what runs there for the others too."""
    serving = find_serving(list(planes))
    merged = {one.replica: one for one in (serving or planes[-1]).replicas}
    for plane in planes:
        if plane is (serving or planes[-1]):
            continue
        for other in plane.replicas:
            one = merged.get(other.replica)
            if one is None:
                merged[other.replica] = other
            else:
                requests = (*one.requests, *other.requests)
                merged[other.replica] = replace(one, running=one.running + other.running, requests=requests)
    return tuple(merged[name] for name in sorted(merged))


def is_covered(one: ReplicaState, subject: str) -> bool:
    """True if this replica is the subject, or stands on it."""
    return subject in (one.replica, one.node)


async def _report(wiring: Wiring) -> ReplicasReport:
    planes = await ask_planes(wiring.state, wiring.hands)
    if not planes:
        cordons = load_cordons(wiring.state)
        known = (
            ReplicaState(replica=one.id, node=one.node, limit=one.limit, cordoned=find_reason(cordons, one))
            for one in _load_replicas(wiring.state)
        )
        return ReplicasReport(serving=(), replicas=tuple(known))
    serving = find_serving(planes)
    listening: tuple[str, ...] = ()
    if serving is not None:
        listening = serving.plane.listening
    return ReplicasReport(
        serving=listening,
        replicas=merge_states(planes),
        waiting=sum(one.waiting for one in planes),
        finishing=sum(one.plane.finishing for one in planes),
    )


async def wait_until_known(wiring: Wiring, subject: str, *, cordoned: bool) -> ReplicasReport:
    """The state once every process of the gateway goes by what was changed. Raises AccessError where one does not."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + KNOWN_SECONDS
    others = [one for one in load_cordons(wiring.state) if one.subject != subject]
    while True:
        told = [state for plane in await ask_planes(wiring.state, wiring.hands) for state in plane.replicas]
        meant = [
            one for one in told if is_covered(one, subject) and not any(is_covered(one, x.subject) for x in others)
        ]
        if all(bool(one.cordoned) == cordoned for one in meant):
            return await _report(wiring)
        if loop.time() > deadline:
            raise AccessError("the gateway does not go by it yet", where=subject, hint="keepwell replicas")
        await asyncio.sleep(LOOK_SECONDS / 5)


async def wait_until_left(wiring: Wiring, caller: Caller, subject: str, timeout_seconds: float) -> ReplicasReport:
    """The state when nothing runs there any more, or the time is over; tells how many are left."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_seconds
    told = -1
    while True:
        report = await _report(wiring)
        meant = [one for one in report.replicas if is_covered(one, subject)]
        left = sum(one.running for one in meant)
        if left != told:
            told = left
            _tell(caller, meant, left)
        if not left or loop.time() > deadline:
            return replace(report, left=left)
        await asyncio.sleep(LOOK_SECONDS)


def _tell(caller: Caller, meant: Sequence[ReplicaState], left: int) -> None:
    caller.tell(f"{left} still run")
    requests = sorted((one for state in meant for one in state.requests), key=attrgetter("seconds"), reverse=True)
    for one in requests[:TOLD]:
        caller.tell(f"  {one.id}  {one.model or '-'}  {one.key or '-'}  for {one.seconds:.0f} s")


def _with_gateway(done: str, report: ReplicasReport) -> str:
    if report.serving:
        return done
    return f"{done}; no gateway runs, the next one goes by it"


def _load_replicas(state: Path) -> tuple[Replica, ...]:
    """Those of the last settings. Raises ConfigurationError where there never was a gateway."""
    if not (state / SETTINGS_FILE).exists():
        raise ConfigurationError("no gateway has run here yet", where=str(state), hint="start one: keepwell gateway")
    return load_settings(state / SETTINGS_FILE).replicas
