"""What a section of keepwell.toml is made of; the sections themselves are declared in `schema` and `gateway_schema`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key: its name, its shape, whether it must be there, and what it means.

    `field` is its name in the dataclass, "" for the same; `choice` names a set of words that the caller gives, from
    which the value, or each item of it, has to be.
    """

    name: str
    shape: Callable[[object], object]
    help: str
    required: bool = False
    field: str = ""
    choice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A table, or a list of tables (`several`).

    `entry` is the dataclass of one table, `field` where it lands in Config. Two tables that agree in the keys named by
    `distinct` are a mistake of copying.
    """

    name: str
    several: bool
    help: str
    entry: type
    field: str
    keys: tuple[Key, ...]
    distinct: tuple[str, ...] = ()
