"""What is wished of nodes, ready to be compared: sources read, what was left out filled in from baseline nodes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from keepwell.app.operation import Caller
from keepwell.app.targets import Target, find_target
from keepwell.app.wiring import Reached, Wiring, reach
from keepwell.config.desired_model import DesiredEntry, WishEntry
from keepwell.config.model import Config
from keepwell.conform.desired.look import look
from keepwell.conform.desired.portrait import ask_for
from keepwell.conform.desired.resolve import (
    Wished,
    find_groups,
    make_wished,
    name_group,
    require_agreement,
    resolve,
)
from keepwell.conform.desired.sources import Revision, Sources
from keepwell.core.errors import AccessError, KeepwellError, RefusedError
from keepwell.core.observation import Missing, Seen
from keepwell.plugins.wish import Looked, load_wishes
from keepwell.transport.base import Transport

#: The level of the survey from which tables are proposed: it sees engines, units, processes and their settings.
PROPOSE_LEVEL = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A node that can be looked at, and every name by which groups may call it."""

    names: frozenset[str]
    reached: Reached

    @property
    def transport(self) -> Transport:
        """The way to it."""
        return self.reached.transport


@asynccontextmanager
async def open_place(wiring: Wiring, target: Target) -> AsyncIterator[Place]:
    """The way to a node; RefusedError for a recording, of which only what was asked then is known."""
    if target.bundle is not None:
        raise RefusedError("a recording holds no more than what was asked then", where=str(target.bundle))
    async with reach(wiring, target) as reached:
        yield Place(names=names_of(target, wiring), reached=reached)


def names_of(target: Target, wiring: Wiring) -> frozenset[str]:
    """The names of a node; this machine has its own, and those of entries without an address."""
    if target.node is not None:
        return frozenset({target.name})
    return frozenset({target.name, wiring.hands.name, *(one.name for one in wiring.config.nodes if not one.address)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """The prepared tables of every group that was asked for, by the identity of its entry in the configuration."""

    config: Config
    here: str
    by_group: Mapping[int, tuple[Wished, ...] | KeepwellError]
    revisions: tuple[Revision, ...] = ()

    def of(self, names: frozenset[str]) -> tuple[Wished, ...]:
        """The tables of one node. Raises ConfigurationError where two contradict each other, and AccessError where a
        group is nothing but the wish to be like a node that cannot be looked at.
        """
        wished: list[Wished] = []
        for group in find_groups(self.config, names, self.here):
            tables = self.by_group.get(id(group), ())
            if isinstance(tables, KeepwellError):
                raise AccessError(f"the baseline of {name_group(group)} cannot be looked at: {tables}")
            wished += tables
        require_agreement(wished)
        return tuple(wished)


async def prepare(
    wiring: Wiring, caller: Caller, groups: Iterable[DesiredEntry], *, tables: Collection[str] | None = None
) -> Wishes:
    """Read the sources of these groups and ask their baselines, of these tables alone where some are named. What cannot
    be read is said by the wish itself.
    """
    config = wiring.config
    beside = config.path and config.path.absolute().parent
    sources = Sources(here=wiring.hands, state=wiring.state, beside=beside)
    work = {id(one): _prepare(wiring, caller, one, sources) for one in groups}
    made = [_choose(one, tables) for one in await asyncio.gather(*work.values())]
    by_group = dict(zip(work, made, strict=True))
    return Wishes(config=config, here=wiring.hands.name, by_group=by_group, revisions=sources.revisions)


async def propose(wiring: Wiring, caller: Caller, place: Place, group: DesiredEntry) -> tuple[Wished, ...]:
    """A table for everything that this node gives steps reason for, with only what names the thing."""
    from keepwell.app.looking import look as survey

    result = await survey(wiring, caller, level=PROPOSE_LEVEL, at=place.reached)
    return propose_from(result.seen, place.transport.name, group)


def propose_from(seen: Seen, node: str, group: DesiredEntry) -> tuple[Wished, ...]:
    """The same from what was seen already; each thing once. Pure."""
    found = [
        make_wished(group, WishEntry(table=table, values=wish))
        for table, (_, keeps) in sorted(load_wishes().items())
        for wish in keeps.propose(seen, node)
    ]
    return tuple({one.label: one for one in found}.values())


def fill(wished: Sequence[Wished], looked: Looked) -> tuple[Wished, ...]:
    """The same with what they leave out taken from the node that was looked at. Pure."""
    return tuple(_fill_one(one, looked) for one in wished)


def _fill_one(wished: Wished, looked: Looked) -> Wished:
    if wished.missing is not None:
        return wished
    made = wished.keeps.copy(wished.wish, looked)
    if isinstance(made, Missing):
        reason = f"{looked.node} does not tell: {made.reason}"
        return replace(wished, missing=Missing(kind=made.kind, reason=reason))
    return replace(wished, wish=made)


def _choose(
    found: tuple[Wished, ...] | KeepwellError, tables: Collection[str] | None
) -> tuple[Wished, ...] | KeepwellError:
    if tables is None or isinstance(found, KeepwellError):
        return found
    return tuple(one for one in found if one.table in tables)


async def _prepare(
    wiring: Wiring, caller: Caller, group: DesiredEntry, sources: Sources
) -> tuple[Wished, ...] | KeepwellError:
    wished = [await sources.fill(one) for one in resolve([group])]
    if not group.baseline:
        return tuple(wished)
    target = find_target(group.baseline, wiring.config, wiring.hands.name)
    try:
        async with open_place(wiring, target) as place:
            found = wished or await propose(wiring, caller, place, group)
            return fill(found, await look(ask_for(found), place.transport))
    except KeepwellError as error:
        if not wished:
            return error
        reason = f"its baseline {group.baseline} cannot be looked at: {error}"
        return tuple(replace(one, missing=one.missing or Missing(kind="failed", reason=reason)) for one in wished)
