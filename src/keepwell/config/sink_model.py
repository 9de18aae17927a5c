"""What keepwell.toml declares of where numbers are sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from keepwell.config.secret_reference import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkEntry:
    """One receiver: `kind` is the name of its plug-in, `url` where it takes numbers.

    `every_seconds` is how often the newest are sent. With a `user` its `secret` is a password, without one a token.
    `headers` are sent along. `only` are beginnings of names ("device.", "engine."), () is all.
    """

    name: str
    kind: str
    url: str
    every_seconds: float = 15.0
    user: str = ""
    secret: Secret | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ()
