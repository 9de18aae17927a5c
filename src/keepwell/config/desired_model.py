"""What keepwell.toml says of nodes as they ought to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class WishEntry:
    """One table below [[desired]]: its name, and its keys in the shapes that its step declares."""

    table: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredEntry:
    """What some nodes ought to be like.

    Nodes are meant by name or by tag; neither means every node. What a table leaves out is as on the `baseline` node;
    without any table everything of it is that steps can copy. Files that tables name as their `source` come from the
    Git `repository` (a folder or an address) at `revision`, else from the folder of keepwell.toml.
    """

    name: str = ""
    nodes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    baseline: str = ""
    repository: str = ""
    revision: str = ""
    wishes: tuple[WishEntry, ...] = ()
