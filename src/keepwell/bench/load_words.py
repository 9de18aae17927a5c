"""The words in which a load is wished: "8", "5/s", "poisson:5/s", "ramp:1/s-20/s", "sweep", "replay:FILE". Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from keepwell.bench.load import Load

#: What a sweep makes larger.
Swept: TypeAlias = Literal["", "clients", "rate"]
#: Clients of a load, and requests a second: more than one process of ours sends.
CLIENTS, RATE = 4096, 10_000.0
HINT = (
    "write 8 (clients, each sends when its last answer is there), 5/s (a second, whatever is answered), "
    "poisson:5/s, ramp:1/s-20/s, sweep, sweep:rate, replay:FILE or replay:recorded"
)
_NUMBER = re.compile(r"\d{1,6}(?:\.\d{1,6})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadWish:
    """What was wished: a stretch of load, a sweep, or the requests of a file ("recorded": of the gateway's record) with
    their own spacing.
    """

    load: Load
    sweep: Swept = ""
    replay: str = ""


def parse_load(text: str) -> LoadWish:
    """The wish in these words. Raises ValueError with the words that are known."""
    word, colon, rest = text.strip().partition(":")
    if not colon and word.isascii() and word.isdecimal() and len(word) <= 6:
        return LoadWish(load=Load(clients=_clients(int(word), text)))
    if not colon and word.endswith("/s"):
        return LoadWish(load=Load(shape="constant", clients=0, rate=_rate(word, text)))
    if word == "poisson":
        return LoadWish(load=Load(shape="poisson", clients=0, rate=_rate(rest, text)))
    if word == "ramp":
        first, dash, last = rest.partition("-")
        if dash:
            begins = 0.0
            if first not in ("0", "0/s"):
                begins = _rate(first, text)
            return LoadWish(load=Load(shape="ramp", clients=0, rate=begins, rate_to=_rate(last, text)))
    if word == "sweep" and rest in ("", "clients"):
        return LoadWish(load=Load(), sweep="clients")
    if word == "sweep" and rest == "rate":
        return LoadWish(load=Load(shape="poisson", clients=0, rate=1.0), sweep="rate")
    if word == "replay" and rest:
        return LoadWish(load=Load(shape="replay", clients=0), replay=rest)
    raise ValueError(f"{text!r} is no load: {HINT}")


def render_load(load: Load) -> str:
    """A load in the words that `parse_load` reads; a replay's file is not known to it."""
    if load.shape == "concurrent":
        return f"{load.clients}"
    if load.shape == "constant":
        return f"{_digits(load.rate)}/s"
    if load.shape == "ramp":
        return f"ramp:{_digits(load.rate)}/s-{_digits(load.rate_to)}/s"
    if load.shape == "poisson":
        return f"poisson:{_digits(load.rate)}/s"
    return "replay"


def describe_load(load: Load) -> str:
    """A load in a sentence's words."""
    said = {
        "concurrent": {1: "one"}.get(load.clients, f"{load.clients}") + " at a time",
        "constant": f"{_digits(load.rate)} requests a second, evenly",
        "poisson": f"{_digits(load.rate)} requests a second, at random instants",
        "ramp": f"from {_digits(load.rate)} to {_digits(load.rate_to)} requests a second",
        "replay": "each at its own instant",
    }[load.shape]
    ends = []
    if load.seconds:
        ends.append(f"{load.seconds:g} s")
    if load.requests:
        ends.append(f"{load.requests} requests")
    if ends:
        said += f", {' or '.join(ends)}"
    return said


def _digits(number: float) -> str:
    """A number without an exponent, as it is read again."""
    return f"{number:.6f}".rstrip("0").rstrip(".")


def _rate(word: str, text: str) -> float:
    number, slash, unit = word.partition("/")
    if (slash and unit != "s") or not _NUMBER.fullmatch(number):
        raise ValueError(f"{text!r} is no load: {HINT}")
    rate = float(number)
    if not 0 < rate <= RATE or not math.isfinite(rate):
        raise ValueError(f"{text!r} is no load: a rate is above 0 and at most {RATE:g} a second")
    return rate


def _clients(count: int, text: str) -> int:
    if not 1 <= count <= CLIENTS:
        raise ValueError(f"{text!r} is no load: 1 to {CLIENTS} clients")
    return count
