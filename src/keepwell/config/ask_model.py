"""What keepwell.toml declares for `keepwell ask`."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.config.secret_reference import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class AskEntry:
    """The model that is asked: `url` is the server's address ("" for the gateway, or an engine of this machine),
    `model` its name there ("" for the largest in memory), `key` where the server's key stands.

    `hosted`: the server is somebody else's, and the owner agrees that what was seen goes there, redacted.
    """

    url: str = ""
    model: str = ""
    key: Secret | None = None
    hosted: bool = False
