"""Drafts of engines: everything that hints at one, brought together so that each engine stands once. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from keepwell.core.observation import Missing, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.values import find_number, row_of, rows_of, text_of, texts_of
from keepwell.plugins.engine import Engine
from keepwell.plugins.place import ServingProcess
from keepwell.survey.asking import Answer
from keepwell.survey.boxes import Boxes
from keepwell.survey.expected import Expected
from keepwell.survey.hearing import Address, reachable_host, split_url
from keepwell.survey.idle import list_idle
from keepwell.survey.serving import HANGING, Family, same_server
from keepwell.survey.supervision import find_supervision, is_proxy

#: How an engine was found that answered.
ANSWERS = "it answers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An engine as far as it is known: where it is asked, the pid that serves (0: none seen), how it was found.

    `row` is the unit or container that should run it.
    """

    engine: str
    address: Address
    pid: int = 0
    found: str
    expected: Expected | None = None
    row: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What was seen before anything was brought together.

    `serving` are the processes behind answers and those that look like a server, by pid, and `starts` the
    commands that start them, secrets masked as those that are remembered. `boxes` are those of them that lie
    in containers or networks of their own.
    """

    node: Ref
    seen: Seen
    engines: Mapping[str, Engine]
    family: Family
    expected: tuple[Expected, ...]
    answers: tuple[Answer, ...]
    serving: Mapping[int, ServingProcess] = field(default_factory=dict)
    starts: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    boxes: Boxes = field(default_factory=Boxes)


def draft_engines(hints: Hints) -> tuple[Draft, ...]:
    """Every engine once, those that answer first."""
    drafts = _recognised(hints, _answering(hints))
    told = _at_answering(hints, drafts)
    drafts += [one for one in _silent(hints, {one.pid for one in drafts}) if one.pid not in told]
    return tuple(_supervised(hints, _claimed(hints, drafts)))


def _answering(hints: Hints) -> list[Draft]:
    """One draft for each server that answered; of its addresses, an expected one counts, else the first."""
    wanted = {split_url(one.url) for one in hints.expected}
    found: dict[tuple[int, int], Draft] = {}
    for answer in hints.answers:
        if isinstance(answer.identity, Missing):
            continue
        pid = _inner(hints, answer.engine, serving_pid(hints, answer.address))
        draft = Draft(engine=answer.engine, address=answer.address, pid=pid, found=ANSWERS)
        key = (pid, answer.address.port)
        if key not in found or Address(answer.address.host, answer.address.port) in wanted:
            found[key] = draft
    return list(found.values())


def serving_pid(hints: Hints, address: Address) -> int:
    """The pid that serves at an address: the holder of its port, or behind a container's proxy or address the
    container.
    """
    for row in rows_of(hints.seen.value(hints.node, "host.containers")):
        if address.host in texts_of(row.get("addresses")):
            return int(find_number(row.get("pid")) or 0)
    pid = address.pid or holder_of(hints, address)
    supervision = find_supervision(hints.node, hints.seen, hints.family, pid, address.port)
    if supervision is None or supervision.kind != "container":
        return pid
    return int(find_number(supervision.row.get("pid")) or 0) or pid


def _inner(hints: Hints, engine: str, pid: int) -> int:
    """The server itself where only a container's proxy, or nobody, is seen to hold its port: the one of this
    engine that lies in another network.
    """
    if pid and not is_proxy(hints.family, pid):
        return pid
    inside = [one for one, name in hints.family.servers.items() if name == engine and one in hints.boxes.elsewhere]
    return next(iter(inside), pid)


def holder_of(hints: Hints, address: Address) -> int:
    """The pid that listens where this address leads: on it, or on all addresses; 0 if none is seen."""
    for row in rows_of(hints.seen.value(hints.node, "host.sockets")):
        if find_number(row.get("port")) == address.port:
            bound = text_of(row, "address")
            if reachable_host(bound) != bound or _same_host(bound, address.host):
                return int(find_number(row.get("pid")) or 0)
    return 0


def _same_host(one: str, other: str) -> bool:
    return one == other or {one, other} <= {"127.0.0.1", "localhost", "::1"}


def _recognised(hints: Hints, drafts: list[Draft]) -> list[Draft]:
    """The drafts, where the holder of a port is hidden (from a user who is not root) with the process that must be
    it: of those whose own sockets are hidden too, the one with this port in its command line, or the only one.
    """
    free = _unheard(hints)
    done = list(drafts)
    for by_port in (True, False):
        for place, draft in enumerate(done):
            alike = [pid for pid, name in free.items() if name == draft.engine and not draft.pid]
            if by_port:
                alike = [pid for pid in alike if _address_of(hints, pid, draft.engine).port == draft.address.port]
            if len(alike) == 1:
                done[place] = replace(draft, pid=alike[0])
                del free[alike[0]]
    return done


def _unheard(hints: Hints) -> dict[int, str]:
    """Servers that could answer and are not seen to listen anywhere, with their plug-ins."""
    seen = {int(find_number(row.get("pid")) or 0) for row in rows_of(hints.seen.value(hints.node, "host.sockets"))}
    return {
        pid: name
        for pid, name in hints.family.servers.items()
        if pid not in seen | hints.boxes.elsewhere and hints.family.state(pid) not in HANGING
    }


def _at_answering(hints: Hints, drafts: Iterable[Draft]) -> set[int]:
    """Servers that belong to an answer whose process is hidden, though not which of them to which."""
    hidden = {(one.engine, one.address.port) for one in drafts if not one.pid}
    return {
        pid for pid, name in _unheard(hints).items() if hidden and (name, _address_of(hints, pid, name).port) in hidden
    }


def _silent(hints: Hints, answering: set[int]) -> list[Draft]:
    """Servers that look like an engine's and did not answer: hanging, just starting, or on no port. One in another
    network cannot be asked from here, so that it does not answer means nothing.
    """
    above = {one for pid in answering for one in hints.family.ancestors(pid)}
    return [
        Draft(engine=name, address=_address_of(hints, pid, name), pid=pid, found="its command line")
        for pid, name in hints.family.servers.items()
        if pid not in above | hints.boxes.elsewhere and answering.isdisjoint(hints.family.ancestors(pid))
    ]


def _address_of(hints: Hints, pid: int, name: str) -> Address:
    """Where a process listens; where it would by its command line and environment; else the engine's usual place."""
    for row in rows_of(hints.seen.value(hints.node, "host.sockets")):
        if find_number(row.get("pid")) == pid:
            return Address(reachable_host(text_of(row, "address")), int(find_number(row.get("port")) or 0), pid)
    process = hints.serving.get(pid)
    if process is None:
        return _bound(hints.engines[name], texts_of(hints.family.rows[pid].get("argv")), {})
    return _bound(hints.engines[name], process.argv, process.environment)


def _bound(engine: Engine, argv: tuple[str, ...], environment: Mapping[str, str]) -> Address:
    told = engine.address(argv, environment)
    if isinstance(told, Missing):
        return Address("127.0.0.1", (engine.ports or (0,))[0])
    return Address(reachable_host(told[0]), told[1])


def _claimed(hints: Hints, drafts: list[Draft]) -> list[Draft]:
    """The drafts with what was expected of each; first by address, then by being the same server elsewhere."""
    left = list(drafts)
    done: list[Draft] = []
    open_: list[Expected] = []
    for one in hints.expected:
        match = next((draft for draft in left if _at(draft, one)), None)
        if match is None:
            open_.append(one)
        else:
            left.remove(match)
            done.append(_joined(match, one, hints.engines))
    for one in open_:
        moved = _moved(hints, left, one)
        if moved is None:
            done.append(_gone(hints, one))
        else:
            left.remove(moved)
            done.append(replace(_joined(moved, one, hints.engines), address=_with_pid(one, moved.pid)))
    return [*done, *left]


def _at(draft: Draft, one: Expected) -> bool:
    wanted = split_url(one.url)
    fits = not one.engine or one.engine == draft.engine
    return fits and draft.address.port == wanted.port and _same_host(draft.address.host, wanted.host)


def _joined(draft: Draft, one: Expected, engines: Mapping[str, Engine]) -> Draft:
    """The draft with what was expected; an engine that the owner named counts above a generic proof."""
    name = draft.engine
    if one.engine in engines:
        name = one.engine
    return replace(draft, engine=name, expected=one)


def _moved(hints: Hints, left: Iterable[Draft], one: Expected) -> Draft | None:
    """The server that was expected, at another address: the same start command, or for a declared engine whose
    start is not known the only one of its kind.
    """
    alike = [draft for draft in left if draft.pid and (draft.engine == one.engine or not one.engine)]
    same = [draft for draft in alike if same_server(one.start, hints.starts.get(draft.pid, ()))]
    if same:
        return same[0]
    if one.declared and not one.start and len(alike) == 1:
        return alike[0]
    return None


def _with_pid(one: Expected, pid: int) -> Address:
    wanted = split_url(one.url)
    return Address(wanted.host, wanted.port, pid)


def _gone(hints: Hints, one: Expected) -> Draft:
    """Expected, and nothing like it runs. A process at its address (behind a container's proxy the container's) that
    hangs and cannot say what it is, is it if it was started by the same command or looks like such an engine.
    """
    address = split_url(one.url)
    holder = serving_pid(hints, address)
    argv = hints.starts.get(holder) or texts_of(hints.family.rows.get(holder, {}).get("argv"))
    found = {True: "declared"}.get(one.declared, "remembered")
    alike = bool(one.engine) and hints.family.servers.get(holder) == one.engine
    if holder and (alike or same_server(one.start, argv)):
        return Draft(engine=one.engine, address=_with_pid(one, holder), pid=holder, found=found, expected=one)
    return Draft(engine=one.engine, address=address, found=found, expected=one)


def _supervised(hints: Hints, drafts: list[Draft]) -> list[Draft]:
    """The drafts, and the units and containers of engines that ought to run and do not: each belongs to the draft
    that was expected there, or is a draft of its own.
    """
    done = list(drafts)
    served = {pid for draft in drafts for pid in hints.family.ancestors(draft.pid)}
    for row in list_idle(hints.node, hints.seen, hints.engines, served):
        name, unit = text_of(row, "engine"), text_of(row, "unit") or text_of(row, "name")
        address = _row_address(row, hints.engines[name])
        match = next((draft for draft in done if _runs(draft, name, unit, address)), None)
        if match is None:
            kind = {True: "unit"}.get("unit" in row, "container")
            done.append(Draft(engine=name, address=address, found=f"{kind} {unit}", row=row))
        elif not match.pid and not match.row:
            done[done.index(match)] = replace(match, row=row)
    return done


def _runs(draft: Draft, name: str, unit: str, address: Address) -> bool:
    """True if this unit or container is the one that should run the engine of this draft."""
    named = draft.expected is not None and draft.expected.unit in (unit, unit.removesuffix(".service"))
    return named or (draft.engine == name and draft.address.port == address.port)


def _row_address(row: Mapping[str, Value], engine: Engine) -> Address:
    for published in rows_of(row.get("ports")):
        return Address(reachable_host(text_of(published, "address")), int(find_number(published.get("port")) or 0))
    environment = {name: str(value) for name, value in row_of(row.get("environment")).items()}
    return _bound(engine, texts_of(row.get("argv")) or texts_of(row.get("command")), environment)
