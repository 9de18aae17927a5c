"""How one engine stands, from its own page and from what supervises it, as `keepwell.plugins.wish` looks. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from keepwell.core.observation import Missing, absent, unknown
from keepwell.core.values import text_of, texts_of
from keepwell.formats.inspect import parse_inspect
from keepwell.formats.systemd import parse_exec, parse_show
from keepwell.plugins.engine import Engine
from keepwell.plugins.release import TellsRelease
from keepwell.plugins.wish import Looked, Needs

_PROPERTIES = "LoadState,ActiveState,ExecStart"
RUNTIMES = ("docker", "podman")
_RUNS = frozenset({"active", "activating", "reloading", "running"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervised:
    """What starts an engine: a unit or a container by name, () where nothing is told; `begin` and `end` are commands.

    `argv` is the command that it starts, split at blanks for a unit; `runs` whether it does now.
    """

    kind: str
    name: str
    runs: bool
    argv: tuple[str, ...]
    begin: tuple[str, ...]
    end: tuple[str, ...]


def find_needs(engine: Engine, url: str, unit: str, container: str) -> Needs:
    """Its page, and the command that tells of its unit or container."""
    urls: list[str] = []
    if isinstance(engine, TellsRelease):
        urls.append(f"{url}{engine.release_path}")
    commands = [ask_unit(unit)] * bool(unit)
    commands += [ask_container(runtime, container) for runtime in RUNTIMES if container]
    return Needs(urls=tuple(urls), commands=tuple(commands))


def find_release(engine: Engine, url: str, looked: Looked) -> str | Missing:
    """The release that serves; absent where nothing answers at its address, Missing where it does not tell."""
    if not isinstance(engine, TellsRelease):
        return unknown(f"{engine.title} does not tell its release")
    page = f"{url}{engine.release_path}"
    reply = looked.replies.get(page, unknown(f"nobody asked {page}"))
    if isinstance(reply, Missing):
        return absent(f"{engine.title} does not answer at {url}: {reply.reason}")
    release = engine.parse_release(reply.body)
    if reply.status != 200 or not release:
        return unknown(f"{page} does not tell a release (HTTP {reply.status})")
    return release


def find_supervised(unit: str, container: str, looked: Looked) -> Supervised | Missing:
    """What starts it; absent where neither was named, Missing where it cannot be told."""
    if unit:
        return _find_unit(unit, looked)
    if not container:
        return absent("no unit and no container is named")
    for runtime in RUNTIMES:
        found = _find_container(runtime, container, looked)
        if not isinstance(found, Missing):
            return found
    return unknown(f"no container {container} is told of by {' or '.join(RUNTIMES)}")


def ask_unit(unit: str) -> tuple[str, ...]:
    """The command that tells how a unit stands; it changes nothing."""
    return ("systemctl", "show", "--no-pager", "-p", _PROPERTIES, unit)


def ask_container(runtime: str, name: str) -> tuple[str, ...]:
    """The command that tells all of a container; it changes nothing."""
    return (runtime, "inspect", "--type", "container", name)


def _find_unit(unit: str, looked: Looked) -> Supervised | Missing:
    ran = looked.ran.get(ask_unit(unit), unknown(f"nobody asked about {unit}"))
    if isinstance(ran, Missing):
        return ran
    told: Mapping[str, str] = next(iter(parse_show(ran.text)), {})
    if told.get("LoadState") != "loaded":
        return unknown(f"{unit} is {told.get('LoadState') or 'not told of'} by systemctl")
    return Supervised(
        kind="systemd",
        name=unit,
        runs=told.get("ActiveState", "") in _RUNS,
        argv=parse_exec(told.get("ExecStart", "")),
        begin=("systemctl", "start", unit),
        end=("systemctl", "stop", unit),
    )


def _find_container(runtime: str, name: str, looked: Looked) -> Supervised | Missing:
    ran = looked.ran.get(ask_container(runtime, name), unknown(f"nobody asked {runtime}"))
    if isinstance(ran, Missing) or ran.code:
        return unknown(f"{runtime} tells nothing of {name}")
    try:
        rows = parse_inspect(ran.stdout, runtime)
    except ValueError as error:
        return unknown(f"{runtime} inspect: {error}")
    if not rows:
        return unknown(f"{runtime} tells nothing of {name}")
    return Supervised(
        kind="container",
        name=name,
        runs=text_of(rows[0], "state") in _RUNS,
        argv=texts_of(rows[0].get("command")),
        begin=(runtime, "start", name),
        end=(runtime, "stop", name),
    )
