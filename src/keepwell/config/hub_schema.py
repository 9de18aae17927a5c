"""The section of keepwell.toml that is for the hub; see `schema`."""

from __future__ import annotations

from keepwell.config import gateway_shapes, shapes
from keepwell.config.hub_model import HubEntry
from keepwell.config.sections import Key, Section

_HUB = (
    Key(
        name="listen",
        shape=gateway_shapes.listens,
        help="IP address and port of /metrics and /health, or several; the usual one is 127.0.0.1:4001. "
        "An address that others reach needs a key: keepwell key new NAME",
    ),
    Key(name="hosts", shape=shapes.texts, help="names by which it is called; addresses need none"),
    Key(
        name="database",
        shape=shapes.secret,
        help='where the URL of a PostgreSQL stands that keeps requests: {env = "NAME"} or {file = "/path"}; '
        "without it they are kept in files",
    ),
    Key(
        name="smoke_at",
        shape=gateway_shapes.time_of_day,
        help='the time of day, like "03:30", at which each night a comprehensive smoke test of this machine and every '
        "node is made; without it none is",
    ),
    Key(
        name="mcp",
        shape=shapes.flag,
        help="assistants are answered at /mcp of the same addresses, and only read; true if left out",
    ),
    Key(
        name="mcp_allow_change",
        shape=shapes.flag,
        help="assistants with a key that may (keepwell key new NAME propose=yes) ask for changes there; each waits for "
        "a person: keepwell proposals approve ID",
    ),
    Key(
        name="status_page",
        shape=shapes.flag,
        help="anybody, without a key, sees at /status and /badge.svg how all is; false if left out",
    ),
    Key(name="status_title", shape=shapes.text, help="what stands at the top of that page"),
    Key(
        name="status_names",
        shape=shapes.texts,
        help='what that page tells of one by one: nodes ("gpu01"), engines ("gpu01/NAME"), each with "=" and another '
        "name for it if you like; none if left out: only how all of it is",
    ),
    Key(
        name="status_warnings",
        shape=shapes.flag,
        help="that page shows warnings, too; true if left out, with false only what is critical",
    ),
)

HUB_SECTIONS: tuple[Section, ...] = (
    Section(
        name="hub",
        several=False,
        help="The hub beside the gateway: numbers of all nodes.",
        entry=HubEntry,
        field="hub",
        keys=_HUB,
    ),
)
