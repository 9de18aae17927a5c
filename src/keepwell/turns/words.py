"""What device time is told in: devices, windows, turns, and the book that holds them. Frozen data, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from keepwell.core.hours import Hours
from keepwell.core.job import ProcessId

#: Where a turn is. "early": it waits for hours that are its; "waiting": in the line; "clearing": it is the next, and
#: what is on the device ends and leaves memory; "held": it has it; "refused": it can never have it as it was asked for.
Stage: TypeAlias = Literal["early", "waiting", "clearing", "held", "refused"]
#: Stages in which a device is somebody's.
TAKEN: frozenset[str] = frozenset({"clearing", "held"})
#: What becomes of one that runs when its hours are over.
Over: TypeAlias = Literal["stop", "go-on"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device ("gpu01/0") or all of a node ("gpu01"): its memory in bytes (0: not known), the replicas whose models
    lie on it, the bytes that those have now, and whether any of them can be asked to unload.
    """

    name: str
    memory_bytes: int = 0
    replicas: tuple[str, ...] = ()
    models_bytes: int = 0
    unloads: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Hours in which a device is for some; see `keepwell.config.window_model.WindowEntry`."""

    device: str
    holders: tuple[str, ...]
    hours: Hours
    memory_bytes: int = 0
    unload: tuple[str, ...] = ()
    over: Over = "stop"
    grace_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All devices that are known, and all windows."""

    devices: tuple[Device, ...] = ()
    windows: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Device time as it is asked for, known by its `id`: for whom (a job's name), of which device, all of it or
    (`memory_bytes`) a part of its memory, and which process has it, so that it is known when that is gone.
    """

    id: str
    holder: str
    device: str
    memory_bytes: int = 0
    process: ProcessId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A wish in the book. `number` is its place in the order of coming. Seconds are of a clock that never jumps: when
    it was heard of last, since when it is in its stage, since when its hours are over (0: they are not).

    `why` is a clause for a person, `cleared` that its models have left memory, `note` what of that did not work.
    `in_window`: it has it because its hours are now. `over` and `grace_seconds` are what then holds at their end.
    """

    wish: Wish
    number: int
    stage: Stage = "waiting"
    heard: float = 0.0
    since: float = 0.0
    cleared: bool = False
    why: str = ""
    note: str = ""
    in_window: bool = False
    over_since: float = 0.0
    over: Over = "stop"
    grace_seconds: float = 0.0
    unload: tuple[str, ...] = ()

    @property
    def exclusive(self) -> bool:
        """True where it is about all of the device."""
        return not self.wish.memory_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """All turns, in the order of coming."""

    turns: tuple[Turn, ...] = ()
    next_number: int = 1

    def find(self, wish: str) -> Turn | None:
        """The turn of this wish."""
        return next((one for one in self.turns if one.wish.id == wish), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """How it is around the book at one instant. `open` are indices of the windows that are now.

    Names of devices: `pressed`, where requests of people who wait for the answer are served, or were a moment ago;
    `busy`, where any request is; `clean`, where nothing was loaded since it was cleared. `gone` are ids of wishes whose
    process is no more.
    """

    rules: Rules = field(default_factory=Rules)
    open: frozenset[int] = frozenset()
    pressed: frozenset[str] = frozenset()
    busy: frozenset[str] = frozenset()
    clean: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What who asks is told: the stage, how many are before it, why it waits or what is to be known, and `over`, where
    its hours have ended and it is to end too. `owner` is who decided: the gateway's process, 0 for the asker itself.
    """

    stage: Stage
    before: int = 0
    why: str = ""
    over: bool = False
    owner: int = 0

    @property
    def held(self) -> bool:
        """True once it may begin."""
        return self.stage == "held"

    def describe(self) -> str:
        """A clause for a person: "waiting for device time, 2 before it: requests are served there"."""
        if self.stage == "held":
            return self.why
        before = f", {self.before} before it" * bool(self.before)
        return f"waiting for device time{before}" + f": {self.why}" * bool(self.why)


def overlap(one: str, other: str) -> bool:
    """True where one is the other, or the node that it belongs to."""
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def index_devices(rules: Rules) -> Mapping[str, Device]:
    """By name."""
    return {one.name: one for one in rules.devices}
