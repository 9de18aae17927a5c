"""Where the time of one request went: its seconds, split without a gap or an overlap. Pure.

What an engine tells of its own work counts first. What it does not tell is not guessed at: the time until the first
word is then reading the prompt (with the way to the engine in it), and a whole answer stays undivided.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from keepwell.store.requests import RequestRow

#: waiting for a replica; loading the model; reading the prompt; making the answer; the way to the engine and what it
#: does beside; waiting for the client to take what is there; an answer that nobody divides.
Phase: TypeAlias = Literal["queue", "load", "prefill", "decode", "network", "client", "undivided"]
PHASES: tuple[Phase, ...] = ("queue", "load", "prefill", "decode", "network", "client", "undivided")


def split(row: RequestRow) -> dict[Phase, float]:
    """Seconds of each part; together they are `total_seconds`. {} for a request that no replica answered."""
    if not row.replica or row.total_seconds < 0:
        return {}
    left = row.total_seconds
    queue = _take(row.queue_seconds, left)
    client = _take(row.stalled_seconds, left - queue)
    found: dict[Phase, float] = {"queue": queue, "client": client}
    rest = left - queue - client
    if row.prefill_seconds >= 0 or row.decode_seconds >= 0:
        return found | _as_told(row, rest)
    if not row.stream or row.first_byte_seconds < 0:
        return found | {"undivided": rest}
    before = _take(row.first_byte_seconds - queue, rest)
    if row.cold == 1:
        return found | {"load": before, "decode": rest - before}
    return found | {"prefill": before, "decode": rest - before}


def is_load_guessed(row: RequestRow) -> bool:
    """True where `load` is all that came before the first word, the prompt included: the engine told neither."""
    return row.cold == 1 and row.prefill_seconds < 0 and row.load_seconds < 0 and row.stream


def _as_told(row: RequestRow, rest: float) -> dict[Phase, float]:
    """By the engine's own clock; where that counts more than there was, in its proportions."""
    told: dict[Phase, float] = {
        "load": max(0.0, row.load_seconds),
        "prefill": max(0.0, row.prefill_seconds),
        "decode": max(0.0, row.decode_seconds),
    }
    whole = sum(told.values())
    if whole > rest:
        told = {name: seconds * (rest / whole) for name, seconds in told.items()}
        whole = rest
    return told | {"network": rest - whole}


def _take(seconds: float, most: float) -> float:
    return min(max(0.0, seconds), max(0.0, most))
