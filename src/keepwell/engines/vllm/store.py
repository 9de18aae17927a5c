"""Where vLLM's weights lie: a folder with config.json and safetensors, a GGUF file, or the hub's cache.

<cache>/models--<owner>--<name>/refs/main                 the revision
<cache>/models--<owner>--<name>/snapshots/<revision>/     links to blobs
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from keepwell.core.errors import AccessError, NotThere
from keepwell.core.observation import Missing, failed
from keepwell.plugins.ask import parse_fields
from keepwell.plugins.engine import StoreEntry
from keepwell.plugins.hub_stock import find_hub_stock, holds_hub
from keepwell.plugins.stock import Stock
from keepwell.plugins.weight_files import find_file_entries, find_folder_entries, is_weights
from keepwell.plugins.weight_stock import find_weight_stock
from keepwell.transport.base import Transport

CONFIG = "config.json"
INDEX = "model.safetensors.index.json"
#: A configuration is some KB, an index of tensors some 100 KB.
SMALL_FILE_BYTES = 8 * 1024 * 1024
#: Files of one model that are looked at.
MAX_PARTS = 500


def find_store(model: str, environment: Mapping[str, str], cwd: str, download: str = "") -> str:
    """The folder or file of a model as it stands on the command line; "" if it cannot be told."""
    if not model:
        return ""
    if model.startswith(("/", "./", "../")) or is_weights(model):
        return posixpath.normpath(posixpath.join(cwd or "/", model))
    if model.startswith("~"):
        return ""
    home = environment.get("HOME", "")
    hub = download or environment.get("HF_HUB_CACHE", "")
    if not hub:
        root = environment.get("HF_HOME") or (f"{home}/.cache/huggingface" if home else "")
        hub = f"{root}/hub" if root else ""
    return f"{hub.rstrip('/')}/models--{model.replace('/', '--')}" if hub else ""


async def find_entries(folder: str, transport: Transport) -> tuple[StoreEntry, ...] | Missing:
    """The files that the model needs, with what their headers say is missing."""
    try:
        if is_weights(folder):
            return await find_file_entries(folder, posixpath.basename(folder), transport)
        root = await find_snapshot(folder.rstrip("/"), transport)
        return await _folder_entries(root, transport)
    except AccessError as error:
        return failed(error)


async def find_stock(folder: str, transport: Transport) -> Stock | Missing:
    """All that lies in a model's place of the hub's cache, or in a plain folder."""
    try:
        if not is_weights(folder) and holds_hub(await transport.list(folder)):
            return await find_hub_stock(folder, transport)
    except AccessError as error:
        return failed(error)
    return await find_weight_stock(folder, transport)


async def find_snapshot(folder: str, transport: Transport) -> str:
    """The folder of the revision in use, for a folder of the hub's cache; the folder itself for any other."""
    names = await transport.list(folder)
    if "snapshots" not in names:
        return folder
    revisions = await transport.list(f"{folder}/snapshots")
    if not revisions:
        return folder
    try:
        wanted = (await transport.read(f"{folder}/refs/main", max_bytes=200)).decode("ascii", "replace").strip()
    except AccessError:
        wanted = ""
    return f"{folder}/snapshots/{wanted if wanted in revisions else revisions[-1]}"


async def _folder_entries(root: str, transport: Transport) -> tuple[StoreEntry, ...]:
    model = posixpath.basename(root)
    found = {one.path: one for one in await find_folder_entries(root, transport)}
    config = await _check_json(f"{root}/{CONFIG}", model, transport)
    if config.problem != "missing" or not any(path.endswith(".gguf") for path in found):
        found[config.path] = config
    for name in await _find_parts(f"{root}/{INDEX}", transport):
        if f"{root}/{name}" not in found:
            for one in await find_file_entries(f"{root}/{name}", model, transport):
                found[one.path] = one
    if not any(one.role == "weights" for one in found.values()):
        path = f"{root}/model.safetensors"
        found[path] = StoreEntry(
            path=path, size_bytes=0, model=model, exact=False, problem="missing", detail="no weights in the folder"
        )
    return tuple(found.values())


async def _check_json(path: str, model: str, transport: Transport) -> StoreEntry:
    problem = detail = ""
    try:
        found = parse_fields(await transport.read(path, max_bytes=SMALL_FILE_BYTES))
        if isinstance(found, Missing):
            problem, detail = "not-a-model", found.reason
    except NotThere as error:
        problem, detail = "missing", str(error)
    except AccessError as error:
        problem, detail = "unreadable", str(error)
    return StoreEntry(path=path, size_bytes=0, model=model, role="config", exact=False, problem=problem, detail=detail)


async def _find_parts(path: str, transport: Transport) -> tuple[str, ...]:
    """Names of the files that the index spreads the tensors over; () where there is no readable index."""
    try:
        found = parse_fields(await transport.read(path, max_bytes=SMALL_FILE_BYTES))
    except AccessError:
        return ()
    if isinstance(found, Missing):
        return ()
    names = (one for one in found.fields("weight_map").data.values() if isinstance(one, str) and "/" not in one)
    return tuple(dict.fromkeys(names))[:MAX_PARTS]
