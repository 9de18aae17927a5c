"""One wish in the words of no client, and what came back: each official client asks it in its documented way."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

#: A picture of one pixel, in base64.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CITY = {"type": "object", "properties": {"city": {"type": "string", "enum": ["Paris"]}}, "required": ["city"]}
ZONE = {"type": "object", "properties": {"zone": {"type": "string", "enum": ["CET"]}}, "required": ["zone"]}
#: The tools that are offered, by name, and the arguments and results of their calls.
TOOLS: dict[str, dict[str, Any]] = {"weather": CITY, "hour": ZONE}
ARGUMENTS = {"weather": {"city": "Paris"}, "hour": {"zone": "CET"}}
RESULTS = {"weather": "sunny", "hour": "noon"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A request. `tools`: "offer" both, "must" call the first one, "results" of both are there."""

    model: str
    user: str = "count"
    stream: bool = False
    system: str = ""
    stop: str = ""
    seed: int | None = None
    temperature: float | None = None
    tools: str = ""
    json: str = ""
    image: bool = False
    odds: bool = False
    max_tokens: int = 6


@dataclass(slots=True)
class Said:
    """An answer: its text, calls with their arguments, why it ended, tokens, pieces of a stream, tokens with odds."""

    text: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    reason: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    pieces: int = 0
    odds: int = 0

    def call(self, name: str, arguments: str) -> None:
        """One more call, its arguments as JSON text."""
        self.calls.append((name, json.loads(arguments)))


class NoSuchCall(Exception):
    """The client has no way to say this."""


Asker: TypeAlias = Callable[[Wish], Said]


def only(wish: Wish, *fields: str) -> None:
    """NoSuchCall if the wish holds anything of this that was set."""
    for name in fields:
        if getattr(wish, name):
            raise NoSuchCall(name)
