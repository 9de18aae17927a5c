"""What docs/api.md says of kinds, of what is not there, and of who may what is so."""

from __future__ import annotations

import re
from pathlib import Path

from keepwell.api.answers import STATUSES
from keepwell.api.events import STREAMS, TOPICS
from keepwell.api.reading import BODY_BYTES
from keepwell.api.summary import describe_homepage
from keepwell.app.rights import FACE
from keepwell.app.table import operations
from tests.api.test_small import FLEET

PAPER = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")


def rows(begin: str) -> list[list[str]]:
    """The rows of the table that begins so."""
    lines = PAPER[PAPER.index(begin) :].splitlines()[2:]
    end = next(place for place, line in enumerate(lines) if not line.startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[:end]]


def words(text: str) -> set[str]:
    """What stands in code."""
    return set(re.findall(r"`([^`]+)`", text))


def test_kinds_of_errors_are_told_with_their_status() -> None:
    told = {next(iter(words(row[0]))): int(row[1]) for row in rows("| kind | status |")}
    assert told == STATUSES


def test_what_is_not_offered_is_told_with_the_reason() -> None:
    told = {word for row in rows("| command | why |") for word in words(row[0])}
    assert told == {one.name for one in operations("cli") if FACE not in one.faces}


def test_what_needs_the_right_though_it_reads_is_told() -> None:
    heavy = {one.name for one in operations(FACE) if one.heavy}
    guarded = {one.name for one in operations(FACE) if any(row.param.guarded for row in one.parameters(FACE))}
    some = {one.name for one in operations(FACE) if one.reads_without}
    told = words(PAPER[PAPER.index("- every change") : PAPER.index("Nobody names a file")])
    assert heavy | guarded | some <= told


def test_topics_fields_and_limits_are_as_they_are() -> None:
    assert {next(iter(words(row[0]))) for row in rows("| topic | tells |")} == set(TOPICS)
    assert set(describe_homepage(FLEET)) - {"schema", "at"} <= words(PAPER)
    assert f"At most {STREAMS} streams" in PAPER
    assert BODY_BYTES == 1024 * 1024
