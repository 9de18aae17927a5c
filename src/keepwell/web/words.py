"""Filters and tests of the pages' templates: numbers, instants and statuses as a reader takes them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from keepwell.core.finding import Status
from keepwell.core.observation import Missing
from keepwell.core.words import clean, figure, share, size, span

#: What stands where there is no number.
DASH = "–"


def tell_status(status: Status | str) -> str:
    """ "ok", "unknown", "warning" or "critical"; "unknown" for anything else."""
    if isinstance(status, Status):
        return status.name.lower()
    if str(status) in ("ok", "warning", "critical"):
        return str(status)
    return "unknown"


def tell_missing(value: object) -> str:
    """Why there is no value; "" where there is one. Also for a Missing that went through JSON."""
    if isinstance(value, Missing):
        return str(value)
    if isinstance(value, dict) and "missing" in value:
        return f"{value['missing']}: {value.get('reason', '')}"
    return ""


def is_there(value: object) -> bool:
    """True for a value that is there."""
    return value is not None and not tell_missing(value)


def tell_share(value: Any) -> str:
    """A ratio as per cent, or a dash."""
    if not is_there(value):
        return DASH
    return share(float(value))


def tell_size(value: Any) -> str:
    """Bytes, or a dash."""
    if not is_there(value):
        return DASH
    return size(float(value))


def tell_figure(value: Any) -> str:
    """Three digits that count, or a dash."""
    if not is_there(value):
        return DASH
    return figure(float(value))


def tell_span(value: Any) -> str:
    """Seconds as 40 s, 4 min, 3 h; a dash for none and for -1, which says that there was no such moment."""
    if not is_there(value) or float(value) < 0:
        return DASH
    return span(float(value))


def tell_brief(value: Any) -> str:
    """Seconds of a request: 8 ms, 1.25 s; a dash for none and for -1."""
    if not is_there(value) or float(value) < 0:
        return DASH
    seconds = float(value)
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return span(seconds)


def tell_clock(at: float) -> str:
    """The time of day, UTC; a dash for none."""
    return _tell_instant(at, "%H:%M:%S")


def tell_iso(at: float) -> str:
    """For the datetime of a <time> element."""
    return _tell_instant(at, "%Y-%m-%dT%H:%M:%SZ")


def _tell_instant(at: float, form: str) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).strftime(form)
    except (ValueError, OverflowError, OSError):
        return DASH


def tell_text(value: object, limit: int = 2000) -> str:
    """Text from the world made harmless, or a dash."""
    if not is_there(value):
        return DASH
    return clean(str(value), limit)


FILTERS = {
    "status": tell_status,
    "why_not": tell_missing,
    "ratio": tell_share,
    "bytes": tell_size,
    "figure": tell_figure,
    "span": tell_span,
    "brief": tell_brief,
    "clock": tell_clock,
    "iso": tell_iso,
    "text": tell_text,
}
TESTS = {"there": is_there}
