"""What a value in keepwell.toml may look like: one function a shape, from a TOML value to the checked one.

Each raises ValueError with what was expected, in words for a person.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import urlsplit

from keepwell.config.home import find_home
from keepwell.config.model import Secret

#: Characters of one text; longer ones are pasted by mistake.
TEXT_CHARACTERS = 4096
#: Items of one list.
LIST_ITEMS = 256

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}\$?")
_LOGIN = re.compile(rf"{_USER.pattern}(@[A-Za-z][A-Za-z0-9._-]{{0,31}}(![A-Za-z][A-Za-z0-9._-]{{0,127}})?)?")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,255}")

Toml: TypeAlias = object


def text(value: Toml) -> str:
    """A text of one line that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text")
    if len(value) > TEXT_CHARACTERS or any(ord(one) < 32 or ord(one) == 127 for one in value):
        raise ValueError(f"a text of one line, up to {TEXT_CHARACTERS} characters")
    return value


def label(value: Toml) -> str:
    """A text without a slash, so that it can stand in an address like `engine:gpu01/name`."""
    found = text(value)
    if "/" in found:
        raise ValueError("a name without a slash")
    return found


def texts(value: Toml) -> tuple[str, ...]:
    """A list of texts."""
    if not isinstance(value, list) or len(value) > LIST_ITEMS:
        raise ValueError(f"a list of up to {LIST_ITEMS} texts")
    try:
        return tuple(text(one) for one in value)
    except ValueError as error:
        raise ValueError(f"a list whose every item is {error}") from None


def argv(value: Toml) -> tuple[str, ...]:
    """A command as a list: the program, then its arguments (which may be empty texts)."""
    expected = 'a list like ["program", "argument"]; no shell reads it, so quotes and $ stand for themselves'
    if not isinstance(value, list) or not value or len(value) > LIST_ITEMS:
        raise ValueError(expected)
    if not all(isinstance(one, str) and "\0" not in one for one in value) or not value[0]:
        raise ValueError(expected)
    return tuple(value)


def path(value: Toml) -> str:
    """An absolute path, `~/` allowed for the home folder of who reads the file."""
    found = text(value)
    if found.startswith("~/"):
        found = str(find_home() / found[2:])
    if not found.startswith("/"):
        raise ValueError("an absolute path")
    return found


def url(value: Toml) -> str:
    """`http://host:port` or https, without login and trailing slash."""
    expected = 'an address like "http://127.0.0.1:11434"'
    found = text(value)
    try:
        parts = urlsplit(found)
        port = parts.port
    except ValueError:
        raise ValueError(expected) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or " " in found:
        raise ValueError(expected)
    if parts.username is not None or parts.password is not None:
        raise ValueError(f'{expected} without a login in it; give a key with api_key = {{env = "NAME"}}')
    if parts.query or parts.fragment:
        raise ValueError(f"{expected} without a query")
    return found.rstrip("/")


def origin(value: Toml) -> str:
    """The origin of a web page, as a browser sends it."""
    found = text(value)
    parts = urlsplit(found)
    if not parts.scheme or not parts.netloc or parts.path or parts.query:
        raise ValueError('an origin like "https://chat.example.lan", without a path')
    return found


def origins(value: Toml) -> tuple[str, ...]:
    """A list of origins."""
    if not isinstance(value, list) or len(value) > LIST_ITEMS:
        raise ValueError('a list of origins like ["https://chat.example.lan"]')
    return tuple(origin(one) for one in value)


def address(value: Toml) -> str:
    """An IP address or host name."""
    found = text(value)
    if any(one in found for one in "/ @") or found.count(":") == 1:
        raise ValueError('an IP address or a host name, without scheme and port, like "192.168.1.20"')
    return found


def duration(value: Toml) -> float:
    """Seconds, from a number of seconds or a text like "90s", "15m", "2h", "1d"."""
    expected = 'a time like "90s", "15m", "2h" or "1d"'
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(expected)
    if isinstance(value, str):
        found = _DURATION.fullmatch(value.strip())
        if found is None:
            raise ValueError(expected)
        value = float(found[1]) * _SECONDS[found[2]]
    if not 0 < value < float("inf"):
        raise ValueError(f"{expected}, more than zero")
    return float(value)


def level(value: Toml) -> int:
    """A level of diagnosis."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 4:
        raise ValueError("a level: 1 basic, 2 infrastructure, 3 integration, 4 performance")
    return value


def one_of(*words: str) -> Callable[[Toml], str]:
    """A shape: one of these words."""

    def read(value: Toml) -> str:
        if value not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return str(value)

    return read


def port(value: Toml) -> int:
    """A TCP port."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        raise ValueError("a port, 1 to 65535")
    return value


def flag(value: Toml) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError("true or false, without quotes")
    return value


def positive(value: Toml) -> float:
    """A number above zero."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ValueError("a number above zero")
    return float(value)


def fingerprint(value: Toml) -> str:
    """A SHA-256 in hex, colons and capitals allowed; gives 64 lower-case digits."""
    digits = text(value).replace(":", "").lower()
    if not _FINGERPRINT.fullmatch(digits):
        raise ValueError("a SHA-256 fingerprint: 64 hexadecimal digits, as `keepwell agent` prints it")
    return digits


def host_and_port(value: Toml) -> str:
    """`host:port`, an IPv6 address in brackets."""
    found = text(value)
    host, colon, number = found.rpartition(":")
    if not (host and colon and number.isascii() and number.isdigit() and 1 <= int(number) <= 65535):
        raise ValueError('a host and port like "192.168.1.20:3000"')
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise ValueError('an IPv6 address in brackets, like "[fd00::1]:3000"')
    return found


def date(value: Toml) -> str:
    """A day, as TOML's own date or as text; gives YYYY-MM-DD."""
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value.isoformat()
    try:
        return datetime.date.fromisoformat(text(value)).isoformat()
    except ValueError:
        raise ValueError("a day like 2027-01-31") from None


def user(value: Toml) -> str:
    """The name of a system user."""
    found = text(value)
    if not _USER.fullmatch(found):
        raise ValueError("the name of a system user")
    return found


def login(value: Toml) -> str:
    """The name of a system user, or of one of an API: user@realm, user@realm!token."""
    found = text(value)
    if not _LOGIN.fullmatch(found):
        raise ValueError("the name of a system user, or user@realm, or user@realm!token")
    return found


def secret(value: Toml) -> Secret:
    """A reference to a secret. The message for a secret in clear does not repeat it."""
    expected = '{env = "NAME_OF_VARIABLE"} or {file = "/path/to/key"}'
    if isinstance(value, str):
        raise ValueError(f"{expected}; a key must not stand in this file in clear")
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError(expected)
    name, where = next(iter(value.items()))
    if name == "env" and isinstance(where, str) and _VARIABLE.fullmatch(where):
        return Secret(env=where)
    if name == "file":
        return Secret(file=path(where))
    raise ValueError(expected)
