"""What of a fragment changed since the last time it was rendered: pure texts in, the smallest telling out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

#: An element that may change alone: it carries a key and holds none of its own kind.
_PIECE = re.compile(r'<(?P<tag>[a-z]+)\b[^<>]*?\sdata-key="(?P<key>[^"<>]*)"[^<>]*>.*?</(?P=tag)>', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Fragment:
    """A rendered fragment: whole, what of it stays when pieces change, and the pieces by key."""

    whole: str
    frame: str = ""
    pieces: Mapping[str, str] = field(default_factory=dict)


def split_fragment(whole: str) -> Fragment:
    """The fragment in pieces. A key that stands twice is no key: only the whole is told then."""
    pieces: dict[str, str] = {}
    rest: list[str] = []
    end = count = 0
    for found in _PIECE.finditer(whole):
        pieces[found["key"]] = found[0]
        rest += [whole[end : found.start()], "\0", found["key"], "\0"]
        end, count = found.end(), count + 1
    if len(pieces) < count:
        return Fragment(whole)
    return Fragment(whole, "".join([*rest, whole[end:]]), pieces)


def find_changes(old: Fragment, new: Fragment) -> dict[str, str] | None:
    """The pieces of `new` that differ, {} where nothing does; None where the whole must be told."""
    if old.whole == new.whole:
        return {}
    if not new.pieces or old.frame != new.frame:
        return None
    return {key: piece for key, piece in new.pieces.items() if old.pieces[key] != piece}
