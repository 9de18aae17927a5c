"""Edits a JSON text in place: members of its object are replaced, taken out or added; every other byte stays.

A body is read by a scanner of tokens, so that numbers keep their digits, texts their escapes and objects their order.
What is no JSON object raises ValueError; a name that stands there twice is edited twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from keepwell.plugins.wire_json import BROKEN

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_SPACE = re.compile(rb"[ \t\r\n]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of an object: its name, and where its key and its value stand in the text."""

    name: str
    begin: int
    value: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What was done to a member: its value before and after as JSON; b"" for one that was, or is, not there."""

    name: str
    before: bytes
    after: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What members of an object should be: values as JSON by name, names that must go, names added where missing."""

    values: Mapping[str, bytes] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    added: frozenset[str] = frozenset()


def find_members(text: bytes, start: int = 0) -> Iterator[Member]:
    """The members of the object that begins at `start` or after blanks there. Raises ValueError where it is none."""
    depth, key, value, end = 0, b"", -1, -1
    begin = start
    for found in _TOKEN.finditer(text, start):
        token = found[0]
        if depth == 0 and token != b"{":
            break
        if token in (b"{", b"["):
            if depth == 1:
                value = found.start()
            depth += 1
        elif token in (b"}", b"]"):
            depth -= 1
            if depth == 0:
                yield from _member(key, begin, value, end)
                return
            end = found.end()
        elif depth == 1 and token == b",":
            yield from _member(key, begin, value, end)
            key, value = b"", -1
        elif depth == 1 and token != b":":
            if not key:
                key, begin = token, found.start()
            else:
                value, end = found.start(), found.end()
    raise ValueError("no JSON object, or one that does not end")


def edit_object(text: bytes, start: int, wish: Wish) -> tuple[list[tuple[int, int, bytes]], list[Change]]:
    """The cuts that make the object at `start` as it is wished: where from, where to, what instead; and the changes."""
    members = list(find_members(text, start))
    cuts: list[tuple[int, int, bytes]] = []
    changes: list[Change] = []
    for one in members:
        before = text[one.value : one.end]
        after = wish.values.get(one.name)
        if after is not None and not _same(before, after):
            cuts.append((one.value, one.end, after))
            changes.append(Change(name=one.name, before=before, after=after))
    gone = [one.name in wish.gone and one.name not in wish.values for one in members]
    for place, one in enumerate(members):
        if gone[place]:
            changes.append(Change(name=one.name, before=text[one.value : one.end], after=b""))
    cuts += _cut_out(members, gone)
    missing = [name for name in wish.values if name in wish.added and all(one.name != name for one in members)]
    if missing:
        more = b",".join(b"%b:%b" % (msgspec.json.encode(name), wish.values[name]) for name in missing)
        inside = text.index(b"{", start) + 1
        cuts.append((inside, inside, more + b"," * (not all(gone))))
        changes += [Change(name=name, before=b"", after=wish.values[name]) for name in missing]
    return cuts, changes


def apply_cuts(text: bytes, cuts: Iterable[tuple[int, int, bytes]]) -> bytes:
    """The text with these parts replaced; they do not overlap."""
    parts: list[bytes] = []
    place = 0
    for begin, end, instead in sorted(cuts):
        parts += (text[place:begin], instead)
        place = end
    parts.append(text[place:])
    return b"".join(parts)


def _member(key: bytes, begin: int, value: int, end: int) -> Iterator[Member]:
    """The member that was read; none for an empty object."""
    if not key:
        return
    if value < 0:
        raise ValueError("a member without a value")
    yield Member(name=msgspec.json.decode(key, type=str), begin=begin, value=value, end=end)


def _cut_out(members: list[Member], gone: list[bool]) -> Iterator[tuple[int, int, bytes]]:
    """The parts to cut so that these members go, each with one comma."""
    kept = [one for one, goes in zip(members, gone, strict=True) if not goes]
    for place, one in enumerate(members):
        if not gone[place]:
            continue
        after = [other for other in kept if other.begin > one.begin]
        if after:
            yield one.begin, members[place + 1].begin, b""
        elif kept:
            yield max(kept[-1].end, members[place - 1].end), one.end, b""
        elif place + 1 < len(members):
            yield one.begin, members[place + 1].begin, b""
        else:
            yield one.begin, one.end, b""


def _same(one: bytes, other: bytes) -> bool:
    """True for two spellings of one value; a number is never a truth value."""
    if one == other:
        return True
    try:
        first, second = msgspec.json.decode(one), msgspec.json.decode(other)
    except BROKEN:
        return False
    return type(first) is type(second) and bool(first == second)
