"""`keepwell migrate prepare`: the counterpart of each model on another engine, whether it fits, and its start."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from keepwell.app.initialising import write_new
from keepwell.app.looking import look
from keepwell.app.migrating.prepare_card import find_card
from keepwell.app.migrating.prepare_models import Source, read_model
from keepwell.app.migrating.prepare_plan import Prepared, plan_move
from keepwell.app.migrating.prepare_report import PreparedFile, PrepareReport
from keepwell.app.operation import Caller
from keepwell.app.serving.engine_facts import Engines
from keepwell.app.targets import find_target
from keepwell.app.wiring import reach, wire
from keepwell.core.errors import AccessError, ConfigurationError, RefusedError
from keepwell.core.observation import Seen
from keepwell.core.ref import node as node_ref
from keepwell.core.values import find_number, rows_of
from keepwell.plugins.counterpart import TakesModels
from keepwell.plugins.engine import ModelInfo
from keepwell.plugins.place import Site
from keepwell.plugins.recognise import load_engines
from keepwell.transport.base import Transport

#: Level of the look: GPUs and main memory stand at the second.
LEVEL = 2
#: Models that are prepared in one go.
MODELS = 100
_FOLDER_MODE, _FILE_MODE, _SECRET_MODE = 0o755, 0o644, 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody asked for; "" is what was left out. A model may be written MODEL=REPOSITORY."""

    models: tuple[str, ...]
    to: str
    engine: str = ""
    node: str = ""
    gpu: str = ""
    form: str = "compose"
    write: str = ""


async def prepare(caller: Caller, asked: Asked) -> PrepareReport:
    """What is needed to move these models. Raises ConfigurationError for names that are none, AccessError."""
    target = find_taker(asked.to)
    if asked.form not in ("compose", "unit"):
        raise ConfigurationError(f"--as {asked.form!r} is no form", hint="write compose or unit")
    async with wire(caller) as wiring:
        place = find_target(asked.node, wiring.config, wiring.hands.name)
        async with reach(wiring, place) as reached:
            result = await look(wiring, caller, level=LEVEL, at=reached)
            node = reached.transport.name
            card = find_card(asked.gpu, node_ref(node), result.seen)
            site = find_source(asked, result.sites)
            source = await _ask(site, reached.transport)
            named = split_words(asked.models)
            wanted = find_models(tuple(named), source.known.models)
            read = await asyncio.gather(*(read_model(source, one) for one in wanted))
    report = plan_move(
        Prepared(
            asked_to=asked.to,
            target=target,
            source=str(site.ref),
            source_title=source.plugin.title,
            node=node,
            card=card,
            models=tuple(read),
            taken=frozenset(_taken(result.seen)),
            form=asked.form,
            repositories={name: where for name, where in named.items() if where},
            written=write_folder(asked.write),
        )
    )
    if asked.write:
        write_files(Path(asked.write), report.files)
    return report


def find_taker(name: str) -> TakesModels:
    """The engine of this name that models can be moved to. Raises ConfigurationError."""
    known = {key: one for key, one in load_engines().items() if isinstance(one, TakesModels)}
    if name not in known:
        raise ConfigurationError(f"no models can be moved to {name!r}", hint=f"--to one of: {', '.join(sorted(known))}")
    return known[name]


def find_source(asked: Asked, sites: Sequence[Site]) -> Site:
    """The engine that models are moved from: the one that was named, else the only one of another kind."""
    names = {str(one.ref).partition(":")[2]: one for one in sites}
    if asked.engine:
        word = asked.engine.removeprefix("engine:")
        fitting = [one for name, one in names.items() if word in (name, name.partition("/")[2], one.engine, one.url)]
    else:
        fitting = [one for one in sites if one.engine != asked.to]
    if len(fitting) == 1:
        return fitting[0]
    known = ", ".join(names) or "none"
    if not fitting:
        raise ConfigurationError("no engine to move models from was found", hint=f"engines here: {known}")
    raise ConfigurationError("several engines could be meant", hint=f"--engine one of: {known}")


def split_words(words: Iterable[str]) -> dict[str, str]:
    """Models by name, each with the repository that somebody knows for it, else ""."""
    pairs = (word.partition("=") for word in words)
    return {name: where for name, _, where in pairs}


def find_models(wanted: Sequence[str], offered: Sequence[ModelInfo]) -> tuple[ModelInfo, ...]:
    """Those that were named, else all. Raises ConfigurationError for a name that the engine does not have."""
    if not wanted:
        return tuple(offered[:MODELS])
    names = {one.name: one for one in offered}
    found = []
    for word in wanted:
        one = names.get(word) or names.get(f"{word}:latest")
        if one is None:
            near = get_close_matches(word, names, n=3) or list(names)[:10]
            raise ConfigurationError(f"the engine has no model {word!r}", hint=f"it has: {', '.join(near) or 'none'}")
        found.append(one)
    return tuple(dict.fromkeys(found))


def write_folder(folder: str) -> str:
    """The folder to write to, "" for none. Raises RefusedError where something other than a folder is there."""
    if folder and os.path.lexists(folder) and not Path(folder).is_dir():
        raise RefusedError("something that is no folder is there already, and nothing was written", where=folder)
    return folder


def write_files(folder: Path, files: Iterable[PreparedFile]) -> None:
    """Write them all, or none where one of their names is taken. Raises RefusedError, AccessError."""
    found = tuple(files)
    for one in found:
        if os.path.lexists(folder / one.name):
            raise RefusedError(
                "the file is there already, and nothing was written",
                where=str(folder / one.name),
                hint="name a new folder with --write",
            )
    try:
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        for one in found:
            write_new(folder / one.name, one.text, replace=False)
            (folder / one.name).chmod({True: _SECRET_MODE, False: _FILE_MODE}[one.private])
    except OSError as error:
        raise AccessError(f"cannot write: {error.strerror}", where=str(folder)) from error


async def _ask(site: Site, transport: Transport) -> Source:
    engines = Engines([site], transport)
    known = (await engines.ask())[0]
    if not known.models:
        raise AccessError("the engine told of no models", where=site.url, hint="keepwell diagnose")
    return Source(site=site, plugin=load_engines()[site.engine], known=known, transport=transport)


def _taken(seen: Seen) -> Iterable[int]:
    """Ports on which something listens."""
    for one in seen.named("host.sockets"):
        for row in rows_of(one.value):
            port = find_number(row.get("port"))
            if port:
                yield int(port)
