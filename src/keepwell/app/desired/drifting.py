"""Nodes against what is wished of them: look, compare, keep the look for later."""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

from keepwell.app.desired.report import DriftReport, NodeDrift, Planned, State, WishState
from keepwell.app.desired.wishing import Place, Wishes, names_of, open_place, prepare
from keepwell.app.nodes import ask_all
from keepwell.app.operation import Caller
from keepwell.app.targets import Target, find_targets
from keepwell.app.unreached import Unreached
from keepwell.app.wiring import Wiring, wire
from keepwell.conform.desired.compare import Compared, compare
from keepwell.conform.desired.look import look
from keepwell.conform.desired.portrait import Portrait, ask_for, ask_for_portrait, draw
from keepwell.conform.desired.resolve import Wished, find_groups, find_nodes, name_group
from keepwell.core.errors import AccessError, ConfigurationError
from keepwell.core.observation import Missing
from keepwell.core.secret import mask_argv
from keepwell.core.step import Change, RunCommand
from keepwell.fleet.decisions import cite, day_of
from keepwell.plugins.wish import Drift
from keepwell.store.portraits import keep_portrait

#: Seconds for one node, from the first question to the last: a look of ten wishes takes a tenth of one.
NODE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLook:
    """What became of a node's wishes, and what it has of the things that they are about."""

    node: str
    wished: tuple[Wished, ...]
    compared: tuple[Compared, ...]
    portrait: Portrait
    seconds: float


async def find_drift(caller: Caller, words: Sequence[str]) -> DriftReport:
    """These nodes, or all that a group is about, against what is wished of them; many at once."""
    began = time.monotonic()
    async with wire(caller) as wiring:
        targets = choose_targets(wiring, words)
        wishes, answers = await look_at_all(wiring, caller, targets)
        at = wiring.clock.now()
    return DriftReport(
        at=at,
        seconds=time.monotonic() - began,
        nodes=tuple(tell(one) for one in answers if isinstance(one, NodeLook)),
        unreached=tuple(one for one in answers if isinstance(one, Unreached)),
        revisions=wishes.revisions,
    )


def choose_targets(wiring: Wiring, words: Sequence[str]) -> tuple[Target, ...]:
    """The nodes that are meant. Raises ConfigurationError where nothing is wished of one that was named."""
    config, here = wiring.config, wiring.hands.name
    if not config.desired:
        raise ConfigurationError(
            "keepwell.toml wishes nothing of any node",
            where=str(config.path or "keepwell.toml"),
            hint="[[desired]] does: `keepwell baseline NODE` writes one from a node that is as it ought to be",
        )
    targets = find_targets(words or find_nodes(config, here), config, here)
    for one in targets:
        if one.bundle is None and not find_groups(config, names_of(one, wiring), here):
            raise ConfigurationError("no [[desired]] is about it", where=one.name, hint="add it to nodes, or to a tag")
    return targets


async def look_at_all(
    wiring: Wiring, caller: Caller, targets: Sequence[Target], *, tables: Collection[str] | None = None
) -> tuple[Wishes, list[NodeLook | Unreached]]:
    """What is wished, and what each node is like, in their order; of these tables alone, where some are named."""
    here = wiring.hands.name
    groups = {id(group): group for one in targets for group in find_groups(wiring.config, names_of(one, wiring), here)}
    wishes = await prepare(wiring, caller, groups.values(), tables=tables)
    way, ask = partial(open_place, wiring), partial(look_at, wiring, wishes)
    return wishes, await ask_all(targets, way, ask, caller.progress, node_seconds=NODE_SECONDS)


async def look_at(wiring: Wiring, wishes: Wishes, place: Place) -> NodeLook:
    """One node: everything that its wishes need, at once."""
    began = time.monotonic()
    wished = wishes.of(place.names)
    looked = await look((*ask_for(wished), *ask_for_portrait(wished)), place.transport)
    now = wiring.clock.now()
    compared = compare(wished, looked, wiring.config.decisions, day_of(now))
    portrait = draw(wished, looked)
    # a full or read-only disk must not keep the answer from its reader; what is lost is only the memory
    with contextlib.suppress(AccessError):
        keep_portrait(wiring.state, place.transport.name, portrait, now)
    return NodeLook(
        node=place.transport.name,
        wished=wished,
        compared=compared,
        portrait=portrait,
        seconds=time.monotonic() - began,
    )


def tell(found: NodeLook) -> NodeDrift:
    """A look for its reader."""
    return NodeDrift(
        node=found.node, wishes=tuple(_state(one) for one in found.compared), seconds=round(found.seconds, 3)
    )


def _state(compared: Compared) -> WishState:
    wished, drift = compared.wished, compared.drift
    group = name_group(wished.group)
    if isinstance(drift, Missing):
        return WishState(table=wished.table, label=wished.label, group=group, state="untold", why=drift.reason)
    state, why = _judge(compared, drift)
    return WishState(
        table=wished.table,
        label=wished.label,
        group=group,
        state=state,
        subject=drift.subject,
        before=drift.before,
        after=drift.after,
        why=why,
        engine=drift.engine,
        changes=tuple(_planned(one) for one in drift.changes),
        kept=drift.kept,
    )


def _judge(compared: Compared, drift: Drift) -> tuple[State, str]:
    """How it stands, and why."""
    if compared.decision is not None:
        return "decided", cite(compared.decision)
    if drift.problem:
        return "problem", drift.problem
    if drift.changes:
        return "differs", ""
    return "same", ""


def _planned(change: Change) -> Planned:
    undo = "byte for byte"
    if change.irreversible:
        undo = f"none: {change.irreversible}"
    elif isinstance(change.undo, RunCommand):
        undo = f"by {shlex.join(mask_argv(change.undo.argv))}"
    return Planned(what=change.what, before=change.before, after=change.after, undo=undo, interrupts=change.interrupts)
