"""What a request's share of its node's electricity is: device power, sampled, split evenly over what runs there.

The control side reads the devices and writes what they draw; here it is added up for each node as joules for one of
the requests that run, so that a request's share is a difference between two instants. Where power was not known for
all of a request's time its share is not known either. Pure but for `load_watts`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec

#: Where what the devices draw lies in the state folder.
POWER_FILE = "gateway/power.json"
#: Bytes of that file: a line a node.
POWER_BYTES = 1024 * 1024
#: Seconds for which a reading stands; devices are read several times in that.
STALE_SECONDS = 30.0
#: Instants that are kept for each node: an hour of two a second. Longer requests have no known share.
KEPT = 7200
#: Joules in a kilowatt-hour.
KILOWATT_HOUR = 3_600_000.0


class Watts(msgspec.Struct, frozen=True):
    """What all devices of a node drew together, at a time in seconds since the epoch; `why` where that is unknown."""

    node: str
    at: float
    watts: float = 0.0
    why: str = ""


@dataclass(slots=True)
class _Node:
    """Instants, and the joules for one running request until then; -1 begins a time in which nothing is known."""

    instants: deque[float] = field(default_factory=partial(deque, maxlen=KEPT))
    joules: deque[float] = field(default_factory=partial(deque, maxlen=KEPT))


class Power:
    """Follows it. Instants are of one clock of the caller's, in seconds."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}

    @property
    def known(self) -> bool:
        """True if anything is known at all."""
        return bool(self._nodes)

    def tick(self, now: float, wall: float, watts: Mapping[str, Watts], running: Mapping[str, int]) -> None:
        """So much is drawn now, and so many requests run on each node; `wall` is now since the epoch."""
        for name, one in watts.items():
            if one.why or wall - one.at > STALE_SECONDS:
                self._nodes.pop(name, None)
                continue
            node = self._nodes.setdefault(name, _Node())
            before = (node.joules or [0.0])[-1]
            seconds = now - (node.instants or [now])[-1]
            node.instants.append(now)
            node.joules.append(before + seconds * one.watts / max(1, running.get(name, 0)))
        for name in self._nodes.keys() - watts.keys():
            del self._nodes[name]

    def joules(self, node: str, begin: float, end: float) -> float:
        """What a request used that ran there from one instant to another; -1 where that is not known."""
        found = self._nodes.get(node)
        if found is None or not begin or begin < found.instants[0]:
            return -1.0
        return _at(found, end) - _at(found, begin)


def load_watts(path: Path) -> dict[str, Watts]:
    """What nodes draw, by name; {} where nobody wrote that."""
    try:
        content = path.read_bytes()[:POWER_BYTES]
        return {one.node: one for one in msgspec.json.decode(content, type=tuple[Watts, ...])}
    except (OSError, msgspec.DecodeError):
        return {}


def render_watts(watts: Mapping[str, Watts]) -> bytes:
    """As JSON."""
    return msgspec.json.encode(tuple(watts.values()))


def cost_of(joules: float, tariff: float) -> float:
    """By a price for a kilowatt-hour; -1 where there is none, or nothing is known of the energy."""
    if joules < 0 or tariff <= 0:
        return -1.0
    return joules / KILOWATT_HOUR * tariff


def _at(node: _Node, instant: float) -> float:
    """The joules until an instant, in a straight line between two ticks and beyond the last."""
    place = bisect_right(node.instants, instant)
    if place <= 0:
        return node.joules[0]
    if place == len(node.instants):
        if place < 2:
            return node.joules[-1]
        place -= 1
    begin, end = node.instants[place - 1], node.instants[place]
    share = (instant - begin) / max(1e-9, end - begin)
    return node.joules[place - 1] + share * (node.joules[place] - node.joules[place - 1])
