"""Finds the engines of a node with no configuration: by what listens and answers, by processes, units, containers,
and by what was declared or remembered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Observation, Value, absent, failed
from keepwell.core.ref import Ref
from keepwell.core.ref import engine as engine_ref
from keepwell.core.secret import is_secret_name, mask_argv
from keepwell.core.values import find_number, rows_of, text_of, texts_of
from keepwell.formats.startfile import parse_assignments
from keepwell.plugins.engine import Engine
from keepwell.plugins.place import LogSource, Place, ServingProcess, Site
from keepwell.plugins.recognise import load_engines
from keepwell.plugins.services import load_services
from keepwell.survey.asking import Answer, ask_addresses
from keepwell.survey.boxes import find_boxes
from keepwell.survey.drafts import ANSWERS, Draft, Hints, draft_engines, holder_of, serving_pid
from keepwell.survey.expected import Expected
from keepwell.survey.hearing import Address, choose_addresses, split_url
from keepwell.survey.serving import HANGING, Family, read_serving, sort_family
from keepwell.survey.supervision import (
    Supervision,
    by_container,
    by_hand,
    by_unit,
    find_supervision,
    may_be_relative,
)

#: Modules and commands of keepwell that hold a port.
OWN_MODULES = frozenset({"keepwell.gateway.serve", "keepwell.daemon"})
OWN_VERBS = frozenset({"up", "gateway"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """The engines of a node, what was observed about each (engine.site, engine.supervisor), and who was asked."""

    sites: tuple[Site, ...]
    observations: tuple[Observation, ...]
    answers: tuple[Answer, ...]


async def discover(place: Place, expected: tuple[Expected, ...]) -> Discovery:
    """Look for engines; `place.seen` holds processes, sockets, units and containers. Under 2 s unless much hangs."""
    engines = load_engines()
    family = _family(place, engines)
    silent = (
        family.children
        | {pid for pid in family.rows if family.state(pid) in HANGING}
        | _fronts(place, family, expected)
    )
    addresses = choose_addresses(place.node, place.seen, engines, expected, silent)
    keys = {one.url: one.api_key for one in expected if one.api_key}
    answers = await ask_addresses(place.transport, addresses, engines, keys)
    found = Hints(node=place.node, seen=place.seen, engines=engines, family=family, expected=expected, answers=answers)
    hints = await _with_processes(place, found)
    sites: list[Site] = []
    observations: list[Observation] = []
    for draft in draft_engines(hints):
        if draft.engine in engines:
            site, seen = await _site(place, hints, draft, {one.ref for one in sites})
            sites.append(site)
            observations += seen
    return Discovery(sites=tuple(sites), observations=tuple(observations), answers=answers)


def _fronts(place: Place, family: Family, expected: tuple[Expected, ...]) -> frozenset[int]:
    """Reverse proxies, and keepwell itself: what answers there is the engine behind them, which is found where it is,
    and a question would stand among the gateway's requests. Those that hold the port of an engine that the owner
    declared there count as that engine.
    """
    kinds = [one for one in load_services().values() if one.fronts]
    declared = {split_url(one.url).port for one in expected if one.declared}
    rows = rows_of(place.seen.value(place.node, "host.sockets"))
    meant = {find_number(row.get("pid")) for row in rows if find_number(row.get("port")) in declared}
    commands = {pid: texts_of(row.get("argv")) for pid, row in family.rows.items()}
    pids = [pid for pid, argv in commands.items() if is_own(argv) or any(one.resembles(argv) for one in kinds)]
    return frozenset(pid for pid in pids if pid not in meant)


def is_own(argv: Sequence[str]) -> bool:
    """Whether a command is keepwell's gateway or hub, or what keeps them."""
    if OWN_MODULES.intersection(argv):
        return True
    names = [one.rpartition("/")[2] for one in argv[:4]]
    return any(name == "keepwell" and verb in OWN_VERBS for name, verb in pairwise(names))


def _family(place: Place, engines: Mapping[str, Engine]) -> Family:
    sockets = rows_of(place.seen.value(place.node, "host.sockets"))
    listening = frozenset(int(find_number(row.get("pid")) or 0) for row in sockets)
    return sort_family(rows_of(place.seen.value(place.node, "host.processes")), engines, listening)


async def _with_processes(place: Place, hints: Hints) -> Hints:
    """The hints with the processes that may serve, each with the plain command that would start it again."""
    names = dict(hints.family.servers)
    for answer in hints.answers:
        if not isinstance(answer.identity, Missing):
            names.setdefault(serving_pid(hints, answer.address), answer.engine)
    known = {pid: name for pid, name in names.items() if pid in hints.family.rows}
    serving = {pid: await read_serving(place.transport, hints.family.rows[pid]) for pid in known}
    starts = {pid: await _by_hand(place, hints.engines[known[pid]], one, _NOBODY) for pid, one in serving.items()}
    masked = {pid: mask_argv(one.start) for pid, one in starts.items()}
    return replace(hints, serving=serving, starts=masked, boxes=await find_boxes(place.transport, known))


async def _site(place: Place, hints: Hints, draft: Draft, taken: set[Ref]) -> tuple[Site, list[Observation]]:
    engine = hints.engines[draft.engine]
    known = draft.expected or Expected(engine=draft.engine, url=draft.address.url, declared=False)
    supervision = find_supervision(place.node, place.seen, hints.family, draft.pid, draft.address.port)
    if supervision is None and draft.row:
        supervision = _by_row(draft.row)
    supervision = supervision or hints.boxes.containers.get(draft.pid)
    process = await _process(place, hints, draft, supervision)
    if supervision is None:
        supervision = await _by_hand(place, engine, process, known)
    address = draft.address
    site = Site(
        ref=_ref(place.node, draft.engine, engine, address, taken),
        engine=draft.engine,
        url=address.url,
        process=process,
        supervisor=supervision.kind,
        unit=supervision.unit,
        start=supervision.start,
        files=tuple(dict.fromkeys([*known.files, *supervision.files])),
        logs=tuple(dict.fromkeys([*known.logs, *supervision.logs])),
        models_folder=known.models_folder,
        api_key=known.api_key,
        declared=known.declared,
        user=known.user,
    )
    if draft.expected is not None:
        site = replace(site, url=draft.expected.url)
    about = replace(place, site=site)
    return site, [
        about.saw("engine.site", _shown(site, engine, address, draft), f"discovery: {draft.found}"),
        about.saw("engine.supervisor", {**supervision.shown(), "files": site.files}, supervision.kind),
    ]


def _shown(site: Site, engine: Engine, address: Address, draft: Draft) -> Mapping[str, Value]:
    return {
        "plug_in": site.engine,
        "title": engine.title,
        "name": (draft.expected or _NOBODY).name,
        "url": site.url,
        "host": address.host,
        "port": address.port,
        "declared": site.declared,
        "remembered": draft.expected is not None and not site.declared,
        "seen_at": (draft.expected or _NOBODY).seen_at,
        "found": draft.found,
    }


_NOBODY = Expected(engine="", url="", declared=False)


async def _process(
    place: Place, hints: Hints, draft: Draft, supervision: Supervision | None
) -> ServingProcess | Missing:
    """The process that serves, or why none is known."""
    if not draft.pid:
        return _why_none(hints, draft, supervision)
    if draft.pid in hints.serving:
        return hints.serving[draft.pid]
    row = hints.family.rows.get(draft.pid)
    if row is None:
        return failed(f"process {draft.pid} cannot be seen by this user")
    return await read_serving(place.transport, row)


def _why_none(hints: Hints, draft: Draft, supervision: Supervision | None) -> Missing:
    if draft.found == ANSWERS:
        return failed("it answers, but the process behind its port is hidden from this user (root sees it)")
    if supervision is not None:
        state = text_of(supervision.row, "active") or text_of(supervision.row, "state")
        return absent(f"{supervision.kind} {supervision.unit} is {state}")
    holder = holder_of(hints, draft.address)
    if holder:
        return absent(f"port {draft.address.port} is held by process {holder}, which is no such engine")
    return absent(f"nothing listens at {draft.address.url} and no process looks like it")


def _by_row(row: Mapping[str, Value]) -> Supervision:
    if "unit" in row:
        return by_unit(row)
    return by_container(row)


async def _by_hand(place: Place, engine: Engine, process: ServingProcess | Missing, known: Expected) -> Supervision:
    """A plain process as it was started; what is not running as it was known to start."""
    if isinstance(process, Missing):
        start = await _with_files(place, known)
        return Supervision(kind=known.supervisor, unit=known.unit, start=start)
    there = await asyncio.gather(
        *(_is_below(place, process, word) for word in may_be_relative(process, engine)[:WORDS])
    )
    return by_hand(process, engine, [word for word in there if word])


async def _with_files(place: Place, known: Expected) -> tuple[str, ...]:
    """The start command with the variables of its files before it, as `env NAME=value ...`."""
    values: dict[str, str] = {}
    for path in known.files:
        try:
            text = (await place.transport.read(path)).decode("utf-8", "replace")
        except AccessError:
            continue
        values |= {one.name: one.value for one in parse_assignments(text)}
    values = {name: value for name, value in values.items() if not is_secret_name(name)}
    if not values or not known.start:
        return known.start
    start = known.start[known.start[0] == "env" :]
    return ("env", *(f"{name}={value}" for name, value in values.items()), *start)


#: Words of a command line that are looked for as files below the working folder.
WORDS = 40


async def _is_below(place: Place, process: ServingProcess, word: str) -> str:
    if not process.cwd:
        return ""
    try:
        await place.transport.stat(f"{process.cwd.rstrip('/')}/{word}")
    except AccessError:
        return ""
    return word


def _ref(node: Ref, name: str, engine: Engine, address: Address, taken: set[Ref]) -> Ref:
    """The plug-in's name, with the port unless it is the usual one, with the host where two share a port."""
    port = address.port
    if engine.ports and port == engine.ports[0]:
        candidates: Iterable[str] = (name, f"{name}:{port}", f"{name}:{port}@{address.host}")
    else:
        candidates = (f"{name}:{port}", f"{name}:{port}@{address.host}")
    for one in candidates:
        if engine_ref(node.name, one) not in taken:
            return engine_ref(node.name, one)
    return engine_ref(node.name, f"{name}:{port}@{address.host}#{len(taken)}")


def logs_found(observation: Observation) -> tuple[LogSource, ...]:
    """The log files that an engine.log observation names, so that they are known once the process is gone."""
    value = observation.value
    if isinstance(value, Missing) or not isinstance(value, Mapping) or text_of(value, "kind") != "file":
        return ()
    return tuple(LogSource(kind="file", where=path) for path in text_of(value, "where").split(", ") if path)
