"""Load: how requests are sent to what is measured, as data. No clock, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

#: concurrent: so many at a time, each client sends when its last answer is there. constant, poisson: so many a second,
#: whatever is answered. ramp: from `rate` to `rate_to`, evenly. replay: each request at its own instant.
LoadShape: TypeAlias = Literal["concurrent", "constant", "poisson", "ramp", "replay"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One stretch of load. It ends after `seconds` or `requests`, whichever comes first (0: not by this).

    `clients` are those of a concurrent load, and the most at a time of any other (0: no such limit); rates are requests
    a second; `seed` makes the instants of a Poisson load the same again. `warm` requests at its begin are not counted.
    """

    shape: LoadShape = "concurrent"
    clients: int = 1
    rate: float = 0.0
    rate_to: float = 0.0
    seconds: float = 0.0
    requests: int = 0
    warm: int = 0
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One request to be sent: the path below the engine's address, and its body as the engine takes it.

    `at` is its own instant, in seconds from the begin, for a replay. `after` is the number of the prompt that must be
    answered before this one (the turn before it in a conversation), -1 for none. `follow` makes the next turn of a
    conversation from the body of this one's good answer, b"" of an engine that said nothing; None ends it.
    """

    path: str
    body: bytes
    model: str
    stream: bool = True
    at: float = 0.0
    after: int = -1
    input_tokens: int = -1
    output_tokens: int = -1
    follow: Callable[[bytes], Prompt | None] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What is measured: the engine's address as it is asked, and what is known of it.

    `engine` is the Ref of an engine or route as text, `kind` the engine's name, `digest` the model's; `settings` and
    `hardware` are names and values as the engine and node tell them. "" and left out: not known.
    """

    url: str
    engine: str = ""
    node: str = ""
    kind: str = ""
    version: str = ""
    model: str = ""
    digest: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    hardware: Mapping[str, str] = field(default_factory=dict)
