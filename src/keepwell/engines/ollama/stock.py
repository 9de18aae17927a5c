"""All that lies in Ollama's store: blobs, downloads and builds that were broken off, manifests that it does not see.

blobs/sha256-<64 hex digits>              its bytes have that digest; Ollama checks it once, after the download
blobs/sha256-<hex>-partial, -partial-<N>  a download, at full length at once, and how far each of its parts is
blobs/sha256-<digits>                     a model that was being made
"""

from __future__ import annotations

import re

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, failed
from keepwell.engines.ollama.store import MAX_MANIFESTS, find_named
from keepwell.plugins.stock import Stock, StockFile, look_at_file
from keepwell.transport.base import Transport

#: Folders of a manifest's path below `manifests`: host, namespace, model; the tag is the file.
DEPTH = 3
#: Folders that are looked into for manifests at a wrong depth.
DEEPEST = 6
_BLOB = re.compile(r"sha256[:-]([0-9a-fA-F]{64})")
_PARTIAL = re.compile(r"sha256[:-][0-9a-fA-F]{64}-partial(-\d+)?")


async def find_stock(folder: str, transport: Transport) -> Stock | Missing:
    """Every blob with its manifests. Missing when the folder cannot be read."""
    root = folder.rstrip("/")
    named = await find_named(root, transport)
    if isinstance(named, Missing):
        return named
    try:
        names = await transport.list(f"{root}/blobs")
    except AccessError as error:
        return failed(error)
    files = [await look_at_file(classify_blob(f"{root}/blobs/{name}"), transport) for name in names]
    files += [await look_at_file(one, transport) for one in await _find_misplaced(f"{root}/manifests", transport)]
    return Stock(root=root, files=tuple(files), named=named)


def classify_blob(path: str) -> StockFile:
    """What a name in `blobs` promises."""
    name = path.rpartition("/")[2]
    blob = _BLOB.fullmatch(name)
    if blob is not None:
        return StockFile(path=path, role="blob", form="sha256", digest=blob[1].lower())
    if _PARTIAL.fullmatch(name) is not None:
        return StockFile(path=path, role="partial")
    if name.startswith("sha256"):
        return StockFile(path=path, role="temporary")
    return StockFile(path=path, role="other")


async def _find_misplaced(manifests: str, transport: Transport) -> list[StockFile]:
    """Files below `manifests` that are not as deep as a manifest."""
    found: list[StockFile] = []
    folders = [(manifests, 0)]
    while folders and len(found) < MAX_MANIFESTS:
        folder, depth = folders.pop()
        for path in await _children(folder, transport):
            kind = await _kind(path, transport)
            if kind == "directory" and depth < DEEPEST:
                folders.append((path, depth + 1))
            elif kind == "file" and depth != DEPTH:
                found.append(StockFile(path=path, role="misplaced"))
    return found


async def _children(folder: str, transport: Transport) -> tuple[str, ...]:
    """What cannot be listed stands among the entries already."""
    try:
        return tuple(f"{folder}/{name}" for name in await transport.list(folder))
    except AccessError:
        return ()


async def _kind(path: str, transport: Transport) -> str:
    try:
        return (await transport.stat(path)).kind
    except AccessError:
        return ""
