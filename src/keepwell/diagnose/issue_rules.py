"""What an issue file must hold beyond its shape: a refuter, cases, sound signatures, fillable blanks, real rivals."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from keepwell.core.issue import Evidence, Issue
from keepwell.diagnose.issue_file import Problem, build_issue, find_line, parse_table, patterns_of
from keepwell.diagnose.lag import WORDS
from keepwell.scan.pattern import check_pattern

#: Cases that every issue file must have: one could be luck.
LEAST_CASES = 2

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
_FACT = re.compile(r"[a-z][a-z0-9_]*\Z")
# What looks like a blank to be filled; `{{.Go}}` templates and `{print $1}` of awk do not.
_BLANK = re.compile(r"(?<!\{)\{(\s*[\w.-]*\s*)\}(?!\})")


def judge_file(name: str, content: bytes, file: str) -> tuple[dict[str, Any] | None, list[Problem]]:
    """The file's table (None if it cannot be used) and every problem in it."""
    table, problems = parse_table(content, file)
    if table is None:
        return None, problems
    text = content.decode("utf-8")
    found = [
        Problem(file=file, line=_find_text(text, key), key=key, what=what, fatal=fatal)
        for key, what, fatal in _check_issue(build_issue(name, table))
    ]
    if any(one.fatal for one in found):
        return None, found
    return table, found


def check_rivals(tables: Mapping[str, Mapping[str, Any]], known: frozenset[str]) -> Iterator[Problem]:
    """A rival must be an issue file too, and another one."""
    for name, table in tables.items():
        for rival in table.get("rivals", ()):
            other = rival["issue"]
            if other in known and other != name:
                continue
            near = difflib.get_close_matches(other, known - {name}, n=1)
            hint = "".join(f"; did you mean {word!r}?" for word in near)
            what = f"expected the name of another issue file, got {other!r}{hint}"
            yield Problem(file=f"{name}.toml", line=0, key="rivals.issue", what=what, fatal=False)


def _check_issue(issue: Issue) -> Iterator[tuple[str, str, bool]]:
    """Key (or the text to look for), what is wrong, and whether the issue cannot be used."""
    if not _ID.match(issue.id):
        yield "file", "its name must be lower-case words joined by hyphens", True
    if not 0.0 < issue.prior < 1.0:
        yield "prior", f"expected a share above 0 and below 1, got {issue.prior}", True
    if not issue.requires and not any(one.weight < 0 or one.rules_out for one in issue.evidence):
        yield "evidence", "expected a refuter (weight < 0 or rules_out = true) or a [[requires]]", False
    if len(issue.cases) < LEAST_CASES:
        yield "case", f"expected at least {LEAST_CASES} cases, got {len(issue.cases)}", False
    for word in issue.after:
        if word not in WORDS:
            near = difflib.get_close_matches(word, WORDS, n=1)
            hint = "".join(f"; did you mean {one!r}?" for one in near) or f"; known: {', '.join(WORDS)}"
            yield "after", f"{word!r} is no kind of change{hint}", False
    for one in issue.evidence:
        yield from ((one.say, what, True) for what in _check_evidence(one))
    for pattern in patterns_of(issue):
        what = check_pattern(pattern)
        if what:
            yield pattern, what, True
    for text in _filled_texts(issue):
        for blank in _BLANK.findall(text):
            if not _FACT.match(blank):
                yield text, f"{{{blank}}} is not a fact: expected a lower-case word in braces", True


def _check_evidence(one: Evidence) -> Iterator[str]:
    if bool(one.check) == bool(one.match):
        yield "expected either match (text) or check, and not both"
    if one.check and (one.together or one.unless):
        yield "together and unless go with match, not with check"
    if one.match and one.where:
        yield "where goes with check, not with match"
    if one.weight == 0 and not one.rules_out:
        yield "a weight of 0 says nothing"


def _filled_texts(issue: Issue) -> Iterator[str]:
    yield issue.settle_command
    yield from (rival.command for rival in issue.rivals)
    for fix in issue.fixes:
        yield from (item for command in fix.commands for item in command.argv)


def _find_text(text: str, needle: str) -> int:
    at = text.find(needle)
    if at < 0:
        return find_line(text, needle)
    return text.count("\n", 0, at) + 1
