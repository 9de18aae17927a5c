"""What the gateway saw of engines' answers, as observations for the next look: mix-ups, and canaries that changed."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path

from keepwell.app.serving.canaries import digest_of
from keepwell.core.observation import Observation, Value
from keepwell.core.ref import Ref
from keepwell.store.canaries import Answer, Canary, load_canaries
from keepwell.store.mismatches import find_mismatches

#: Seconds for which a mix-up is told: a day, so that who looks in the morning sees the night.
MISMATCH_SECONDS = 86400.0


def earlier_answers(state: Path, node: str, now: float) -> Iterator[Observation]:
    """`gateway.mismatches` and `gateway.canaries` of each engine of a node that the gateway asked."""
    mismatches: dict[str, list[Value]] = {}
    for one in find_mismatches(state, now - MISMATCH_SECONDS):
        row: Value = {"asked": one.asked, "answered": one.answered, "count": one.count, "last_at": one.last_at}
        mismatches.setdefault(one.replica, []).append(row)
    canaries: dict[str, list[Value]] = {}
    for canary in sorted(load_canaries(state).values(), key=attrgetter("replica", "model")):
        canaries.setdefault(canary.replica, []).append(_row(canary))
    for name, rows in (("gateway.mismatches", mismatches), ("gateway.canaries", canaries)):
        for replica, found in rows.items():
            subject = Ref.parse(f"engine:{replica}")
            if subject.node == node:
                source = "the gateway's record"
                yield Observation(subject=subject, name=name, value=tuple(found), at=now, source=source)


def _row(one: Canary) -> Value:
    return {
        "model": one.model,
        "times": one.times,
        "other_since": one.other_since,
        "nonsense": one.nonsense,
        "known": _answer(one.known),
        "last": _answer(one.last),
    }


def _answer(one: Answer) -> Value:
    return {"at": one.at, "text": one.text, "digest": digest_of(one), "made_of": one.made_of}
