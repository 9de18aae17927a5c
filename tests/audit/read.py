"""What the tests of this folder read with: everything that is known, and a file from its text."""

from __future__ import annotations

from keepwell.audit.document import Document, Source, read_document
from keepwell.audit.target import Target
from keepwell.audit.tongue import find_tongue
from keepwell.plugins.uses import load_knowledge

HERE = Target()


def read(path: str, text: str, target: Target = HERE) -> Document:
    """The document of a file of this name."""
    tongue = find_tongue(path, text.partition("\n")[0])
    return read_document(Source(path=path, text=text, tongue=tongue), load_knowledge(), target)


def verdicts(path: str, text: str, target: Target = HERE) -> list[tuple[int, str, str]]:
    """Line, what was found, and what becomes of it."""
    return [(one.line, one.what, one.verdict) for one in read(path, text, target).uses]


def changed(path: str, text: str, target: Target = HERE) -> dict[int, str]:
    """The new lines by number."""
    return read(path, text, target).changed
