"""YAML with the place of each thing in its text: what an edit that keeps every other byte has to know.

JSON is read by the same rules (YAML 1.2 holds it wholly; tabs between its words count as blanks here). Offsets are in
characters of the text.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, TypeAlias

#: Things in one text: a compose file of a large homelab has about a thousand; beyond this it is a trap of aliases.
NODES = 20_000
#: Levels of nesting; compose files have about eight.
DEPTH = 64

Kind: TypeAlias = Literal["scalar", "list", "mapping"]
Data: TypeAlias = Any


class BadYaml(ValueError):
    """The text is no YAML that can be edited; `line` counts from 1, 0 where none is to blame."""

    def __init__(self, words: str, line: int = 0) -> None:
        super().__init__(words)
        self.words = words
        self.line = line


@dataclass(frozen=True, slots=True)
class Place:
    """One thing: from `start` to `end`, and for a mapping its pairs, for a list its items.

    `line` counts from 1, `column` from 0. `shared` is what an anchor lends to several places: to change it there
    changes the others too. `inline` is written with brackets or braces. `text` is what a scalar says.
    """

    kind: Kind
    start: int
    end: int
    line: int
    column: int
    inline: bool = False
    shared: bool = False
    text: str = ""
    pairs: tuple[tuple[Place, Place], ...] = ()
    items: tuple[Place, ...] = ()

    def get(self, key: str) -> Place | None:
        """The value that stands under this key here (not what a merge brings in), else None."""
        return next((value for name, value in self.pairs if name.text == key), None)

    def find(self, *keys: str | int) -> Place | None:
        """What lies under these keys and numbers of items, else None."""
        here: Place | None = self
        for key in keys:
            if here is None:
                break
            inner: dict[str | int, Place] = {name.text: value for name, value in here.pairs}
            inner.update(enumerate(here.items))
            here = inner.get(key)
        return here


def parse_places(text: str) -> Place:
    """The one document of a text. Raises BadYaml: no YAML, several documents, a key twice, too large."""
    node, shared, _ = _read(text)
    if node is None:
        raise BadYaml("nothing stands in it")
    return _Places(text, shared).place(node)


def parse_data(text: str) -> Data:
    """What the text says, as any reader of YAML takes it, merges done; tags of its own are passed over. BadYaml."""
    node, _, reader = _read(text)
    if node is None:
        return None
    try:
        return reader.construct_document(node)
    except _yaml().YAMLError as error:
        raise _bad(error) from None
    except (RecursionError, ValueError) as error:
        raise BadYaml(str(error)) from None


def _read(text: str) -> tuple[Any, set[int], Any]:
    """The tree of a text as the reader makes it (None for an empty one), what of it is shared, and the reader."""
    try:
        reader = _reader()(_plain(text))
        node = reader.get_single_node()
    except _yaml().YAMLError as error:
        raise _bad(error) from None
    except RecursionError:
        raise BadYaml("nested too deeply") from None
    uses = _Uses()
    if node is not None:
        uses.count(node, 0)
    return node, uses.shared, reader


def _plain(text: str) -> str:
    """The text with the tabs of JSON as blanks: in JSON none stands inside a word."""
    if text.lstrip("\ufeff \t\r\n").startswith("{"):
        return text.replace("\t", " ")
    return text


def _bad(error: Any) -> BadYaml:
    mark = getattr(error, "problem_mark", None)
    words = getattr(error, "problem", None) or str(error).partition("\n")[0]
    if mark is None:
        return BadYaml(words)
    return BadYaml(words, mark.line + 1)


@dataclass(slots=True)
class _Uses:
    """How large each thing is with all that it borrows (0 while it is counted), and what is used more than once."""

    sizes: dict[int, int] = field(default_factory=dict)
    shared: set[int] = field(default_factory=set)

    def count(self, node: Any, depth: int) -> int:
        """Its size; BadYaml where that is too much, where it holds itself, or a key stands twice."""
        if depth > DEPTH:
            raise BadYaml("nested too deeply")
        if id(node) in self.sizes:
            self.shared.add(id(node))
            if not self.sizes[id(node)]:
                raise BadYaml("it holds itself", node.start_mark.line + 1)
            return self.sizes[id(node)]
        self.sizes[id(node)] = 0
        _require_single_keys(node)
        size = 1 + sum(self.count(one, depth + 1) for one in _inner(node))
        if size > NODES:
            raise BadYaml("too large")
        self.sizes[id(node)] = size
        return size


def _require_single_keys(node: Any) -> None:
    names: set[str] = set()
    for key in _keys(node):
        if key.value in names:
            raise BadYaml(f"the key {key.value} stands twice", key.start_mark.line + 1)
        names.add(key.value)


def _keys(node: Any) -> list[Any]:
    if node.id != "mapping":
        return []
    return [key for key, _ in node.value if key.id == "scalar" and key.value != "<<"]


def _inner(node: Any) -> Iterator[Any]:
    if node.id == "mapping":
        for pair in node.value:
            yield from pair
    elif node.id == "sequence":
        yield from node.value


@dataclass(slots=True)
class _Places:
    """The places of a text's things, each made once."""

    text: str
    shared: set[int]
    made: dict[int, Place] = field(default_factory=dict)

    def place(self, node: Any) -> Place:
        """The place of a thing and of all in it."""
        if id(node) not in self.made:
            self.made[id(node)] = self._make(node)
        return self.made[id(node)]

    def _make(self, node: Any) -> Place:
        mark, inline = node.start_mark, bool(getattr(node, "flow_style", False))
        fixed: dict[str, Any] = {"start": mark.index, "line": mark.line + 1, "column": mark.column}
        fixed |= {"inline": inline, "shared": id(node) in self.shared, "end": node.end_mark.index}
        if node.id == "scalar":
            return Place(kind="scalar", text=str(node.value), **fixed)
        if node.id == "sequence":
            items = tuple(map(self.place, node.value))
            return Place(kind="list", items=items, **_ending(fixed, items))
        pairs = tuple((self.place(key), self.place(one)) for key, one in node.value)
        last = tuple(_line_of(key, one, self.text) for key, one in pairs[-1:])
        return Place(kind="mapping", pairs=pairs, **_ending(fixed, last))


def _line_of(key: Place, value: Place, text: str) -> Place:
    """The value, or where it is borrowed (its place is elsewhere) the rest of the key's line."""
    if not value.shared:
        return value
    end = key.end + len(text[key.end :].splitlines()[0])
    return Place("scalar", key.end, end, key.line, key.column)


def _ending(fixed: dict[str, Any], inner: tuple[Place, ...]) -> dict[str, Any]:
    """A block ends where its last thing does: the reader says that it ends where the next one begins."""
    if fixed["inline"] or not inner or inner[-1].shared:
        return fixed
    return {**fixed, "end": inner[-1].end}


@cache
def _reader() -> Any:
    """A safe reader that takes `!reset` and other tags of an application for what stands behind them."""
    reader: Any = type("Reader", (_yaml().SafeLoader,), {})
    reader.add_multi_constructor("!", _pass_over)
    return reader


def _pass_over(reader: Any, tag: str, node: Any) -> Data:
    del tag
    if node.id == "scalar":
        return reader.construct_scalar(node)
    if node.id == "sequence":
        return reader.construct_sequence(node, deep=True)
    return reader.construct_mapping(node, deep=True)


def _yaml() -> Any:
    """PyYAML, which brings no types; loaded when a file is read."""
    return importlib.import_module("yaml")
