"""Services beside the engines: found by processes, units, containers and usual ports; one request each."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterable, Mapping
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Observation, Seen, Value, absent
from keepwell.core.ref import Ref
from keepwell.core.ref import service as service_ref
from keepwell.core.values import row_of, rows_of, text_of, texts_of
from keepwell.formats import systemd
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.plugins.recognise import load_engines
from keepwell.plugins.services import ServiceKind, ServiceWish, load_services
from keepwell.plugins.visits import Asker, Visit, visit
from keepwell.plugins.whereabouts import Candidate, Row, Scene, find_candidates, number

#: Services that are told; a homelab has a dozen.
SERVICES = 64
SHOW = ("systemctl", "show", "--no-pager", "-p", "Id,LoadState,ActiveState,SubState,MainPID,Result,UnitFileState")


class Services:
    """Gives service.site, service.health and service.version, one of each for every service."""

    level = 2
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.2
    gives: tuple[str, ...] = ("service.site", "service.health", "service.version")
    needs: tuple[str, ...] = ("host.processes", "host.sockets", "host.containers", "engine.site")

    async def observe(self, place: Place) -> Iterable[Observation]:
        """Three observations a service; none where there is no service."""
        kinds = load_services()
        scene = make_scene(place.seen, place.node, kinds, await _units(place, kinds))
        found = [*find_candidates(scene, place.services)]
        found += await _by_hook(place, kinds, {one.kind for one in found})
        asker = Asker(place.transport)
        looked = await asyncio.gather(*(visit(asker, kinds, one) for one in found))
        made: list[Observation] = []
        names: set[str] = set()
        for one in _best(looked)[:SERVICES]:
            name = _name(one.at, kinds, names)
            names.add(name)
            made += _observations(place, kinds, one, service_ref(place.node.name, name))
        return made


async def _units(place: Place, kinds: Mapping[str, ServiceKind]) -> tuple[Row, ...]:
    """The usual and the declared units that systemd knows; () where there is no systemd."""
    wanted = [f"{name}{'*' * name.endswith('@')}.service" for kind in kinds.values() for name in kind.units]
    wanted += [one.unit + ".service" * ("." not in one.unit) for one in place.services if one.unit]
    try:
        await place.transport.stat("/run/systemd/system")
        shown = await place.transport.run((*SHOW, *dict.fromkeys(wanted)))
    except AccessError:
        return ()
    return tuple(_unit(one) for one in systemd.parse_show(shown.text) if one.get("LoadState") in ("loaded", "error"))


def _unit(block: Mapping[str, str]) -> Row:
    pid = block.get("MainPID", "0")
    return {
        "unit": block.get("Id", ""),
        "active": block.get("ActiveState", ""),
        "result": block.get("Result", ""),
        "enabled": block.get("UnitFileState", ""),
        "main_pid": int(pid * pid.isdecimal() or "0"),
    }


def make_scene(seen: Seen, node: Ref, kinds: Mapping[str, ServiceKind], units: tuple[Row, ...]) -> Scene:
    """What was seen of the node, for the search."""
    engines = load_engines()
    sites = [row_of(one.value) for one in seen.named("engine.site") if one.subject.node == node.name]
    special = {number(row, "port") for row in sites if _is_special(engines.get(text_of(row, "plug_in")))}
    return Scene(
        kinds=kinds,
        processes=rows_of(seen.value(node, "host.processes")),
        sockets=rows_of(seen.value(node, "host.sockets")),
        containers=rows_of(seen.value(node, "host.containers")),
        units=units,
        engine_ports=frozenset(special),
        generic_ports=frozenset(number(row, "port") for row in sites) - special,
    )


def _is_special(engine: object) -> bool:
    """True for an engine of its own kind, not a generic interface."""
    return getattr(engine, "specificity", 0) > 0


async def _by_hook(place: Place, kinds: Mapping[str, ServiceKind], known: set[str]) -> list[Candidate]:
    """What only a hook finds, of kinds that nothing else showed."""
    found: list[Candidate] = []
    for name, kind in kinds.items():
        if kind.find is not None and name not in known:
            for one in await kind.find(place.transport):
                found.append(Candidate(kind=name, how="interface", argv=(one,), state="running", sure=True))
    return found


def _best(looked: Iterable[Visit]) -> list[Visit]:
    """What is one, each address once: what is sure first."""
    kept: list[Visit] = []
    taken: set[tuple[str, int]] = set()
    for one in sorted(looked, key=_unsure_last):
        place = (one.at.host, one.at.port)
        if one.known and (not one.at.port or place not in taken):
            kept.append(one)
            taken.add(place)
    return kept


def _unsure_last(one: Visit) -> bool:
    return not one.at.sure


def _name(one: Candidate, kinds: Mapping[str, ServiceKind], taken: set[str]) -> str:
    """The declared name, else the kind, with what tells two of a kind apart."""
    if one.wish is not None and one.wish.name not in taken:
        return one.wish.name
    kind = kinds.get(one.kind)
    if kind is not None and one.kind not in taken and (not one.port or one.port in kind.ports):
        return one.kind
    apart = [str(one.port) * bool(one.port), one.container, one.unit, str(one.pid)]
    name = f"{one.kind or 'service'}:{next(part for part in apart if part)}".replace("/", "-")
    return name + "+" * (name in taken)


def _observations(place: Place, kinds: Mapping[str, ServiceKind], one: Visit, ref: Ref) -> list[Observation]:
    at, wish = one.at, one.at.wish or ServiceWish(name="")
    title = wish.name
    if at.kind in kinds:
        title = kinds[at.kind].title
    source = one.source or f"{at.how} {at.container or at.unit or shlex.join(at.argv[:2])}"
    state = at.state
    if state == "unknown" and not isinstance(one.health, Missing):
        state = {"refused": "unknown", "stopped": "stopped"}.get(text_of(one.health, "state"), "running")
    site: Value = {
        "kind": at.kind,
        "title": title,
        "name": ref.name,
        "url": at.url,
        "host": at.host,
        "port": at.port,
        "pid": at.pid,
        "unit": at.unit,
        "container": at.container,
        "state": state,
        "declared": at.wish is not None,
        "found": at.how,
        "needs": wish.needs,
        "argv": texts_of(at.argv),
    }
    version: Value | Missing = one.version or absent("it does not tell its release")
    return [
        place.saw("service.site", site, source, subject=ref),
        place.saw("service.health", one.health, source, subject=ref),
        place.saw("service.version", version, source, subject=ref),
    ]


PROBE = Services()
