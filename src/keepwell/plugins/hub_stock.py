"""The Hugging Face hub's cache as a model store: blobs named by digest, snapshots of links to them.

<cache>/models--<owner>--<name>/blobs/<64 hex digits>        SHA-256 of a large file
                                blobs/<40 hex digits>        git's SHA-1 of a small one
                                blobs/<digest>.incomplete    a download
                                snapshots/<revision>/<path>  a link to a blob
                                refs/<name>                  the revision that a branch or tag stands for
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, failed
from keepwell.plugins.engine import StoreEntry
from keepwell.plugins.stock import SET_ASIDE, Stock, StockFile, look_at_file
from keepwell.plugins.weight_files import is_weights
from keepwell.transport.base import DigestForm, Transport

#: Models of one cache, and files of one model's snapshots, that are looked at: far above what anybody keeps.
MAX_MODELS, MAX_FILES = 1000, 20_000
#: Folders below a snapshot that are looked into.
DEEPEST = 6
_MODEL = "models--"
_DIGEST = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})")
_FORMS: dict[int, DigestForm] = {64: "sha256", 40: "git-sha1"}


def holds_hub(names: Sequence[str]) -> bool:
    """True if these are the names in a hub's cache, or in the folder of one model of it."""
    return {"blobs", "snapshots"} <= set(names) or any(name.startswith(_MODEL) for name in names)


async def find_hub_stock(folder: str, transport: Transport) -> Stock | Missing:
    """A whole cache, or one model of it. Missing when the folder cannot be read."""
    root = folder.rstrip("/")
    try:
        names = await transport.list(root)
    except AccessError as error:
        return failed(error)
    kept = [name for name in names if name.startswith(_MODEL) and not name.endswith(SET_ASIDE)]
    models = [f"{root}/{name}" for name in kept[:MAX_MODELS]]
    if "blobs" in names:
        models = [root]
    files: list[StockFile] = []
    named: list[StoreEntry] = []
    for model in models:
        blobs = [classify_hub_blob(path) for path in await _children(f"{model}/blobs", named, transport)]
        files += [await look_at_file(one, transport) for one in blobs]
        await _snapshots(model, files, named, transport)
    return Stock(root=root, files=tuple(files), named=tuple(named))


def classify_hub_blob(path: str) -> StockFile:
    """What a name in `blobs` promises."""
    name = path.rpartition("/")[2]
    if _DIGEST.fullmatch(name) is not None:
        return StockFile(path=path, role="blob", form=_FORMS[len(name)], digest=name)
    if name.endswith(".incomplete"):
        return StockFile(path=path, role="partial")
    return StockFile(path=path, role="other")


def hub_model(folder: str) -> str:
    """`owner/name` of the folder of a model."""
    return folder.rpartition("/")[2].removeprefix(_MODEL).replace("--", "/", 1)


async def _snapshots(model: str, files: list[StockFile], named: list[StoreEntry], transport: Transport) -> None:
    """What the snapshots link to, and what lies in them itself where the file system has no links."""
    name = hub_model(model)
    revisions = await _children(f"{model}/snapshots", named, transport)
    waiting = [(path, 0) for path in revisions]
    seen = 0
    while waiting and seen < MAX_FILES:
        folder, depth = waiting.pop()
        for path in await _children(folder, named, transport):
            seen += 1
            kind = await _kind(path, transport)
            if kind == "directory" and depth < DEEPEST:
                waiting.append((path, depth + 1))
            elif kind == "link":
                target = posixpath.normpath(posixpath.join(folder, await transport.link(path)))
                named.append(_entry(target, path, name))
            elif kind == "file":
                files.append(await look_at_file(StockFile(path=path, role="plain"), transport))
                named.append(_entry(path, path, name))
    for path in await _children(f"{model}/refs", named, transport):
        named += await _lost_revision(path, {one.rpartition("/")[2] for one in revisions}, name, transport)


async def _lost_revision(path: str, revisions: set[str], model: str, transport: Transport) -> list[StoreEntry]:
    """An entry for the revision that a ref names, where there is no such snapshot."""
    try:
        wanted = (await transport.read(path, max_bytes=200)).decode("ascii", "replace").strip()
    except AccessError:
        return []  # a folder: refs/pr/1, of a revision that nobody serves
    if wanted in revisions:
        return []
    gone = f"{path.rpartition('/refs/')[0]}/snapshots/{wanted.replace('/', '-')}"
    detail = f"refs/{path.rpartition('/')[2]} names this revision, and it was never fetched"
    return [
        StoreEntry(path=gone, size_bytes=0, model=model, role="manifest", exact=False, problem="missing", detail=detail)
    ]


def _entry(path: str, name: str, model: str) -> StoreEntry:
    roles = {True: "weights", False: "part"}
    return StoreEntry(path=path, size_bytes=0, model=model, role=roles[is_weights(name)], exact=False)


async def _children(folder: str, named: list[StoreEntry], transport: Transport) -> tuple[str, ...]:
    """What lies in a folder; one that cannot be listed stands among the entries with its problem."""
    try:
        return tuple(f"{folder}/{name}" for name in await transport.list(folder))
    except AccessError as error:
        found = failed(error)
        if found.kind == "failed":
            named.append(
                StoreEntry(
                    path=folder,
                    size_bytes=0,
                    model=hub_model(folder.partition("/snapshots")[0].partition("/blobs")[0]),
                    role="manifest",
                    exact=False,
                    problem="unreadable",
                    detail=found.reason,
                )
            )
        return ()


async def _kind(path: str, transport: Transport) -> str:
    try:
        return (await transport.stat(path, follow=False)).kind
    except AccessError:
        return ""
