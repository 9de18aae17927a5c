"""From an entry to the lines of keepwell.toml that mean it: the way back from reading, by the same declarations."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping

from keepwell.config.gateway_model import GatewayEntry, ReservationEntry, RouteEntry
from keepwell.config.model import (
    DecisionEntry,
    DiagnoseOptions,
    EngineEntry,
    NetworkEntry,
    NodeEntry,
    Secret,
    ServiceEntry,
)
from keepwell.config.objective_model import ObjectiveEntry
from keepwell.config.schema import SECTIONS
from keepwell.config.sections import Section

_BARE = re.compile(r"[A-Za-z0-9_-]+")
#: Columns of a comment.
COMMENT_COLUMNS = 100

Entry = (
    NodeEntry
    | NetworkEntry
    | ServiceEntry
    | DecisionEntry
    | EngineEntry
    | DiagnoseOptions
    | GatewayEntry
    | RouteEntry
    | ReservationEntry
    | ObjectiveEntry
)


def render_entry(entry: Entry) -> list[str]:
    """The lines of one entry, its header first; what is left at its default is left out."""
    (section,) = [one for one in SECTIONS if one.entry is type(entry)]
    header = f"[{section.name}]"
    if section.several:
        header = f"[{header}]"
    return [header, *_keys(section, entry)]


def render_value(value: object) -> str:
    """A value as TOML writes it: texts, numbers, flags, lists of them, and references to secrets."""
    if isinstance(value, Secret):
        if value.env:
            return f"{{env = {render_value(value.env)}}}"
        return f"{{file = {render_value(value.file)}}}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{render_key(str(name))} = {render_value(one)}" for name, one in value.items()) + "}"
    if isinstance(value, bool):
        return {True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, tuple):
        return f"[{', '.join(render_value(one) for one in value)}]"
    return '"' + "".join(_escape(char) for char in str(value)) + '"'


def render_key(name: str) -> str:
    """A key as TOML writes it: bare where it may be."""
    if _BARE.fullmatch(name):
        return name
    return render_value(name)


def render_duration(seconds: float) -> str:
    """A length of time as a person writes it in the file: "90s", "30m", "6h", "2d"."""
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:g}s"


def _escape(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char.isprintable():
        return char
    return f"\\U{ord(char):08x}"


def _keys(section: Section, entry: Entry) -> Iterator[str]:
    plain = type(entry).__dataclass_fields__
    for key in section.keys:
        name = key.field or key.name
        value = getattr(entry, name)
        if key.required or value not in (plain[name].default, {}):
            yield f"{key.name} = {render_value(value)}"


def today(now: float) -> str:
    """The day of a time in seconds since the epoch, UTC."""
    return datetime.datetime.fromtimestamp(now, datetime.UTC).date().isoformat()
