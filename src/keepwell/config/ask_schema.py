"""The section of keepwell.toml that is for `keepwell ask`; see `schema`."""

from __future__ import annotations

from keepwell.config import shapes
from keepwell.config.ask_model import AskEntry
from keepwell.config.sections import Key, Section

_ASK = (
    Key(
        name="url",
        shape=shapes.url,
        help="address of an OpenAI-compatible server; without it the gateway, else an engine of this machine",
    ),
    Key(name="model", shape=shapes.text, help="the model that is asked; without it the largest one in memory"),
    Key(name="key", shape=shapes.secret, help='where the server\'s key stands: {env = "NAME"} or {file = "/path"}'),
    Key(
        name="hosted",
        shape=shapes.flag,
        help="true: the server is somebody else's, and what was seen may go there without secrets and names; "
        "without it no address outside of your own network is asked",
    ),
)

ASK_SECTIONS: tuple[Section, ...] = (
    Section(
        name="ask",
        several=False,
        help="Who answers `keepwell ask`.",
        entry=AskEntry,
        field="ask",
        keys=_ASK,
    ),
)
