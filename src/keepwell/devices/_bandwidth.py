"""Tables of memory bandwidth (TOML data beside each vendor), looked up by the name that a driver tells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from keepwell.devices._lines import load_table
from keepwell.plugins.device import Bandwidth

_WORDS = re.compile(r"[a-z0-9]+")
GIGABYTE = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class BandwidthTable:
    """Bytes per second by the words of a name; a word of `apart` that only one of two names has parts them."""

    source: str
    apart: frozenset[str]
    entries: Mapping[tuple[str, ...], float]


def find_bandwidth(name: str, table: str) -> Bandwidth | None:
    """What the table says of the device of this name; None when it is not in it. Pure after the first call."""
    held = _load(table)
    words = _split(name)
    parted = held.apart.intersection(words)
    fitting = [key for key in held.entries if _stands_in(key, words) and held.apart.intersection(key) == parted]
    if not fitting:
        return None
    best = max(fitting, key=_length)
    return Bandwidth(bytes_per_second=held.entries[best], source=held.source)


@cache
def _load(table: str) -> BandwidthTable:
    found = load_table(table)
    return BandwidthTable(
        source=str(found["source"]),
        apart=frozenset(word for name in found["apart"] for word in _split(name)),
        entries={_split(name): float(value) * GIGABYTE for name, value in found["gigabytes_per_second"].items()},
    )


def _split(name: str) -> tuple[str, ...]:
    return tuple(_WORDS.findall(name.lower()))


def _stands_in(key: tuple[str, ...], words: tuple[str, ...]) -> bool:
    """True if the key's words stand one after the other among the words."""
    return any(words[place : place + len(key)] == key for place in range(len(words) - len(key) + 1))


def _length(key: tuple[str, ...]) -> tuple[int, int]:
    return len(key), sum(map(len, key))
