"""The issue file of a draft: what was peculiar about its first incident, as evidence that an owner may edit."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from importlib.resources import files

from keepwell.diagnose.catalogue import Catalogue
from keepwell.learning.likeness import find_stems
from keepwell.scan.pattern import check_pattern
from keepwell.store.lessons import Lesson

#: Lines that become evidence, those of the rarest words first.
LINES = 3
#: Shortest and longest stretch of a line that becomes a pattern.
LEAST_CHARS, MOST_CHARS = 12, 120
#: Words of a line that ordinary logs do not hold, at least: a line of fewer is no sign of anything.
RARE_WORDS = 2
#: Log odds of a line that was seen in one incident, and of a check that was bad in it and of its being well.
LINE_WEIGHT, CHECK_WEIGHT, CHECK_OK_WEIGHT = 3.0, 3.0, -3.0
#: The share of incidents of a cause that was seen once here and never elsewhere.
PRIOR = 0.01
#: Characters of a case's text.
CASE_CHARS = 8000

# What tells one machine or day from another, in a line: written as a gap in its pattern.
_GAP = re.compile(r"<[a-z][a-z0-9-]*-\d+>|\S*/\S*|\S*\d\S*|'[^']*'|\"[^\"]*\"")
#: How a file begins that keepwell made: it counts once its cause was confirmed often enough. One without this line is
#: its owner's, and counts at once.
HEAD = "# Made by keepwell from closed incidents; a draft until confirmed. Edit it freely: only cases are added.\n"


def draft_file(lesson: Lesson, catalogue: Catalogue) -> str:
    """The text of the file. Its evidence are lines that neither the catalogue explains nor healthy engines write."""
    parts = [
        HEAD,
        f"title = {_quote(lesson.title or lesson.cause.replace('-', ' '))}\n",
        'family = "own"\n',
        f"definition = {_quote(lesson.words or lesson.title or lesson.cause)}\n",
        f"prior = {PRIOR}\n",
    ]
    patterns = propose_patterns(lesson.text, catalogue)
    parts += [
        _evidence("a line that no known cause explains", f"match = [{_quote(one)}]", LINE_WEIGHT) for one in patterns
    ]
    for check in lesson.checks:
        name = f"check = {_quote(check)}"
        parts.append(_evidence(f"{check} found something wrong", name, CHECK_WEIGHT))
        parts.append(_evidence(f"{check} is well", f'{name}\nstatus = "ok"', CHECK_OK_WEIGHT))
    if not patterns and not lesson.checks:
        parts.append(_evidence("it is named", f"match = [{_quote(re.escape(lesson.cause))}]", 1.0))
    if lesson.fixed_by:
        parts.append(f'\n[[fixes]]\nsupervisor = "any"\nsay = {_quote(lesson.fixed_by)}\n')
    return add_case("".join(parts), lesson)


def add_case(content: str, lesson: Lesson) -> str:
    """The file with this incident as a further case; the same when it is there or has no text."""
    name = f"name = {_quote(f'incident {lesson.id}')}"
    if not lesson.text.strip() or name in content:
        return content
    return f"{content.rstrip()}\n\n[[case]]\n{name}\ntext = {_quote(lesson.text[:CASE_CHARS])}\n"


def propose_patterns(text: str, catalogue: Catalogue) -> list[str]:
    """Patterns of the lines that tell this trouble from any other: of rare words, explained by nothing known."""
    usual = ordinary_words()
    found: dict[str, float] = {}
    explained = _explained_lines(text, catalogue)
    for number, line in enumerate(text.split("\n"), 1):
        pattern = pattern_of(line)
        rare = set(find_stems(_GAP.sub(" ", line))) - usual.keys()
        if pattern and len(rare) >= RARE_WORDS and number not in explained:
            found.setdefault(pattern, len(rare) / (1.0 + len(pattern) / MOST_CHARS))
    ranked = sorted(found, key=found.__getitem__, reverse=True)
    return [one for one in ranked if not check_pattern(one)][:LINES]


def pattern_of(line: str) -> str:
    """A line as a pattern: its longest stretch of words, with gaps for what is particular; "" for too short a one."""
    pieces = [piece.strip() for piece in _GAP.split(line)]
    kept = [re.escape(piece[:MOST_CHARS]) for piece in pieces if len(piece) >= 4]
    pattern = ".{1,200}".join(kept)[: 4 * MOST_CHARS]
    if sum(len(piece) for piece in pieces) < LEAST_CHARS or not kept:
        return ""
    if len(".{1,200}".join(kept)) > 2 * MOST_CHARS:
        pattern = max(kept, key=len)
    return pattern.replace("\\ ", " ").replace("\\-", "-")


@cache
def ordinary_words() -> Counter[str]:
    """Stems of what healthy engines write."""
    return Counter(find_stems((files("keepwell.scan") / "ordinary.log").read_text("utf-8")))


def _explained_lines(text: str, catalogue: Catalogue) -> frozenset[int]:
    """Numbers (from 1) of the lines that strong evidence of a known cause matches."""
    hits = catalogue.get_scanner().scan((text.encode("utf-8", "replace"),)).hits
    return frozenset(line.number for pattern in hits.keys() & catalogue.faults for line in hits[pattern].lines)


def _evidence(say: str, clue: str, weight: float) -> str:
    return f'\n[[evidence]]\nsay = {_quote(say)}\n{clue}\nweight = {weight:g}\norigin = "learned"\n'


def _quote(text: str) -> str:
    """A TOML basic string: JSON's is one, but for the character DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
