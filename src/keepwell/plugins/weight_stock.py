"""Weights in plain folders as a model store: every file is a model or a part of one, and says in its header how long
it must be.
"""

from __future__ import annotations

from collections.abc import Sequence

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, failed
from keepwell.plugins.engine import StoreEntry
from keepwell.plugins.stock import Stock, StockFile, look_at_file
from keepwell.plugins.weight_files import find_file_entries, find_folder_entries, is_weights
from keepwell.transport.base import Transport

#: Endings that programs which fetch files give to what is not whole yet.
PARTIAL_ENDINGS = (".downloadinprogress", ".incomplete", ".part", ".partial", ".aria2", ".crdownload")
#: Folders below the folder of models that are looked into: split models lie in one of their own.
MAX_FOLDERS = 200


def holds_weights(names: Sequence[str]) -> bool:
    """True if weights or parts of a download of them are among these names."""
    return any(is_weights(name) for name in names)


async def find_weight_stock(folder: str, transport: Transport) -> Stock | Missing:
    """A folder of weights with the folders in it, or one file with all its parts. Missing when it cannot be read."""
    root = folder.rstrip("/")
    try:
        if is_weights(root) and (await transport.stat(root)).kind == "file":
            named = await find_file_entries(root, root.rpartition("/")[2], transport)
            return await _stock(root.rpartition("/")[0], [one.path for one in named], named, transport)
        folders = [root, *await _folders(root, transport)]
        paths: list[str] = []
        found: list[StoreEntry] = []
        for one in folders:
            paths += [f"{one}/{name}" for name in await transport.list(one)]
            found += await find_folder_entries(one, transport)
        return await _stock(root, paths, tuple(found), transport)
    except AccessError as error:
        return failed(error)


async def _stock(root: str, paths: Sequence[str], named: tuple[StoreEntry, ...], transport: Transport) -> Stock:
    plain = [StockFile(path=path, role="plain") for path in paths if is_weights(path)]
    broken = [StockFile(path=path, role="partial") for path in paths if path.lower().endswith(PARTIAL_ENDINGS)]
    files = [await look_at_file(one, transport) for one in (*plain, *broken)]
    return Stock(root=root, files=tuple(files), named=named, counted=False)


async def _folders(root: str, transport: Transport) -> list[str]:
    paths = [f"{root}/{name}" for name in await transport.list(root) if not name.startswith(".")]
    found = []
    for path in paths[: MAX_FOLDERS * 10]:
        try:
            if (await transport.stat(path)).kind == "directory":
                found.append(path)
        except AccessError:
            continue  # a link that leads nowhere
    return found[:MAX_FOLDERS]
