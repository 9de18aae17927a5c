"""Node against node, and now against then: what each has of the things that wishes are about."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial

from keepwell.app.desired.drifting import NODE_SECONDS, NodeLook, choose_targets, look_at_all
from keepwell.app.desired.report import Between, DriftReport
from keepwell.app.desired.wishing import Place, names_of, open_place, propose
from keepwell.app.nodes import ask_all
from keepwell.app.operation import Caller
from keepwell.app.targets import Target, find_target, find_targets
from keepwell.app.unreached import Unreached
from keepwell.app.wiring import Wiring, wire
from keepwell.config.desired_model import DesiredEntry
from keepwell.config.shapes import duration
from keepwell.conform.desired.look import look
from keepwell.conform.desired.portrait import Portrait, ask_for_portrait, cover, draw, find_differences
from keepwell.conform.desired.resolve import Wished, find_groups, find_nodes, resolve
from keepwell.core.errors import ConfigurationError, DamagedError
from keepwell.store.journal import load_run
from keepwell.store.portraits import Kept, find_portrait, load_portraits

#: Seconds for a node of which is found out first what it has: a survey, and then the look.
PROPOSE_SECONDS = 120.0


async def compare_nodes(caller: Caller, words: Sequence[str], other: str) -> DriftReport:
    """What these nodes have, and what the other one has instead: of all that tables are about, or, where no table is
    about any of them, of all that steps find on them.
    """
    async with wire(caller) as wiring:
        return await hold_against(wiring, caller, words, other)


async def hold_against(wiring: Wiring, caller: Caller, words: Sequence[str], other: str) -> DriftReport:
    """The same with what there is to work with."""
    began = time.monotonic()
    config, here = wiring.config, wiring.hands.name
    last = find_target(other, config, here)
    chosen = find_targets(words or [one for one in find_nodes(config, here) if one != last.name], config, here)
    targets = (*(one for one in chosen if one != last), last)
    if len(targets) == 1:
        raise ConfigurationError("a node is like itself", where=last.name, hint="name another one before --with")
    wished = _declared(wiring, targets) or await _proposed(wiring, caller, targets)
    *rest, end = await _draw_all(wiring, caller, targets, wished)
    pairs: list[Between] = []
    if not isinstance(end, Unreached):
        name, theirs = end
        pairs = [_between(mine, theirs, node, name) for node, mine in _reached(rest)]
    return DriftReport(
        at=wiring.clock.now(),
        seconds=time.monotonic() - began,
        unreached=tuple(one for one in (*rest, end) if isinstance(one, Unreached)),
        between=tuple(pairs),
    )


async def compare_times(caller: Caller, words: Sequence[str], since: str) -> DriftReport:
    """What these nodes have now, and what they had when they were looked at last before a time, or a run."""
    began = time.monotonic()
    async with wire(caller) as wiring:
        at = parse_since(since, wiring)
        targets = choose_targets(wiring, words)
        earlier = [_load(wiring, one) for one in targets]  # before the look that is kept next
        wishes, answers = await look_at_all(wiring, caller, targets)
        now = wiring.clock.now()
    told = [_hold(kept, found, at) for kept, found in zip(earlier, answers, strict=True)]
    return DriftReport(
        at=now,
        seconds=time.monotonic() - began,
        unreached=tuple(one for one in told if isinstance(one, Unreached)),
        revisions=wishes.revisions,
        between=tuple(one for one in told if isinstance(one, Between)),
    )


def _hold(kept: tuple[Kept, ...] | Unreached, found: NodeLook | Unreached, at: float) -> Between | Unreached:
    """Then against now; why not, where nothing is kept of then."""
    if isinstance(found, Unreached):
        return found
    if isinstance(kept, Unreached):
        return kept
    then = find_portrait(kept, at)
    if then is None:
        return Unreached(node=found.node, what=_too_early(kept, at), hint="every keepwell drift keeps what it sees")
    seen_at = min(then.until, at)
    return _between(then.things, found.portrait, f"{found.node} at {_moment(seen_at)}", "now", before_at=seen_at)


def parse_since(word: str, wiring: Wiring) -> float:
    """The time that is meant, seconds since the epoch: an age ("2h"), a moment (2026-01-31T10:02, local), or when a run
    was made. Raises ConfigurationError, and NotThere for a run that is not kept.
    """
    try:
        return wiring.clock.now() - duration(word)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(word).timestamp()
    except ValueError:
        pass
    if "-" not in word:
        hint = 'an age like "2h", a moment like 2026-01-31T10:02, or the id of a run'
        raise ConfigurationError(f"{word!r} is no time", hint=hint)
    return load_run(wiring.state, word).run.created_at


def _declared(wiring: Wiring, targets: Iterable[Target]) -> tuple[Wished, ...]:
    here = wiring.hands.name
    groups = {id(one): one for target in targets for one in find_groups(wiring.config, names_of(target, wiring), here)}
    return _each_once(wished for group in groups.values() for wished in resolve([group]))


async def _proposed(wiring: Wiring, caller: Caller, targets: Sequence[Target]) -> tuple[Wished, ...]:
    async def ask(place: Place) -> tuple[Wished, ...]:
        return await propose(wiring, caller, place, DesiredEntry())

    way = partial(open_place, wiring)
    found = await ask_all(targets, way, ask, caller.progress, node_seconds=PROPOSE_SECONDS)
    return _each_once(one for wished in found if not isinstance(wished, Unreached) for one in wished)


async def _draw_all(
    wiring: Wiring, caller: Caller, targets: Sequence[Target], wished: Sequence[Wished]
) -> list[tuple[str, Portrait] | Unreached]:
    async def ask(place: Place) -> tuple[str, Portrait]:
        looked = await look(ask_for_portrait(wished), place.transport)
        return place.transport.name, draw(wished, looked, masked=False)

    return await ask_all(targets, partial(open_place, wiring), ask, caller.progress, node_seconds=NODE_SECONDS)


def _each_once(wished: Iterable[Wished]) -> tuple[Wished, ...]:
    return tuple({one.label: one for one in wished}.values())


def _reached(drawn: Iterable[tuple[str, Portrait] | Unreached]) -> list[tuple[str, Portrait]]:
    return [one for one in drawn if not isinstance(one, Unreached)]


def _between(mine: Portrait, theirs: Portrait, before: str, after: str, *, before_at: float = 0.0) -> Between:
    return Between(
        before=before,
        after=after,
        compared=len({*mine, *theirs}),
        differences=cover(find_differences(mine, theirs)),
        before_at=before_at,
    )


def _load(wiring: Wiring, target: Target) -> tuple[Kept, ...] | Unreached:
    """What is kept of a node, or why it cannot be read."""
    name = target.name
    if target.node is None:
        name = wiring.hands.name
    try:
        return load_portraits(wiring.state, name)
    except DamagedError as error:
        return Unreached(node=target.name, what=error.what, where=error.where, hint=error.hint)


def _too_early(kept: tuple[Kept, ...], at: float) -> str:
    if not kept:
        return "no look at it was kept before this one"
    return f"no look was kept at {_moment(at)} or before; the first is of {_moment(kept[0].since)}"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().isoformat(timespec="seconds")
