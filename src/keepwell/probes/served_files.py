"""Files of LLM services as everybody on the node could get at them: owners, modes, and the names of secrets in them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Observation, Value
from keepwell.core.secret import is_secret_name
from keepwell.core.text import escape_controls
from keepwell.core.values import row_of, rows_of, text_of, texts_of
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Stat, Transport

#: Files and folders looked at: some dozen engines have about a hundred.
PATHS = 200
#: Entries of one model store that are looked at: its own folder's, not the blobs below.
STORE_ENTRIES = 60
#: Bytes of one file in which secrets are looked for, characters of one line, and names told of one file.
FILE_BYTES, LINE_CHARACTERS, NAMES = 256 * 1024, 2000, 20
#: Files that hold settings, and so perhaps secrets. What a unit itself sets, systemd tells everybody anyway.
SETTINGS = frozenset({"environment", "start", "compose"})
COMPOSE_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml", ".env")
OTHERS_SEARCH, OTHERS_WRITE, STICKY = 0o001, 0o002, 0o1000
#: A name, and after `=` or `:` a value that is no reference to something else.
_ASSIGNED = re.compile(r"([A-Za-z_][\w.-]{0,99})[\"']?\s{0,3}[=:]\s{0,3}[\"']?(?![\s$\"'#{])\S")
_KEY_FILE = re.compile(r"--[\w-]*(?:key|token|secret|password)[\w-]*file\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Spot:
    path: str
    kind: str
    of: str


class ServedFiles:
    """Gives host.served_files. The values of secrets are never kept, only the names that they stand under."""

    level = 1
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.2
    gives: tuple[str, ...] = ("host.served_files",)
    needs: tuple[str, ...] = ("host.units", "host.containers", "engine.supervisor", "engine.process", "engine.store")
    purpose = "audit"

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation; what is not there, or not for us to see, is left out."""
        eyes = _Eyes(place.transport)
        spots = {one.path: one for one in reversed([*_of_units(place), *_of_engines(place), *_of_containers(place)])}
        for one in list(reversed(spots.values()))[:PATHS]:
            await eyes.look(one)
        return [place.saw("host.served_files", tuple(eyes.rows), "stat of the files of engines and their units")]


def _of_units(place: Place) -> Iterator[_Spot]:
    for row in rows_of(place.seen.value(place.node, "host.units")):
        unit = text_of(row, "unit")
        yield from _spots("unit", unit, [text_of(row, "fragment")])
        yield from _spots("drop-in", unit, texts_of(row.get("drop_ins")))
        yield from _spots("environment", unit, [path.lstrip("-") for path in texts_of(row.get("environment_files"))])


def _of_engines(place: Place) -> Iterator[_Spot]:
    for one in place.seen.named("engine.supervisor"):
        title, contained = str(one.subject), text_of(row_of(one.value), "kind") == "container"
        yield from _spots("start", title, texts_of(row_of(one.value).get("files")))
        if contained:  # what its process names lies in the container
            continue
        process = row_of(place.seen.value(one.subject, "engine.process"))
        program = text_of(process, "exe")
        yield from _spots("program", title, [program])
        yield from _spots("folder", title, [posixpath.dirname(program)])
        yield from _spots("key", title, key_files(texts_of(process.get("argv"))))
        yield from _spots("store", title, [text_of(row_of(place.seen.value(one.subject, "engine.store")), "path")])


def _of_containers(place: Place) -> Iterator[_Spot]:
    for row in rows_of(place.seen.value(place.node, "host.containers")):
        folder = text_of(row, "compose").rstrip("/")
        if folder:
            yield from _spots("compose", text_of(row, "name"), [f"{folder}/{name}" for name in COMPOSE_NAMES])


def _spots(kind: str, of: str, paths: Iterable[str]) -> Iterator[_Spot]:
    yield from (_Spot(path, kind, of) for path in paths if path.startswith("/"))


def key_files(argv: Iterable[str]) -> tuple[str, ...]:
    """Files that hold a key, named by arguments such as `--api-key-file PATH`."""
    words = list(argv)
    joined = [one.partition("=")[::2] for one in words if one.startswith("--") and "=" in one]
    return tuple(path for flag, path in [*pairwise(words), *joined] if _KEY_FILE.match(flag))


def find_secrets(text: str) -> tuple[str, ...]:
    """Names in a settings file to which a secret is given, each once, in their order."""
    found: list[str] = []
    for line in text.splitlines():
        bare = line.strip()[:LINE_CHARACTERS]
        if not bare.startswith(("#", ";")):
            found += [one[1] for one in _ASSIGNED.finditer(bare) if is_secret_name(one[1])]
    return tuple(dict.fromkeys(found))[:NAMES]


class _Eyes:
    """Looks at each folder once."""

    def __init__(self, transport: Transport) -> None:
        self.rows: list[Mapping[str, Value]] = []
        self._transport = transport
        self._folders: dict[str, Stat | None] = {}

    async def look(self, spot: _Spot) -> None:
        """Add the row of a path, if anything is there; of a store also those entries that others may change."""
        try:
            stat = await self._transport.stat(spot.path)
        except AccessError:
            return
        self.rows.append({**await self._row(spot, stat), "secrets": await self._secrets(spot, stat)})
        if spot.kind != "store" or stat.kind != "directory":
            return
        for name in (await self._list(spot.path))[:STORE_ENTRIES]:
            path = f"{spot.path.rstrip('/')}/{name}"
            inner = await self._stat(path)
            if inner is not None and inner.mode & OTHERS_WRITE and inner.kind != "link":
                self.rows.append({**await self._row(_Spot(path, "store", spot.of), inner), "secrets": ()})

    async def _row(self, spot: _Spot, stat: Stat) -> Mapping[str, Value]:
        above = [(path, await self._stat(path)) for path in _folders_above(spot.path)]
        seen = [(path, one) for path, one in above if one is not None]
        loose = [path for path, one in seen if one.mode & OTHERS_WRITE and not one.mode & STICKY]
        return {
            "path": escape_controls(spot.path),
            "kind": spot.kind,
            "of": spot.of,
            "entry": stat.kind,
            "mode": f"{stat.mode & 0o7777:04o}",
            "uid": stat.uid,
            "gid": stat.gid,
            "open_way": all(one.mode & OTHERS_SEARCH for _, one in seen),
            "loose_above": escape_controls((loose or [""])[-1]),
        }

    async def _secrets(self, spot: _Spot, stat: Stat) -> tuple[str, ...]:
        if spot.kind not in SETTINGS or stat.kind != "file":
            return ()
        try:
            content = await self._transport.read(spot.path, max_bytes=FILE_BYTES)
        except AccessError:
            return ()
        return tuple(escape_controls(name) for name in find_secrets(content.decode("utf-8", "replace")))

    async def _stat(self, path: str) -> Stat | None:
        if path not in self._folders:
            try:
                self._folders[path] = await self._transport.stat(path)
            except AccessError:
                self._folders[path] = None
        return self._folders[path]

    async def _list(self, path: str) -> tuple[str, ...]:
        try:
            return await self._transport.list(path)
        except AccessError:
            return ()


def _folders_above(path: str) -> list[str]:
    """Every folder on the way, the root first."""
    parts = [part for part in path.split("/") if part][:-1]
    return ["/", *("/" + "/".join(parts[: count + 1]) for count in range(len(parts)))]


PROBE = ServedFiles()
