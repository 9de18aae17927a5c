"""Which model stores a node has: those of the engines that serve there or ought to, or a folder that was named."""

from __future__ import annotations

import contextlib
import difflib
import posixpath
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from keepwell.app.looking import look
from keepwell.app.operation import Caller
from keepwell.app.targets import find_target
from keepwell.app.wiring import Wiring, reach, wire
from keepwell.core.errors import ConfigurationError, NotThere, RefusedError
from keepwell.core.observation import Missing, absent, unknown
from keepwell.plugins.engine import Engine, KeepsStore
from keepwell.plugins.place import Site
from keepwell.plugins.recognise import load_engines
from keepwell.plugins.stock import ListsStock, Stock
from keepwell.transport.base import Hands, Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """One store: the engine's plug-in and proper name, the folder ("" where it cannot be told), what lies there."""

    engine: str
    title: str
    folder: str
    stock: Stock | Missing


@contextlib.asynccontextmanager
async def wire_at(caller: Caller, node: str, wanted: str) -> AsyncIterator[Wiring]:
    """The wiring with the hands of a node, by its name or address; "" is this machine. Raises ConfigurationError, also
    for a folder of a node that is not named from its root, AccessError, RefusedError for a recording.
    """
    if node and "/" in wanted and not wanted.startswith("/"):
        raise ConfigurationError(f"{wanted!r} on {node}", hint="name a folder there from its root: /srv/models")
    async with contextlib.AsyncExitStack() as stack:
        wiring = await stack.enter_async_context(wire(caller))
        target = find_target(node, wiring.config, wiring.hands.name)
        reached = await stack.enter_async_context(reach(wiring, target))
        if not isinstance(reached.transport, Hands) or reached.recorded:
            raise RefusedError("a recording has no files to read", where=reached.transport.name)
        yield replace(wiring, hands=reached.transport)


async def find_stores(wiring: Wiring, caller: Caller, wanted: str) -> tuple[Store, ...]:
    """The stores of all engines, of those that `wanted` names, or the one in the folder that it names, on the node that
    the wiring's hands reach.

    Looks at the node as level 1 of a diagnosis does, unless a folder is named. Raises ConfigurationError, NotThere.
    """
    if "/" in wanted or wanted in (".", ".."):
        return (await open_store(str(Path(wanted).absolute()), wiring.hands),)
    known = load_engines()
    if wanted and wanted not in known:
        near = difflib.get_close_matches(wanted, known, n=1) or [", ".join(known)]
        hint = f"did you mean {near[0]}? A folder is named by its path, like ./{wanted}"
        raise ConfigurationError(f"no engine {wanted!r}", hint=hint)
    result = await look(wiring, caller, level=1)
    found: dict[str, Store] = {}
    for site in result.sites:
        if wanted in ("", site.engine):
            one = await _store(site, known[site.engine], wiring.hands)
            found.setdefault(one.folder or str(site.ref), one)
    return tuple(found.values())


async def open_store(folder: str, transport: Transport) -> Store:
    """The store in a folder, by the names in it. NotThere where no engine's store looks like that, or AccessError."""
    root = posixpath.normpath(folder)
    names = await transport.list(root)
    for engine, title, plugin in _listers():
        if plugin.holds_stock(names):
            return Store(engine=engine, title=title, folder=root, stock=await plugin.stock(root, transport))
    titles = ", ".join(title for _, title, _ in _listers())
    raise NotThere("no model store lies there", where=root, hint=f"known are those of {titles}")


def fetch_command(engine: str, model: str) -> tuple[str, ...]:
    """How this engine fetches a model; () where it has no command for that."""
    plugin: object = load_engines().get(engine)
    if isinstance(plugin, ListsStock):
        return plugin.fetch_command(model)
    return ()


def _listers() -> Iterator[tuple[str, str, ListsStock]]:
    for name, plugin in load_engines().items():
        if isinstance(plugin, ListsStock):
            yield name, plugin.title, plugin


async def _store(site: Site, plugin: Engine, transport: Transport) -> Store:
    folder = ""
    stock: Stock | Missing
    if not isinstance(plugin, KeepsStore) or not isinstance(plugin, ListsStock):
        stock = absent("it keeps no model files of its own")
    elif site.supervisor == "container":
        stock = unknown("its files lie in a container: name the folder of its volume")
    else:
        folder = plugin.store(site.process, site)
        stock = absent("where its model files lie cannot be told: name the folder")
        if folder:
            stock = await plugin.stock(folder, transport)
    return Store(engine=site.engine, title=plugin.title, folder=folder, stock=stock)
