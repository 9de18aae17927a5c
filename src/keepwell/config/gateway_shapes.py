"""What values of the gateway's sections may look like; see `shapes`."""

from __future__ import annotations

import datetime
import ipaddress
import re
from collections.abc import Callable

from keepwell.config.shapes import Toml, text, texts

#: The days of a week, in the order of `datetime.date.weekday`.
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(KiB|MiB|GiB|TiB)")
_BYTES = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")


def one_or_more(value: Toml) -> tuple[str, ...]:
    """One text, or a list of at least one."""
    if isinstance(value, str):
        return (text(value),)
    found = texts(value)
    if not found:
        raise ValueError("a text, or a list of at least one")
    return found


def listens(value: Toml) -> tuple[str, ...]:
    """One or more addresses to listen on: an IP address (IPv6 in brackets) and a port."""
    expected = 'an IP address and port like "127.0.0.1:4000" or "0.0.0.0:4000", or a list of such'
    try:
        found = one_or_more(value)
    except ValueError:
        raise ValueError(expected) from None
    if not all(_is_listen(one) for one in found):
        raise ValueError(expected)
    return found


def count(value: Toml) -> int:
    """A whole number above zero."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("a whole number above zero")
    return value


def count_or_none(value: Toml) -> int:
    """A whole number, or zero."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("a whole number, 0 or more")
    return value


def size(value: Toml) -> int:
    """Bytes, from a text like "64 MiB" or a number of bytes."""
    expected = 'a size like "64 MiB"'
    if isinstance(value, str):
        found = _SIZE.fullmatch(value.strip())
        if found is None:
            raise ValueError(expected)
        value = int(float(found[1]) * _BYTES[found[2]])
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(expected)
    return value


def words(*known: str) -> Callable[[Toml], tuple[str, ...]]:
    """A shape: one of these words, or a list of them."""

    def read(value: Toml) -> tuple[str, ...]:
        expected = f"one of {', '.join(known)}, or a list of them"
        if not isinstance(value, str | list):
            raise ValueError(expected)
        found = one_or_more(value)
        if not set(found) <= set(known):
            raise ValueError(expected)
        return found

    return read


def time_of_day(value: Toml) -> str:
    """A time of day "HH:MM"; gives that."""
    found = moment(value)
    if not _CLOCK.fullmatch(found):
        raise ValueError('a time of day like "03:30"')
    return found


def moment(value: Toml) -> str:
    """A time of day "HH:MM", or a day with one; gives "HH:MM" or "YYYY-MM-DDTHH:MM"."""
    expected = 'a time of day like "22:00", or a moment like 2027-01-31T22:00:00'
    if isinstance(value, datetime.datetime):
        if value.tzinfo is not None:
            raise ValueError(f"{expected}, in this machine's time, without a zone")
        return value.isoformat(timespec="minutes")
    if isinstance(value, datetime.time):
        return value.isoformat(timespec="minutes")
    found = text(value)
    if _CLOCK.fullmatch(found):
        return found
    try:
        parsed = datetime.datetime.fromisoformat(found)
    except ValueError:
        raise ValueError(expected) from None
    if len(found) == len("2027-01-31") or parsed.tzinfo is not None:
        raise ValueError(expected)
    return parsed.isoformat(timespec="minutes")


def prefix(value: Toml) -> str:
    """The beginning of a path, with no slash at its end."""
    found = text(value).rstrip("/")
    if not _PREFIX.fullmatch(found):
        raise ValueError('the beginning of a path, like "/chroma"')
    return found


def _is_listen(written: str) -> bool:
    host, _, port = written.rpartition(":")
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        return False
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return bracketed == (address.version == 6)


#: Days of the week.
days = words(*DAYS)


def options(value: Toml) -> dict[str, bool | int | float | str]:
    """Options with which a model is loaded: names with numbers, texts or true and false."""
    expected = "a table like {num_ctx = 8192}"
    if not isinstance(value, dict) or len(value) > MAX_OPTIONS:
        raise ValueError(expected)
    if not all(isinstance(one, bool | int | float | str) for one in value.values()):
        raise ValueError(expected)
    return dict(value)


#: Options in one table; an engine has about twenty.
MAX_OPTIONS = 50
