"""Model files in a folder as an engine's store: what must be there, and what their headers say is missing.

The header of each file is read in growing pieces until it is whole; one that ends before it is whole is cut.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from keepwell.core.errors import AccessError, NotThere
from keepwell.formats.weights import Extent, HeaderCut, parse_gguf_extent, parse_safetensors_extent, split_parts
from keepwell.plugins.engine import StoreEntry
from keepwell.transport.base import Transport

#: Bytes of a header that are tried, one after the other: vocabularies make most headers of 0.3 to 12 MB.
HEADER_BYTES = (256 * 1024, 2 * 1024 * 1024, 16 * 1024 * 1024)
#: Files of one model folder that are looked at.
MAX_FILES = 500
_PARSERS: Mapping[str, Callable[[bytes], Extent]] = {
    "gguf": parse_gguf_extent,
    "safetensors": parse_safetensors_extent,
}


def is_weights(name: str) -> bool:
    """True for the name of a file whose header can be read here."""
    return name.rpartition(".")[2].lower() in _PARSERS


async def find_file_entries(path: str, model: str, transport: Transport) -> tuple[StoreEntry, ...]:
    """The entry of a weights file and, for one of a split model, of all its parts. AccessErrors of the file become
    problems of its entry.
    """
    folder, slash, name = path.rpartition("/")
    return tuple([await _entry(f"{folder}{slash}{part}", model, transport) for part in split_parts(name)])


async def find_folder_entries(folder: str, transport: Transport) -> tuple[StoreEntry, ...]:
    """The entries of all weights files in a folder; AccessErrors of the folder itself pass through."""
    root = folder.rstrip("/")
    names = [name for name in await transport.list(root) if is_weights(name)]
    found: dict[str, StoreEntry] = {}
    for name in names[:MAX_FILES]:
        for entry in await find_file_entries(f"{root}/{name}", name, transport):
            found.setdefault(entry.path, entry)
    return tuple(found.values())


async def _entry(path: str, model: str, transport: Transport) -> StoreEntry:
    parse = _PARSERS.get(path.rpartition(".")[2].lower(), parse_gguf_extent)
    try:
        size = (await transport.stat(path)).size_bytes
        if size == 0:
            return _problem(path, model, "empty", "the file holds nothing")
        return await _read_header(path, model, size, parse, transport)
    except NotThere as error:
        return _problem(path, model, "missing", str(error))
    except AccessError as error:
        return _problem(path, model, "unreadable", str(error))


async def _read_header(
    path: str, model: str, size: int, parse: Callable[[bytes], Extent], transport: Transport
) -> StoreEntry:
    for length in HEADER_BYTES:
        head = await transport.read(path, max_bytes=length)
        try:
            extent = parse(head)
        except HeaderCut as error:
            if len(head) >= size:
                return _problem(path, model, "truncated", f"the file ends at byte {size}, inside its header: {error}")
        except ValueError as error:
            return _problem(path, model, "not-a-model", str(error))
        else:
            return _checked(path, model, size, extent)
    return StoreEntry(path=path, size_bytes=0, model=model, exact=False)


def _checked(path: str, model: str, size: int, extent: Extent) -> StoreEntry:
    problem = detail = ""
    if size < extent.least_bytes:
        problem = "truncated"
        detail = f"{size} bytes, and its header promises {extent.least_bytes}"
    return StoreEntry(
        path=path, size_bytes=extent.least_bytes, model=model, exact=extent.exact, problem=problem, detail=detail
    )


def _problem(path: str, model: str, problem: str, detail: str) -> StoreEntry:
    return StoreEntry(path=path, size_bytes=0, model=model, exact=False, problem=problem, detail=detail)
