"""What is looked at freshly before a repair is planned; made for the plan, never stored or shown."""

from __future__ import annotations

from keepwell.core.metric import Fact

DECLARED: tuple[Fact, ...] = (
    Fact(
        name="path.stat",
        about="path",
        help="What lies at a path",
        shape="mapping kind mode uid gid target ('' unless it is a link); absent when nothing is there",
    ),
    Fact(
        name="path.bytes",
        about="path",
        help="The bytes of a small file, unmasked: for a plan only",
        shape="text in which each character is one byte (Latin-1)",
    ),
)
