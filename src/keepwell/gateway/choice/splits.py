"""Which share of a route's requests another route takes: small files in the state folder, one for each step of a move.

A step adds its file, and taking the step back removes it; of a route's files the largest share holds. So whoever is
killed between two of them leaves a share that was decided on. The data plane reads them again when they change; they
outlive it, and a gateway that starts again goes by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import msgspec

from keepwell.core.errors import DamagedError
from keepwell.gateway.choice.ask import Route
from keepwell.store.folder import read_private

#: The folder of the files in the state folder.
SPLITS_FOLDER = "gateway/splits"
#: Bytes of one file, and files that are read: a move has at most a hundred steps, and few routes move at once.
SPLIT_BYTES, FILES = 4096, 1000
_SCALE = 2.0**64


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """`share` (above 0 to 1) of the requests for `route` go to the replicas of the route `to`; since when (seconds
    since the epoch), by whom, and the run that moves them.
    """

    route: str
    to: str
    share: float
    since: float = 0.0
    by: str = ""
    run: str = ""


class Diversion(msgspec.Struct, frozen=True):
    """What the data plane goes by: the route that takes a share, made for it, and how much."""

    route: Route
    share: float


def name_moved(route: str, to: str) -> str:
    """What the route is called that takes a share; it has spaces, as no model's name has."""
    return f"{route} moved to {to}"


def divert(diversions: Mapping[str, Diversion], meant: Route, number: int, session: bytes, *, made: bool) -> Route:
    """The route for a request: always the same for the same session, or number where it names none.

    A larger share takes what a smaller one took, and more. `made`: an answer is made; other paths of a model (what it
    is, its tokens) move with the last requests, so that they fit the most of them.
    """
    found = diversions.get(meant.name)
    if found is None:
        return meant
    if found.share < 1 and (not made or draw(session or b"%d" % number) >= found.share):
        return meant
    return found.route


def draw(name: bytes) -> float:
    """A number from 0 to less than 1 that belongs to this name, as good as drawn by chance."""
    return int.from_bytes(blake2b(name, digest_size=8).digest(), "big") / _SCALE


def render_split(split: Split) -> bytes:
    """As it lies in its file."""
    return msgspec.json.encode(split)


def load_splits(state: Path) -> tuple[Split, ...]:
    """The share of each route that is moved, by route; () if there is none. Raises DamagedError."""
    found = []
    for path in sorted((state / SPLITS_FOLDER).glob("*.json"))[:FILES]:
        try:
            one = msgspec.json.decode(read_private(path, SPLIT_BYTES), type=Split)
            if not 0 < one.share <= 1:
                raise ValueError(f"{one.share} is no share")
        except FileNotFoundError:
            continue  # taken back meanwhile
        except ValueError as error:  # also what msgspec raises
            raise DamagedError(f"this is no share of a route: {error}", where=str(path)) from error
        found.append(one)
    return find_largest(found)


def find_largest(splits: Iterable[Split]) -> tuple[Split, ...]:
    """Of each route the largest share, by route."""
    largest: dict[str, Split] = {}
    for one in splits:
        known = largest.setdefault(one.route, one)
        if one.share > known.share:
            largest[one.route] = one
    return tuple(largest[name] for name in sorted(largest))
