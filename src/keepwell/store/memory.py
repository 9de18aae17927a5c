"""Memory: which engines were seen on which node, so that one that has stopped is missed and can be started again.

One JSON file, `engines.json` in the state folder, for its owner alone, with secrets masked. Losing it costs
nothing but that: a damaged file reads as an empty memory with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from keepwell.core.issue import Supervisor
from keepwell.core.secret import mask_argv, mask_environment, mask_text
from keepwell.store.folder import read_private, replace_private

FILE_NAME = "engines.json"
SCHEMA = "keepwell-engines/1"
#: Engines that are kept, newest first: a few dozen nodes with several each.
ENGINES = 512
#: Seconds after which an engine that was not seen again is forgotten.
AGE_SECONDS = 90 * 86_400.0
#: Bytes of the file; 512 engines with long command lines take about half a megabyte.
MEMORY_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedEngine:
    """One engine as it was last seen to serve: at `seen_at`, in seconds since the epoch.

    `kind` is its plug-in, `url` has no trailing slash, `start` its command line, `environment` the variables of
    its process, both with secrets masked. What was not known is "" or empty.
    """

    node: str
    kind: str
    url: str
    seen_at: float
    start: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    cwd: str = ""
    user: str = ""
    log: str = ""
    models_folder: str = ""
    supervisor: Supervisor = "process"
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """All engines that are remembered, newest first. `problem` says why there are none, or is ""."""

    engines: tuple[RememberedEngine, ...] = ()
    problem: str = ""


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    schema: str
    engines: tuple[RememberedEngine, ...]


def remember(memory: Memory, seen: Iterable[RememberedEngine], now: float) -> Memory:
    """The memory with these engines in it, secrets masked; pure.

    One engine is one node and URL, the newest sight counts. What is older than AGE_SECONDS, or beyond the
    newest ENGINES, is forgotten.
    """
    newest: dict[tuple[str, str], RememberedEngine] = {}
    for one in (*memory.engines, *seen):
        old = newest.get((one.node, one.url))
        if old is None or one.seen_at >= old.seen_at:
            newest[one.node, one.url] = _masked(one)
    young = [one for one in newest.values() if now - one.seen_at <= AGE_SECONDS]
    return Memory(engines=tuple(sorted(young, key=_order)[:ENGINES]))


def load_memory(folder: Path) -> Memory:
    """What is remembered; empty with the reason if the file cannot be read or is damaged."""
    path = folder / FILE_NAME
    try:
        content = read_private(path, MEMORY_BYTES)
    except FileNotFoundError:
        return Memory(problem="no engine was seen before")
    except ValueError as error:
        return Memory(problem=str(error))
    try:
        return parse_memory(content)
    except ValueError as error:
        return Memory(problem=f"{path} is damaged and not used: {error}")


def save_memory(folder: Path, memory: Memory) -> None:
    """Replace the file atomically, mode 0600; AccessError if it cannot be written."""
    replace_private(folder / FILE_NAME, render_memory(memory))


def parse_memory(content: bytes) -> Memory:
    """The memory in these bytes; ValueError says what does not fit."""
    document = msgspec.json.decode(content, type=_Document)
    if document.schema != SCHEMA:
        raise ValueError(f"its schema is {document.schema!r}, expected {SCHEMA!r}")
    return Memory(engines=document.engines)


def render_memory(memory: Memory) -> bytes:
    """The bytes of a memory, indented; `parse_memory` is the inverse."""
    document = _Document(schema=SCHEMA, engines=memory.engines)
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def _masked(one: RememberedEngine) -> RememberedEngine:
    return replace(
        one,
        url=mask_text(one.url),
        start=tuple(_encodable(item) for item in mask_argv(one.start)),
        environment={_encodable(name): _encodable(value) for name, value in mask_environment(one.environment).items()},
        cwd=_encodable(one.cwd),
        log=_encodable(one.log),
        models_folder=_encodable(one.models_folder),
    )


def _encodable(text: str) -> str:
    """File names may hold bytes that are no UTF-8; they are written out, as JSON cannot hold them."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _order(one: RememberedEngine) -> tuple[float, str, str]:
    return (-one.seen_at, one.node, one.url)
