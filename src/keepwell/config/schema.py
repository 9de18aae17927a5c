"""The sections and keys of keepwell.toml, declared once: reading, checking and documentation follow from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from keepwell.config import shapes


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key: its name, its shape, whether it must be there, and what it means.

    `field` is its name in the dataclass, "" for the same; `choice` names a set of words that the caller gives.
    """

    name: str
    shape: Callable[[object], object]
    help: str
    required: bool = False
    field: str = ""
    choice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A table, or a list of tables (`several`)."""

    name: str
    several: bool
    help: str
    keys: tuple[Key, ...]


SECTIONS: tuple[Section, ...] = (
    Section(
        name="node",
        several=True,
        help="A machine. This one is always known and needs no entry.",
        keys=(
            Key(name="name", shape=shapes.label, required=True, help="label, used in every report"),
            Key(name="address", shape=shapes.address, help="IP address or host name"),
            Key(name="tags", shape=shapes.texts, help="free words to group by"),
        ),
    ),
    Section(
        name="engine",
        several=True,
        help="An engine that should be there. One that runs now is found without an entry.",
        keys=(
            Key(name="kind", shape=shapes.text, required=True, choice="kind", help="which engine it is"),
            Key(name="url", shape=shapes.url, required=True, help="its address"),
            Key(
                name="node", shape=shapes.label, choice="node", help="the machine that it runs on; this one if left out"
            ),
            Key(name="name", shape=shapes.label, help="label"),
            Key(name="tags", shape=shapes.texts, help="free words to group by"),
            Key(name="start", shape=shapes.argv, help="the command that starts it, as a list"),
            Key(name="environment_file", shape=shapes.path, help="file of NAME=value lines that it is started with"),
            Key(name="log", shape=shapes.path, help="file that it logs to"),
            Key(name="models_folder", shape=shapes.path, help="folder of its model files"),
            Key(name="unit", shape=shapes.text, help="its systemd unit, launchd label or container"),
            Key(name="user", shape=shapes.user, help="the user that it runs as"),
            Key(name="api_key", shape=shapes.secret, help='where its key stands: {env = "NAME"} or {file = "/path"}'),
        ),
    ),
    Section(
        name="diagnose",
        several=False,
        help="How to look.",
        keys=(
            Key(name="since", shape=shapes.duration, field="since_seconds", help="age of the oldest log line to read"),
            Key(name="level", shape=shapes.level, help="highest level of probes, 1 to 4"),
            Key(name="expect_origin", shape=shapes.origins, help="origins that every engine must accept"),
        ),
    ),
)
