"""What keepwell.toml declares for the hub."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.config.secret_reference import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class HubEntry:
    """The hub: `listen` are addresses with ports for its numbers, () for the usual one; `hosts` are names by which it
    may be called. `database` says where the URL of a PostgreSQL stands that keeps requests, None for files of its own.
    `smoke_at` is the time of day "HH:MM" at which a smoke test is made every night, "" for none. `mcp`: assistants are
    answered at /mcp; with `mcp_allow_change` those whose key may can ask for changes, which a person approves.
    """

    listen: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    database: Secret | None = None
    smoke_at: str = ""
    mcp: bool = True
    mcp_allow_change: bool = False
