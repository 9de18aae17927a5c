"""A request's JSON object read field by field: null is what is not set, another type than is meant is Unreadable."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping

import msgspec

from keepwell.plugins.asked import Json
from keepwell.plugins.codec import Unreadable
from keepwell.plugins.wire_json import read_body

#: Numbers above are none that a request means (and more than 64 bits cannot be written again everywhere).
MOST = 2**31 - 1
_decode: Callable[[bytes], Json] = msgspec.json.Decoder().decode


def read_object(body: bytes) -> dict[str, Json]:
    """The fields of a body. Raises Unreadable where it is no JSON object."""
    found = read_body(body, _decode)
    if not isinstance(found, dict):
        raise Unreadable("the body is no JSON object")
    return found


def read_text(found: Mapping[str, Json], name: str) -> str:
    """A text, "" where it is not set. Raises Unreadable."""
    value = found.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Unreadable(f"{name} has to be a text")
    return value


def read_count(found: Mapping[str, Json], name: str) -> int | None:
    """A whole number above 0 in 31 bits, None where it is not set. Raises Unreadable."""
    value = found.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST:
        raise Unreadable(f"{name} has to be a whole number from 1 to {MOST}")
    return value


def read_flag(found: Mapping[str, Json], name: str) -> bool | None:
    """True or false, None where it is not set. Raises Unreadable."""
    value = found.get(name)
    if value is None or isinstance(value, bool):
        return value
    raise Unreadable(f"{name} has to be true or false")


def read_fields(found: Mapping[str, Json], name: str) -> dict[str, Json]:
    """An object, {} where it is not set. Raises Unreadable."""
    value = found.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Unreadable(f"{name} has to be an object")
    return value


def find_unknown(found: Mapping[str, Json], known: Container[str]) -> tuple[str, ...]:
    """Names of what is set beside these fields, sorted."""
    return tuple(sorted(name for name, value in found.items() if name not in known and value is not None))
