"""What an assistant can read without a tool: the fleet, nodes, incidents, causes, proposals. Sizes are bounded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mcp_types import Resource, ResourceTemplate

from keepwell.app.operation import Operation
from keepwell.app.plain import plain
from keepwell.app.report import NodePicture
from keepwell.app.table import operations
from keepwell.core.errors import NotThere

SCHEME = "keepwell://"
JSON = "application/json"
#: Characters of an address that is read, and values that a completion offers.
ADDRESS_CHARACTERS, OFFERED = 300, 100
#: How deep a node is looked at where no newest look is at hand.
LEVEL = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """A list at keepwell://NAME, and one of it at keepwell://NAME/{KEY}. Each is what an operation gives: `lists` for
    the list, `shows` with its parameter `by` for one; `rows` and `id` say where names stand in the list. "" for none.
    """

    name: str
    title: str
    description: str
    lists: str
    rows: str = ""
    id: str = "id"
    shows: str = ""
    by: str = ""
    key: str = ""


SHELVES = (
    Shelf(
        name="overview",
        title="The fleet now",
        description="Nodes with devices and engines, models in memory, requests under way, jobs, alerts.",
        lists="overview",
    ),
    Shelf(
        name="incidents",
        title="Incidents",
        description="What was wrong before, what it was, and what helped.",
        lists="incident list",
        rows="incidents",
        shows="incident show",
        by="incident",
        key="incident",
    ),
    Shelf(
        name="causes",
        title="Known causes",
        description="The catalogue of what can be wrong; one whole tells signs for and against, check, fix, undo.",
        lists="issues",
        rows="issues",
        shows="explain",
        by="issue",
        key="cause",
    ),
    Shelf(
        name="proposals",
        title="Changes that were asked for",
        description="How each stands; one whole with its outcome.",
        lists="proposals list",
        rows="proposals",
        shows="proposals list",
        by="id",
        key="proposal",
    ),
)
NODES = Shelf(
    name="nodes",
    title="Nodes",
    description="The newest look at a node: system, memory, devices, engines, services.",
    lists="",
    rows="nodes",
    id="name",
    key="node",
)

#: Nodes as the newest look found them, by name; and the names of all that are known.
Pictures = Callable[[], Mapping[str, NodePicture]]
Names = Callable[[], tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What is done to read an address: an operation with arguments, or a document that is there already."""

    operation: Operation | None = None
    arguments: Mapping[str, Any] | None = None
    document: Mapping[str, Any] | None = None


def list_resources() -> list[Resource]:
    """The lists; each entry of one is read by a template."""
    return [
        Resource(uri=SCHEME + one.name, name=one.name, title=one.title, description=one.description, mime_type=JSON)
        for one in _shelves()
    ]


def list_templates() -> list[ResourceTemplate]:
    """One entry of each list."""
    return [
        ResourceTemplate(
            uri_template=f"{SCHEME}{one.name}/{{{one.key}}}",
            name=one.key,
            title=one.title,
            description=one.description,
            mime_type=JSON,
        )
        for one in _shelves()
        if one.key
    ]


def find_reading(uri: str, pictures: Pictures, names: Names) -> Reading:
    """What is behind an address. Raises NotThere."""
    shelf, key = _split(uri)
    if shelf.name == NODES.name:
        return _read_node(key, pictures(), names())
    if not key:
        return Reading(operation=_find(shelf.lists), arguments={})
    return Reading(operation=_find(shelf.shows), arguments={shelf.by: key})


def find_shelf(key: str) -> Shelf | None:
    """The list whose entries are named by this: an argument of a template or prompt."""
    return next((one for one in _shelves() if one.key and one.key == key), None)


def find_entries(shelf: Shelf, document: Mapping[str, Any], begun: str) -> list[str]:
    """Names of a list's entries that begin so."""
    rows = document.get(shelf.rows)
    if not isinstance(rows, list):
        return []
    names = [str(row[shelf.id]) for row in rows if isinstance(row, Mapping) and shelf.id in row]
    return [one for one in names if one.startswith(begun)][:OFFERED]


def _shelves() -> tuple[Shelf, ...]:
    return (*(one for one in SHELVES if _has(one.lists)), NODES)


def _has(name: str) -> bool:
    return any(one.name == name for one in operations("cli"))


def _find(name: str) -> Operation:
    for one in operations("cli"):
        if one.name == name:
            return one
    raise NotThere(
        "there is nothing of that name", hint="resources/list and resources/templates/list name what there is"
    )


def _split(uri: str) -> tuple[Shelf, str]:
    name, _, key = uri[:ADDRESS_CHARACTERS].removeprefix(SCHEME).partition("/")
    if uri.startswith(SCHEME) and len(uri) <= ADDRESS_CHARACTERS:
        for one in _shelves():
            if one.name == name and (one.key or not key):
                return one, key
    hint = "resources/list and resources/templates/list name what there is"
    raise NotThere(f"there is no resource {uri[:100]!r}", hint=hint)


def _read_node(key: str, pictures: Mapping[str, NodePicture], names: tuple[str, ...]) -> Reading:
    if not key:
        rows = [{"name": one, "looked_at": one in pictures} for one in names]
        return Reading(document={"schema": "keepwell.nodes/1", "exit_code": 0, "nodes": rows})
    if key in pictures:
        return Reading(document={"schema": "keepwell.node/1", "exit_code": 0, "node": plain(pictures[key])})
    if key not in names:
        raise NotThere(f"there is no node {key[:60]!r}", hint=f"{SCHEME}nodes names them")
    return Reading(operation=_find("status"), arguments={"targets": [key], "level": LEVEL})
