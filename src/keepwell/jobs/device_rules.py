"""Devices and windows as keepwell.toml alone tells of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from keepwell.config.model import Config
from keepwell.config.window_model import WindowEntry
from keepwell.config.window_schema import name_device
from keepwell.core.hours import Hours
from keepwell.turns.deciding import EVERYTHING
from keepwell.turns.words import Device, Over, Rules, Window

_OVER: Mapping[str, Over] = {"stop": "stop", "go-on": "go-on"}


def make_plain_rules(config: Config, here: str, found: Mapping[str, int], nodes: Iterable[str] = ()) -> Rules:
    """Every device that is declared, that a window names, or that was `found` (with its bytes of memory, 0 where that
    is not known), and every node as a whole, the `nodes` among them. `here` is this machine's name. Of engines nothing
    is said.
    """
    sizes = {name_device(one.name, here): one.memory_bytes for one in config.devices}
    windows = tuple(_window(one, here) for one in config.windows)
    names = {*sizes, *found, *(one.device for one in windows), here, *nodes, *(one.name for one in config.nodes)} - {""}
    names |= {name.partition("/")[0] for name in names}
    devices = (Device(name=name, memory_bytes=sizes.get(name) or found.get(name, 0)) for name in sorted(names))
    return Rules(devices=tuple(devices), windows=windows)


def _window(entry: WindowEntry, here: str) -> Window:
    unload = entry.unload
    if unload is None:
        unload = EVERYTHING[: not entry.memory_bytes]
    return Window(
        device=name_device(entry.device, here),
        holders=entry.holders,
        hours=Hours(entry.begin, entry.end, entry.days),
        memory_bytes=entry.memory_bytes,
        unload=unload,
        over=_OVER[entry.over],
        grace_seconds=entry.grace_seconds,
    )
