"""The contract of a step that keeps a wish: a file in `steps/` whose STEP is a `Keeps` (or also a `Step` that mends).

What a node is wished to have stands in keepwell.toml, in tables below `[[desired]]`; each kind of table belongs to one
step. From the wish and what lies on the node now the step makes, purely, what differs and the changes that end it. The
machine looks, plans, drains, applies, asks again and takes back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol, TypeAlias, runtime_checkable

from keepwell.config.sections import Key
from keepwell.core.entry import Entry
from keepwell.core.observation import Missing, Seen
from keepwell.core.ref import Ref
from keepwell.core.step import Activation, Change
from keepwell.plugins.registry import load, names
from keepwell.transport.base import Ran, Reply, Stat

#: One table of keepwell.toml, each key in the shape that its step declares.
Wish: TypeAlias = Mapping[str, Any]

#: The key of a table that names a file of the group's repository (or beside keepwell.toml), and the key under which the
#: machine hands that file's bytes to `needs`, `compare` and `copy`.
SOURCE, CONTENT = "source", "content"


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a step must see of a node before it can compare, by commands and requests that change and wake nothing.

    `paths`: what lies there, wholly. `folders`: the names in them. `trees`: everything below, with what `stat` says.
    `commands`: argument lists. `urls`: addresses on the node to GET.
    """

    paths: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    trees: tuple[str, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What was seen of each thing that was needed; Missing where nobody could look. Nothing at a path is an Entry of
    kind "absent"; a tree maps each path below it (and itself) to its `Stat`. `coming` are users and groups that are not
    there yet, and that earlier wishes of the same plan make: their numbers are not known.
    """

    node: str
    entries: Mapping[str, Entry | Missing] = field(default_factory=dict)
    names: Mapping[str, tuple[str, ...] | Missing] = field(default_factory=dict)
    trees: Mapping[str, Mapping[str, Stat] | Missing] = field(default_factory=dict)
    ran: Mapping[tuple[str, ...], Ran | Missing] = field(default_factory=dict)
    replies: Mapping[str, Reply | Missing] = field(default_factory=dict)
    coming: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What one wish comes to on one node: about what, what is there and what is wished, in words that show no secret.

    No `changes` where both are the same; `problem` says why there are none although they differ (what keepwell cannot
    or must not do by itself, and what to do instead). `activate` makes the changes take effect. `engine` is the engine
    that must do without traffic meanwhile and has to answer afterwards, None where none is touched. `kept` says what
    differs and is left as its owner chose it. `makes` are users and groups that its changes make.
    """

    subject: Ref
    before: str
    after: str
    changes: tuple[Change, ...] = ()
    activate: tuple[Activation, ...] = ()
    engine: Ref | None = None
    kept: tuple[str, ...] = ()
    problem: str = ""
    makes: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether the node is as wished."""
        return not self.changes and not self.problem


@runtime_checkable
class Keeps(Protocol):
    """`table` is the name of its tables below [[desired]], `keys` what stands in one; `title` says what it keeps."""

    title: str
    table: str
    keys: tuple[Key, ...]

    def needs(self, wish: Wish, looked: Looked) -> Needs:
        """What to look at, pure. Asked again with what was seen until it needs nothing new, three times at most."""
        ...

    def compare(self, wish: Wish, looked: Looked) -> Drift | Missing:
        """What differs and the changes that end it, pure; Missing where it cannot be told, and why.

        Once its changes are made, it finds nothing to change.
        """
        ...

    def copy(self, wish: Wish, looked: Looked) -> Wish | Missing:
        """The same table with the values of the node that was looked at: so one node becomes the model of another.

        What a wish leaves out is taken over; what it says already stays.
        """
        ...

    def propose(self, seen: Seen, node: str) -> tuple[Wish, ...]:
        """The tables that this node gives reason for, with only what names the thing (a path, a unit): `copy` fills
        them in. Pure.
        """
        ...


@cache
def find_wish(table: str) -> tuple[str, Keeps] | None:
    """The step that keeps these tables, with its name; None where none does.

    The step of the same name, or one whose name begins with it, is asked first: a hundred steps need not be loaded (0.4
    s) for one table.
    """
    for name in names("steps"):
        if f"{name}_".startswith(f"{table}_"):
            one = load("steps", name)
            if isinstance(one, Keeps) and one.table == table:
                return name, one
    return load_wishes().get(table)


@cache
def load_wishes() -> Mapping[str, tuple[str, Keeps]]:
    """Every step that keeps a wish, with its name, by the name of its table."""
    found = [(name, load("steps", name)) for name in names("steps")]
    return {one.table: (name, one) for name, one in found if isinstance(one, Keeps)}


def find_keys(tables: Collection[str]) -> Mapping[str, tuple[Key, ...]]:
    """What may stand in each of these tables below [[desired]], for the reader of keepwell.toml; in every table there
    is, where one of these is none.
    """
    found = {table: find_wish(table) for table in tables}
    if None in found.values():
        return {table: one.keys for table, (_, one) in load_wishes().items()}
    return {table: one[1].keys for table, one in found.items() if one is not None}
