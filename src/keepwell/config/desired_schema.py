"""[[desired]] of keepwell.toml: what some nodes ought to be like. The tables below it are declared by steps."""

from __future__ import annotations

from keepwell.config import shapes, wish_shapes
from keepwell.config.desired_model import DesiredEntry
from keepwell.config.sections import Key, Section

DESIRED_SECTIONS: tuple[Section, ...] = (
    Section(
        name="desired",
        several=True,
        help="What some nodes ought to be like, by lists of tables below it; what differs is told, planned and mended.",
        entry=DesiredEntry,
        field="desired",
        distinct=("name",),
        keys=(
            Key(name="name", shape=shapes.label, help="label"),
            Key(
                name="nodes", shape=shapes.texts, choice="node", help="the machines; without nodes and tags, every one"
            ),
            Key(name="tags", shape=shapes.texts, choice="tag", help="the machines that have one of these tags"),
            Key(
                name="baseline", shape=shapes.label, choice="node", help="the machine that gives what tables leave out"
            ),
            Key(name="repository", shape=wish_shapes.repository, help="Git repository of the files that tables name"),
            Key(name="revision", shape=wish_shapes.revision, help="branch, tag or commit of it; HEAD if left out"),
        ),
    ),
)
