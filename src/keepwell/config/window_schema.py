"""The sections of keepwell.toml about devices and whose time they are; see `schema`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from keepwell.config import gateway_shapes, shapes
from keepwell.config.gateway_rules import Disagreement, Tables
from keepwell.config.sections import Key, Section
from keepwell.config.window_model import DeviceEntry, WindowEntry

_DEVICE_NAME = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]*/)?[0-9]{1,3}")
_DEVICE_OR_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[0-9]{1,3})?")


def device_name(value: shapes.Toml) -> str:
    """A device: its node and number, or the number alone for one of this machine."""
    found = shapes.text(value)
    if not _DEVICE_NAME.fullmatch(found):
        raise ValueError('a device like "gpu01/0", or "0" for this machine\'s first')
    return found


def device_or_node(value: shapes.Toml) -> str:
    """A device as above, or a node: all of its devices."""
    found = shapes.text(value)
    if not _DEVICE_OR_NODE.fullmatch(found):
        raise ValueError('a device like "gpu01/0" or a node like "gpu01"')
    return found


def device_share(value: shapes.Toml) -> tuple[str, int]:
    """A device or node, and how many bytes of its memory (0: all of it), from "gpu01/0" or "gpu01/0:8 GiB"."""
    device, colon, share = shapes.text(value).partition(":")
    if not colon:
        return device_or_node(device), 0
    return device_or_node(device), gateway_shapes.size(share)


def duration_or_none(value: shapes.Toml) -> float:
    """Seconds, from a text like "90s", or "0s" for none."""
    if value == "0s":
        return 0.0
    return shapes.duration(value)


def name_device(written: str, here: str) -> str:
    """With its node: "0" is this machine's first."""
    if written.isascii() and written.isdigit():
        return f"{here}/{written}"
    return written


_DEVICE = (
    Key(name="name", shape=device_name, required=True, help='node and number: "gpu01/0"; "0" is of this machine'),
    Key(
        name="memory",
        shape=gateway_shapes.size,
        field="memory_bytes",
        help='its memory, that models and jobs share: "24 GiB"; left out, nobody can have a part of it',
    ),
    Key(
        name="engines",
        shape=gateway_shapes.one_or_more,
        help="engines whose models lie on it: names, or replicas; all of its node if left out",
    ),
)

_WINDOW = (
    Key(name="device", shape=device_or_node, required=True, help='the device, "gpu01/0", or the node: all of it'),
    Key(
        name="for",
        shape=gateway_shapes.one_or_more,
        field="holders",
        required=True,
        help="names of jobs and batches whose time it is; may hold * for anything. They run in such hours only",
    ),
    Key(name="from", shape=gateway_shapes.time_of_day, field="begin", required=True, help='when it begins: "22:00"'),
    Key(
        name="to", shape=gateway_shapes.time_of_day, field="end", required=True, help="when it ends, written like from"
    ),
    Key(name="days", shape=gateway_shapes.days, help="the days it begins on, mon to sun; every day if left out"),
    Key(name="exclusive", shape=shapes.flag, help="they have all of the device: so it is where memory is left out"),
    Key(
        name="memory",
        shape=gateway_shapes.size,
        field="memory_bytes",
        help='they have so much of its memory together: "16 GiB"; requests are served beside',
    ),
    Key(
        name="unload",
        shape=shapes.texts,
        help="models that leave memory before, and come back after: names, may hold *; "
        "all of the device where it is exclusive, else none",
    ),
    Key(
        name="over",
        shape=shapes.one_of("stop", "go-on"),
        help="what becomes of a job that runs at the end: stop (the usual), or go-on until it ends by itself",
    ),
    Key(
        name="grace",
        shape=duration_or_none,
        field="grace_seconds",
        help="how much longer it may run before it is stopped; 1m if left out",
    ),
)

WINDOW_SECTIONS: tuple[Section, ...] = (
    Section(
        name="device",
        several=True,
        help="A device that jobs and models share. Only what of it cannot be seen needs an entry.",
        entry=DeviceEntry,
        field="devices",
        keys=_DEVICE,
        distinct=("name",),
    ),
    Section(
        name="window",
        several=True,
        help="Hours in which a device is for some jobs: long programs (keepwell jobs) and scripts item by item.",
        entry=WindowEntry,
        field="windows",
        keys=_WINDOW,
    ),
)


def find_window_disagreements(tables: Tables) -> Iterator[Disagreement]:
    """What of windows does not go together."""
    sizes = {str(one.get("name")): int(one.get("memory_bytes", 0)) for one in tables.get("device", ())}
    for index, one in enumerate(tables.get("window", ())):
        yield from _judge(index, one, sizes)


def _judge(index: int, one: Mapping[str, Any], sizes: Mapping[str, int]) -> Iterator[Disagreement]:
    device, memory = str(one.get("device", "")), int(one.get("memory_bytes", 0))
    if memory and one.get("exclusive"):
        said = "all of a device and a part of its memory cannot both be meant"
        yield Disagreement(("window", index, "memory"), said, "exclusive or memory")
    if not memory and one.get("exclusive") is False:
        said = "how much of it they have is not said"
        yield Disagreement(("window", index, "exclusive"), said, 'memory = "16 GiB"')
    if 0 < sizes.get(device, 0) < memory:
        said = f"{device} has less memory than that"
        yield Disagreement(("window", index, "memory"), said, f"at most {sizes[device]} bytes")
    if memory and not re.search(r"(^|/)[0-9]{1,3}$", device):
        yield Disagreement(("window", index, "memory"), "memory is of one device", 'device = "NODE/0"')
