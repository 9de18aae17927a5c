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
    `status_page`: anybody sees at /status and /badge.svg how all is; with the title `status_title`, and of nodes and
    engines those in `status_names` ("gpu01", "gpu01/NAME", or "gpu01=What it is called there"). Without
    `status_warnings` only what is critical is seen there.
    """

    listen: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    database: Secret | None = None
    smoke_at: str = ""
    mcp: bool = True
    mcp_allow_change: bool = False
    status_page: bool = False
    status_title: str = ""
    status_names: tuple[str, ...] = ()
    status_warnings: bool = True
