"""What keepwell.toml declares of devices and of the time on them: what there is to share, and whose it is when."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceEntry:
    """A GPU of a node, or another device: its `name` ("gpu01/0"; "0" is this machine's), what memory jobs and models
    share (bytes, 0: as its driver says), and the engines whose models lie on it (labels or replicas, () for all of its
    node).
    """

    name: str
    memory_bytes: int = 0
    engines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowEntry:
    """Hours in which a device, or all of a node, is for some jobs.

    `begin` and `end` are "HH:MM" on each of `days` ("mon" to "sun", () for every day; an end before its begin is on the
    next day), of this machine's time. `holders` are names of jobs or patterns of them. They have all of it, or
    `memory_bytes` of it together where that is not 0. `unload` are patterns of the models that leave memory before
    (None: all where they have all of it, else none). `over` is what becomes of one that runs at the end and
    `grace_seconds` longer: "stop" or "go-on".
    """

    device: str
    holders: tuple[str, ...]
    begin: str
    end: str
    days: tuple[str, ...] = ()
    exclusive: bool | None = None
    memory_bytes: int = 0
    unload: tuple[str, ...] | None = None
    over: str = "stop"
    grace_seconds: float = 60.0
