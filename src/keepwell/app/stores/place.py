"""What is to be moved, by whom it is used, and whether it can lie where it is to lie."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from keepwell.app.looking import look
from keepwell.app.operation import Caller
from keepwell.app.running.choosing import choose_site
from keepwell.app.wiring import Reached, Wiring
from keepwell.conform.models.moving import MovingHands
from keepwell.conform.models.tree import Tree, compare, find_real, sum_taken, walk
from keepwell.core.errors import AccessError, ConfigurationError, NotThere, RefusedError
from keepwell.core.observation import Missing, Seen
from keepwell.core.ref import Ref
from keepwell.core.words import size
from keepwell.formats.permissions import SEARCH, User, find_user, lacks
from keepwell.plugins.engine import KeepsStore
from keepwell.plugins.place import Site
from keepwell.plugins.recognise import load_engines
from keepwell.plugins.stock import Stock

#: Share of what is copied that has to be free beside it, and bytes: a disk that is full to the last byte serves nobody.
SPARE_RATIO, SPARE_BYTES = 0.01, 64 * 1024 * 1024
_NAME_FOLDER = "name the folder: keepwell models migrate /the/folder --to /another"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A store's folder as its engine names it, and the engine that serves from it (`site` and `plugin` None where none
    does).
    """

    hands: MovingHands
    seen: Seen
    source: str
    site: Site | None = None
    plugin: object = None

    @property
    def subject(self) -> Ref:
        """The folder."""
        return Ref("path", (self.hands.name, self.source))


async def find_scene(wiring: Wiring, caller: Caller, hands: MovingHands, wanted: str) -> Scene:
    """The store of an engine, or in a folder. Looks at the node as level 1 of a diagnosis does.

    Raises ConfigurationError, RefusedError where its files cannot be moved.
    """
    result = await look(wiring, caller, level=1, at=Reached(transport=hands, clock=wiring.clock))
    folders = {site.ref: _folder_of(site) for site in result.sites if site.supervisor != "container"}
    site: Site | None
    if "/" in wanted:
        source = posixpath.normpath(str(Path(wanted).absolute()))
        site = next((one for one in result.sites if folders.get(one.ref) == source), None)
    else:
        site = choose_site(wanted, result.sites, wiring.config.engines)
        source = folders.get(site.ref, "")
        if site.supervisor == "container":
            raise RefusedError("its files lie in a container", where=str(site.ref), hint=_NAME_FOLDER)
        if not source:
            raise RefusedError("where its model files lie cannot be told", where=str(site.ref), hint=_NAME_FOLDER)
    if site is None:
        return Scene(hands=hands, seen=result.seen, source=source)
    return Scene(hands=hands, seen=result.seen, source=source, site=site, plugin=load_engines()[site.engine])


def find_corrupt(stock: Stock, digests: Mapping[str, str]) -> tuple[str, ...]:
    """Files whose bytes are not those that their names promise, by the digests of what was copied. Pure."""
    wished = {posixpath.relpath(one.path, stock.root): one.digest for one in stock.files if one.form == "sha256"}
    return tuple(sorted(path for path, made in digests.items() if wished.get(path, made) != made))


def clean_target(to: str) -> str:
    """The new folder as it is written down. Raises ConfigurationError."""
    if not to.startswith("/"):
        raise ConfigurationError(f"--to {to!r} is no folder from the root", hint="write it like /mnt/big/models")
    return posixpath.normpath(to)


async def require_target(scene: Scene, target: str, *, again: bool) -> None:
    """Raises ConfigurationError for a folder that cannot be meant, RefusedError for one that holds other things or that
    the engine's user cannot reach. `again` says that an earlier move of this store went there.
    """
    hands, parent = scene.hands, posixpath.dirname(target)
    try:
        if (await hands.stat(parent)).kind != "directory":
            raise NotThere("no folder", where=parent)
    except NotThere:
        hint = f"is the disk mounted? Else: mkdir -p {parent}"
        raise ConfigurationError(f"there is no folder {parent}", hint=hint) from None
    real = posixpath.join(await find_real(parent, hands), posixpath.basename(target))
    for one in (scene.source, await find_real(scene.source, hands)):
        if real == one:
            raise RefusedError("it lies there already", where=target)
        if _is_within(real, one) or _is_within(one, real):
            raise ConfigurationError(f"{target} and {one} lie one in the other")
    there = await hands.entry(target, max_bytes=0)
    if there.kind not in ("absent", "folder") or (there.kind == "folder" and not again and await hands.list(target)):
        raise RefusedError("something lies there already", where=target, hint="name a folder that is not there yet")
    await _require_open(scene, parent)


async def require_room(tree: Tree, target: str, hands: MovingHands) -> None:
    """Raises RefusedError where what is still to be copied does not fit."""
    there, where = Tree(root=target, things={}), posixpath.dirname(target)
    if (await hands.entry(target, max_bytes=0)).kind == "folder":
        there, where = await walk(target, hands), target
    lacking = compare(tree, there)
    needed = sum_taken(lacking.files)
    needed += int(needed * SPARE_RATIO) + SPARE_BYTES
    room = await hands.space(where)
    if room.read_only:
        raise RefusedError("that file system is read-only", where=target)
    if room.free_bytes < needed:
        raise RefusedError(f"there is room for {size(room.free_bytes)}, and it takes {size(needed)}", where=target)
    if room.inodes and room.inodes_free < len(lacking.files) + len(lacking.folders) + len(lacking.links):
        raise RefusedError("the file system has too few inodes left for so many files", where=target)


async def _require_open(scene: Scene, parent: str) -> None:
    """Whoever the engine runs as has to get there."""
    user = await _find_user(scene)
    folders = (parent, *(str(one) for one in Path(parent).parents))
    for folder in folders * (user is not None):
        found = await scene.hands.stat(folder)
        if user and lacks(user, SEARCH, owner=(found.uid, found.gid), mode=found.mode, folder=True):
            hint = f"chmod a+x {folder}, or another folder"
            raise RefusedError(f"{user.name}, as whom the engine runs, cannot get through", where=folder, hint=hint)


async def _find_user(scene: Scene) -> User | None:
    if scene.site is None or isinstance(scene.site.process, Missing):
        return None
    try:
        passwd, group = [await scene.hands.read(path) for path in ("/etc/passwd", "/etc/group")]
    except AccessError:
        return None
    return find_user(scene.site.process.user, passwd.decode("utf-8", "replace"), group.decode("utf-8", "replace"))


def _folder_of(site: Site) -> str:
    """Where its model files lie, "" where that cannot be told."""
    plugin: object = load_engines()[site.engine]
    if not isinstance(plugin, KeepsStore):
        return ""
    folder = plugin.store(site.process, site)
    return posixpath.normpath(folder) * bool(folder)


def _is_within(path: str, folder: str) -> bool:
    return path.startswith(f"{folder.rstrip('/')}/")
