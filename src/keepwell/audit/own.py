"""Which lines of a file are an engine's own: its service in a compose file, its container, its unit, its image."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from keepwell.audit.mentions import find_commands, find_images
from keepwell.plugins.uses import Knowledge

_IMAGE = re.compile(r"^(?P<indent>\s*)(?P<dash>-\s+)?[\"']?image[\"']?:\s*(?P<image>\S+)")
_FROM = re.compile(r"^\s*FROM\s", re.IGNORECASE)
_START = re.compile(r"^\s*Exec\w*\s*=|^\s*Image\s*=")
#: A program that watches engines goes on watching the engines themselves.
_SCRAPES = re.compile(r"^\s*(?:scrape_configs|static_configs):\s*$|^\s*-?\s*job_name:")
_UNIT_ENDINGS = (".service", ".container")


def find_own_lines(path: str, lines: Sequence[str], known: Knowledge) -> frozenset[int]:
    """Numbers of the lines, from 0, that set up an engine itself: what is asked there is asked by the engine."""
    if _is_unit_of(path, lines, known) or _is_image_of(lines, known) or any(map(_SCRAPES.match, lines)):
        return frozenset(range(len(lines)))
    found: set[int] = set()
    for number, line in enumerate(lines):
        image = _IMAGE.match(line)
        if image and any(True for _ in find_images(image["image"], known.all.images)):
            found.update(_block(lines, number, len(image["indent"] + (image["dash"] or ""))))
    return frozenset(found)


def _is_unit_of(path: str, lines: Sequence[str], known: Knowledge) -> bool:
    """A unit that starts an engine, or a drop-in of one whose name is an engine's."""
    at = PurePosixPath(path)
    dropped = at.parent.name.endswith(".service.d")
    if dropped:
        return any(word in at.parent.name.lower() for word in known.all.words if word.isalpha())
    if not path.endswith(_UNIT_ENDINGS):
        return False
    starts = [line for line in lines if _START.match(line)]
    return _starts(starts, known)


def _starts(lines: Iterable[str], known: Knowledge) -> bool:
    own = [one for one in known.all.command if one.own]
    for line in lines:
        # a unit names its program by a whole path
        bare = re.sub(r"(?:^|(?<=[\s=\"']))/\S*/", "", line)
        if any(True for _ in find_commands(bare, own)) or any(True for _ in find_images(line, known.all.images)):
            return True
    return False


def _is_image_of(lines: Sequence[str], known: Knowledge) -> bool:
    """A Dockerfile whose last stage is made from an engine's image."""
    stages = [line for line in lines if _FROM.match(line)]
    return bool(stages) and any(True for _ in find_images(stages[-1], known.all.images))


def _block(lines: Sequence[str], at: int, indent: int) -> range:
    """The lines around one that are indented as far as it, or farther: the mapping that it stands in."""
    first = last = at
    while first > 0 and _is_inside(lines[first - 1], indent):
        first -= 1
    while last + 1 < len(lines) and _is_inside(lines[last + 1], indent):
        last += 1
    return range(first, last + 1)


def _is_inside(line: str, indent: int) -> bool:
    bare = line.lstrip()
    if not bare:
        return True
    depth = len(line) - len(bare)
    if bare.startswith("- ") and depth < indent:
        return False
    return depth >= indent
