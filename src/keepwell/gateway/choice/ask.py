"""What the scheduler is asked and what it answers. Frozen data; no I/O, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import msgspec

from keepwell.plugins.routing import Replica

#: The order in which waiting requests are served.
PRIORITIES: Mapping[str, int] = {"interactive": 0, "normal": 1, "batch": 2}
#: The priority of what gives way to everything else.
BATCH = PRIORITIES["batch"]
#: How a try on a replica ended. "gone": the client left; "refused": no connection, "sick": a 5xx, "silent": no first
#: byte in time, "cut": the stream broke, "stalled": no byte for too long, "busy": the engine said that it is full.
Outcome: TypeAlias = Literal["well", "gone", "refused", "sick", "silent", "cut", "stalled", "busy"]
#: Outcomes that speak against the replica.
BAD: frozenset[str] = frozenset({"refused", "sick", "silent", "cut", "stalled", "busy"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A public model name: the replicas behind it with the name that each knows the model by.

    `out` tells of further replicas why they do not answer for it. `fallback` is the route that is tried where none of
    these can; `waiting` how many may wait, `wait_seconds` how long. `priority` is that of its requests, -1 for their
    key's own. `comments`: a stream that waits is kept open with comments, so its status is told before it is known.
    `moved_from` is the route whose requests these are, where a share of them is moved (see `splits`).
    """

    name: str
    replicas: Mapping[str, str]
    policy: tuple[str, ...] = ("resident", "least_work")
    fallback: str = ""
    waiting: int = 256
    wait_seconds: float = 60.0
    priority: int = -1
    comments: bool = False
    out: Mapping[str, str] = field(default_factory=dict)
    moved_from: str = ""


class Start(msgspec.Struct, frozen=True):
    """Send it there, under this model name. `cold`: the model is not in that replica's memory, as far as is known.
    `to` is that replica where the request has to be translated for it.
    """

    ask: int
    replica: str
    model: str
    cold: bool = False
    to: Replica | None = None


class Wait(msgspec.Struct, frozen=True):
    """It waits: how many are before it, and the expected seconds."""

    ask: int
    position: int
    seconds: float


class Refuse(msgspec.Struct, frozen=True):
    """It cannot be served: HTTP status, one word, a sentence, seconds after which to ask again, how many wait already
    (-1 where that is not why).
    """

    ask: int
    status: int
    kind: str
    message: str
    retry_seconds: float = 0.0
    ahead: int = -1


Effect: TypeAlias = Start | Wait | Refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Why a replica is or is not a candidate; `why` is "" for one that is. `into` are dialects of it that a request can
    be translated into, where it does not speak the request's own.
    """

    replica: str
    why: str
    outstanding: int
    chosen: bool = False
    into: tuple[str, ...] = ()
