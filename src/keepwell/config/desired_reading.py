"""[[desired]] of keepwell.toml: its own keys, and below it lists of tables whose keys the steps declare."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeAlias

from keepwell.config.desired_model import WishEntry
from keepwell.config.gateway_rules import Disagreement, Tables
from keepwell.config.sections import Key, Section
from keepwell.config.table_reading import TableReader
from keepwell.config.toml_lines import KeyPath
from keepwell.config.wish_shapes import source

#: The section's name.
DESIRED = "desired"
#: What may stand in each of these tables below [[desired]]; in every one there is, where one of these is none.
Wishes: TypeAlias = Callable[[Collection[str]], Mapping[str, tuple[Key, ...]]]


def read_desired(section: Section, entries: object, reader: TableReader, wishes: Wishes) -> list[dict[str, Any]]:
    """The checked values of every [[desired]], the tables below it among them as `wishes`."""
    if not isinstance(entries, list):
        return reader.several(section, entries, (DESIRED,))
    own = {key.name for key in section.keys}
    used = {name: None for one in entries if isinstance(one, dict) for name in one if name not in own}
    tables: list[Section] = []
    if used:
        tables = [make_section(name, keys) for name, keys in wishes(used).items()]
    return [_entry(section, one, (DESIRED, index), reader, tables) for index, one in enumerate(entries)]


def no_wishes(tables: Collection[str]) -> Mapping[str, tuple[Key, ...]]:
    """There are no tables: for a reader who knows no steps."""
    return {}


def make_section(table: str, keys: tuple[Key, ...]) -> Section:
    """A kind of table below [[desired]] as a section."""
    return Section(name=f"{DESIRED}.{table}", several=True, help="", entry=WishEntry, field="", keys=keys)


def find_desired_disagreements(tables: Tables) -> Iterator[Disagreement]:
    """Keys that do not go with each other."""
    for index, entry in enumerate(tables.get(DESIRED, ())):
        if entry.get("revision") and not entry.get("repository"):
            said = "there is no repository that it could be a revision of"
            yield Disagreement((DESIRED, index, "revision"), said, 'the repository too: repository = "/srv/config.git"')


def _entry(
    section: Section, entry: object, path: KeyPath, reader: TableReader, tables: list[Section]
) -> dict[str, Any]:
    names = {one.name.removeprefix(f"{DESIRED}."): one for one in tables}
    values = reader.one(section, entry, path, also=names)
    if not isinstance(entry, dict):
        return values
    values["wishes"] = tuple(
        WishEntry(table=name, values=one)
        for name, table in entry.items()
        if name in names
        for one in _wishes(names[name], table, (*path, name), reader)
    )
    if "baseline" not in entry and not set(entry) - {key.name for key in section.keys}:
        reader.problems.add(path, "it wishes nothing", expected="tables below it, or a baseline to be like")
    return values


def _wishes(section: Section, entries: object, path: KeyPath, reader: TableReader) -> list[dict[str, Any]]:
    found = reader.several(section, entries, path)
    for index, one in enumerate(found):
        try:
            source(one.get("source", "file"))
        except ValueError as error:
            reader.problems.add((*path, index, "source"), "a path that leads elsewhere", expected=str(error))
    return found
