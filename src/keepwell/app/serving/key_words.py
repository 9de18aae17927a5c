"""What a key may do, as a person writes it: `per_minute=60 routes=llama*,qwen* expires=30d`."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from keepwell.core.errors import ConfigurationError
from keepwell.gateway.choice.ask import PRIORITIES
from keepwell.store.keys import Key

#: Seconds of a unit of time in `expires`.
_UNITS = {"h": 3600.0, "d": 86400.0}
#: The largest number of a limit, and the bounds of a weight: a share of a thousandth, or a thousand shares.
MOST, WEIGHTS = 10**12, (0.001, 1000.0)
#: Patterns of routes that one key may have.
ROUTES = 256
_FLAGS = {"yes": True, "true": True, "no": False, "false": False}


def apply_words(key: Key, words: Iterable[str], now: float) -> Key:
    """The key with these NAME=VALUE; `now` is in seconds since the epoch. Raises ConfigurationError."""
    changes: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        name = name.strip().removeprefix("--").replace("-", "_")
        if not equals:
            raise ConfigurationError(f"{word!r} is no NAME=VALUE", hint=f"names: {', '.join(_READERS)}")
        if name not in _READERS:
            near = get_close_matches(name, _READERS, n=1) or [", ".join(_READERS)]
            raise ConfigurationError(f"a key has no {name!r}", hint=f"did you mean {near[0]}?")
        field, read = _READERS[name]
        try:
            changes[field] = read(value.strip(), now)
        except ValueError as error:
            raise ConfigurationError(f"{name}: {value!r} is no {error}") from error
    return replace(key, **changes)


def parse_expiry(text: str, now: float) -> float:
    """Seconds since the epoch, 0 for never: `never`, `12h`, `30d`, or the last day that it serves (2027-01-31).

    Raises ValueError.
    """
    expected = "12h, 30d, a day like 2027-01-31, or never"
    if text in ("never", ""):
        return 0.0
    found = re.fullmatch(r"(\d{1,5})([hd])", text)
    if found is not None:
        return now + int(found[1]) * _UNITS[found[2]]
    try:
        day = time.strptime(text, "%Y-%m-%d")
    except ValueError:
        raise ValueError(expected) from None
    end = time.mktime((day.tm_year, day.tm_mon, day.tm_mday + 1, 0, 0, 0, 0, 0, -1))
    if end <= now:
        raise ValueError(f"time to come: {expected}")
    return end


def _priority(text: str, now: float) -> int:
    if text not in PRIORITIES:
        raise ValueError(f"priority: {', '.join(PRIORITIES)}")
    return PRIORITIES[text]


def _count(text: str, now: float) -> int:
    if not text.isascii() or not text.isdigit() or int(text[:20]) > MOST:
        raise ValueError("whole number; 0 is no limit")
    return int(text)


def _weight(text: str, now: float) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not WEIGHTS[0] <= found <= WEIGHTS[1]:
        raise ValueError(f"weight: {WEIGHTS[0]:g} to {WEIGHTS[1]:g}")
    return found


def _routes(text: str, now: float) -> tuple[str, ...]:
    found = tuple(one.strip() for one in text.split(",") if one.strip())
    if len(found) > ROUTES:
        raise ValueError(f"list of at most {ROUTES} patterns")
    if found == ("*",):
        return ()
    return found


def _flag(text: str, now: float) -> bool:
    if text not in _FLAGS:
        raise ValueError("yes or no")
    return _FLAGS[text]


#: The word that is written, the field that it is, and how its value is read.
_READERS: Mapping[str, tuple[str, Callable[[str, float], object]]] = {
    "priority": ("priority", _priority),
    "weight": ("weight", _weight),
    "routes": ("routes", _routes),
    "per_minute": ("per_minute", _count),
    "tokens_per_minute": ("tokens_per_minute", _count),
    "tokens_per_day": ("tokens_per_day", _count),
    "at_once": ("at_once", _count),
    "admin": ("admin", _flag),
    "propose": ("propose", _flag),
    "expires": ("expires_at", parse_expiry),
}
