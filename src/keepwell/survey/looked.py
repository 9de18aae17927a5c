"""What a survey looked for, where, and what came of it: also for a machine where nothing was found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from keepwell.core.observation import Missing, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.values import rows_of, text_of
from keepwell.plugins.place import Site
from keepwell.plugins.recognise import load_engines
from keepwell.survey.asking import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One thing that was looked for. `missing` is "" or why there is none: absent, unknown or failed."""

    what: str
    where: str
    result: str
    missing: str = ""


def list_looked(node: Ref, seen: Seen, sites: Iterable[Site], answers: Iterable[Answer]) -> tuple[Looked, ...]:
    """Engines first, then the places where they were looked for. `answers` are those of discovery."""
    engines = load_engines()
    ports = sorted({port for one in engines.values() for port in one.ports})
    programs = sorted({name for one in engines.values() for name in one.programs})
    return (
        *(_site(site) for site in sites),
        _asked(tuple(answers), ports),
        _rows(seen, node, "host.sockets", "listening ports", "/proc/net/tcp"),
        _rows(seen, node, "host.processes", "processes", f"programs like {', '.join(programs)}"),
        _named(seen, node, "host.units", "service units", "unit"),
        _named(seen, node, "host.containers", "containers", "name"),
    )


def _site(site: Site) -> Looked:
    result = f"process {site.process}"
    if not isinstance(site.process, Missing):
        result = f"process {site.process.pid} of {site.process.user}"
    return Looked(what=site.engine, where=site.url, result=result)


def _asked(answers: tuple[Answer, ...], ports: Iterable[int]) -> Looked:
    proved = [one for one in answers if not isinstance(one.identity, Missing)]
    where = ", ".join(one.address.url for one in answers) or "no address: nothing listens"
    usual = ", ".join(str(port) for port in ports)
    result = f"{len(proved)} of {len(answers)} addresses answer as an engine; usual ports are {usual}"
    if proved:
        return Looked(what="addresses asked", where=where, result=result)
    return Looked(what="addresses asked", where=where, result=result, missing="absent")


def _rows(seen: Seen, node: Ref, name: str, what: str, where: str) -> Looked:
    value = seen.value(node, name)
    if isinstance(value, Missing):
        return _missing(value, what, where)
    return Looked(what=what, where=where, result=f"{len(rows_of(value))} seen")


def _named(seen: Seen, node: Ref, name: str, what: str, key: str) -> Looked:
    value = seen.value(node, name)
    found = seen.find(node, name)
    where = getattr(found, "source", name)
    if isinstance(value, Missing):
        return _missing(value, what, where)
    names = _names(value, key)
    return Looked(what=what, where=where, result=", ".join(names) or "none is an engine's")


def _names(value: Value, key: str) -> list[str]:
    return [text_of(row, key) for row in rows_of(value) if text_of(row, "engine")]


def _missing(value: Missing, what: str, where: str) -> Looked:
    return Looked(what=what, where=where, result=value.reason, missing=value.kind)
