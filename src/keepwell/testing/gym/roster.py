"""The faults that there are: every file in `faults/`, found by its name; and which two of them may meet."""

from __future__ import annotations

import importlib
import random
from collections.abc import Collection, Iterable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, TypeAlias

from keepwell.testing.gym.fault import Fault

AnyFault: TypeAlias = Fault[Any]
FOLDER = Path(__file__).parent / "faults"


def load_faults(kinds: Collection[str] = (), only: str = "") -> tuple[AnyFault, ...]:
    """All faults of these kinds (made, real; () for both) by name, or those whose name is or begins with `only`.

    A made and a real one may share a name: they are the same fault. ValueError when two of a kind do.
    """
    found = sorted((one for name in _modules() for one in _faults_in(name)), key=_by_name)
    names = [(one.kind, one.name) for one in found]
    double = {name for kind, name in names if names.count((kind, name)) > 1}
    if double:
        raise ValueError(f"several faults are called {', '.join(sorted(double))}")
    chosen = [one for one in found if not kinds or one.kind in kinds]
    if not only:
        return tuple(chosen)
    exact = [one for one in chosen if one.name == only]
    return tuple(exact or [one for one in chosen if one.name.startswith(only)])


def draw_pairs(faults: Iterable[AnyFault], count: int, rng: random.Random) -> tuple[tuple[AnyFault, AnyFault], ...]:
    """So many different pairs that may meet, drawn evenly over the faults: each is in as many as every other."""
    allowed = [pair for pair in combinations(faults, 2) if may_meet(*pair)]
    rng.shuffle(allowed)
    used: dict[str, int] = {}
    chosen: list[tuple[AnyFault, AnyFault]] = []
    while allowed and len(chosen) < count:
        pair = min(allowed, key=lambda one: used.get(one[0].name, 0) + used.get(one[1].name, 0))
        allowed.remove(pair)
        chosen.append(pair)
        for one in pair:
            used[one.name] = used.get(one.name, 0) + 1
    return tuple(chosen)


def may_meet(one: AnyFault, other: AnyFault) -> bool:
    """They share a world, change different parts of it, and have different causes: two of one cause are one answer."""
    worlds = {maker.name for maker in one.worlds} & {maker.name for maker in other.worlds}
    apart = set(one.touches).isdisjoint(other.touches) and set(one.causes).isdisjoint(other.causes)
    known = other.name in one.conflicts or one.name in other.conflicts
    return bool(worlds) and apart and not known and one.kind == other.kind


def _modules() -> Iterator[str]:
    yield from sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))


def _faults_in(name: str) -> tuple[AnyFault, ...]:
    found = importlib.import_module(f"keepwell.testing.gym.faults.{name}").FAULTS
    return tuple(one for one in found if isinstance(one, Fault))


def _by_name(one: AnyFault) -> str:
    return f"{one.name} {one.kind}"
