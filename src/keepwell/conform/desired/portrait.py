"""What a node has of the things that wishes are about, as plain values without secrets: for other nodes, for later."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from keepwell.conform.desired.look import Asks
from keepwell.conform.desired.resolve import Wished, identify
from keepwell.core.observation import Missing
from keepwell.core.secret import MASK, is_secret_name, mask_text
from keepwell.plugins.wish import Looked, Wish

#: What a node has: by label ("file /etc/motd"), then by key ("mode", "values.NAME"), in words.
Portrait: TypeAlias = Mapping[str, Mapping[str, str]]

#: Characters of one value that are shown and kept whole; a longer one is told by its digest.
VALUE_CHARACTERS = 400
#: The key under which it stands why a thing's values cannot be told.
UNTOLD = "cannot be told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One value that two portraits have differently; "" where one has none."""

    label: str
    key: str
    before: str
    after: str


def strip(wished: Wished) -> Wish:
    """The table with only what says what it is about, so that `copy` tells all that a node has of it."""
    return identify(wished.keeps, wished.wish) or wished.wish


def ask_for(wished: Iterable[Wished]) -> tuple[Asks, ...]:
    """What must be looked at to compare these wishes."""
    return tuple(partial(one.keeps.needs, one.wish) for one in wished if one.missing is None)


def ask_for_portrait(wished: Iterable[Wished]) -> tuple[Asks, ...]:
    """What must be looked at to draw it."""
    return tuple(partial(one.keeps.needs, strip(one)) for one in wished)


def draw(wished: Iterable[Wished], looked: Looked, *, masked: bool = True) -> Portrait:
    """What the node has of each thing; with `masked`, secrets are covered. What cannot be told is said so."""
    found: dict[str, dict[str, str]] = {}
    for one in wished:
        values = one.keeps.copy(strip(one), looked)
        if isinstance(values, Missing):
            found[one.label] = {UNTOLD: values.reason}
        else:
            known = identify(one.keeps, one.wish)
            rows = dict(_flatten({key: value for key, value in values.items() if key not in known}))
            found[one.label] = {key: _word(key, value, masked=masked) for key, value in rows.items()}
    return found


def find_differences(before: Portrait, after: Portrait) -> tuple[Difference, ...]:
    """Every value that the two have differently, in the order of the first, then of the second."""
    return tuple(
        Difference(label=label, key=key, before=mine.get(key, ""), after=theirs.get(key, ""))
        for label in dict.fromkeys((*before, *after))
        for mine, theirs in [(before.get(label, {}), after.get(label, {}))]
        for key in dict.fromkeys((*mine, *theirs))
        if mine.get(key, "") != theirs.get(key, "")
    )


def cover(differences: Iterable[Difference]) -> tuple[Difference, ...]:
    """The same with secrets covered: that they differ is told, not what they are."""
    return tuple(
        Difference(
            label=one.label,
            key=one.key,
            before=_mask(one.key, one.before),
            after=_mask(one.key, one.after),
        )
        for one in differences
    )


def _flatten(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _word(key: str, value: object, *, masked: bool) -> str:
    """A value in words; permission bits as people write them, what is long or no text by its size and digest."""
    if isinstance(value, bytes):
        return _digest(value)
    if isinstance(value, int) and not isinstance(value, bool) and key.rpartition(".")[2] == "mode":
        return f"{value:04o}"
    text = str(value)
    if isinstance(value, bool):
        text = text.lower()
    elif isinstance(value, tuple):
        text = ", ".join(map(str, value))
    if masked:
        text = _mask(key, text)
    if len(text) > VALUE_CHARACTERS or "\n" in text:
        return _digest(text.encode("utf-8", "surrogateescape"))
    return text


def _mask(key: str, text: str) -> str:
    if text and is_secret_name(key.rpartition(".")[2]):
        return MASK
    return mask_text(text)


def _digest(content: bytes) -> str:
    return f"{len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()[:16]}"
