"""What an issue file must hold beyond its shape: a refuter, cases, sound signatures, fillable blanks, real rivals."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from keepwell.core.issue import Evidence, Issue
from keepwell.diagnose.issue_file import Problem, build_issue, find_line, parse_table, patterns_of
from keepwell.diagnose.lag import WORDS
from keepwell.scan.pattern import check_pattern

#: Cases that every issue file must have: one could be luck.
LEAST_CASES = 2
#: Weights beyond this are certainty, which one line of text never is: about 3,000 to 1. A check may be that sure.
MOST_TEXT_WEIGHT = 8.0

# What no kind of change brings about: it comes by itself.
_NONE_KNOWN = {("after", "gpu-hardware-or-firmware-fault"), ("after", "gpu-power-or-link-unstable")}

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
    found += [
        Problem(file=file, line=line, key="origin", what="expected a comment '# source: ...' above it", fatal=False)
        for line in _find_unsourced(text)
    ]
    if any(one.fatal for one in found):
        return None, found
    return table, found


def find_gaps(issue: Issue) -> Iterator[str]:
    """What a file lacks that every shipped one has: a file of one's own may be shorter."""
    for key in ("settle", "prevention"):
        if not getattr(issue, key):
            yield f"{key} is missing"
    for key in ("rivals", "fixes", "after"):
        if not getattr(issue, key) and (key, issue.id) not in _NONE_KNOWN:
            yield f"{key} is missing"
    for rival in issue.rivals:
        if not rival.settle:
            yield f"rival {rival.issue} has no check that tells the two apart"
    for fix in issue.fixes:
        if not fix.side_effects:
            yield f"side effects are not said: {fix.say}"
        if not fix.undo:
            yield f"the way back is not said: {fix.say}"


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
    yield from _find_twice("say", (one.say for one in issue.evidence))
    yield from _find_twice("case", (one.name for one in issue.cases))
    yield from _find_twice("rivals", (one.issue for one in issue.rivals))
    for one in issue.evidence:
        yield from ((one.say, what, True) for what in _check_evidence(one))
        yield from _find_twice("match", one.match)
        if one.match and abs(one.weight) > MOST_TEXT_WEIGHT:
            yield one.say, f"expected a weight within {MOST_TEXT_WEIGHT:g} for a text, got {one.weight:g}", False
    for pattern in patterns_of(issue):
        what = check_pattern(pattern)
        if what:
            yield pattern, what, True
    for text in _filled_texts(issue):
        for blank in _BLANK.findall(text):
            if not _FACT.match(blank):
                yield text, f"{{{blank}}} is not a fact: expected a lower-case word in braces", True


def _find_twice(key: str, words: Iterable[str]) -> Iterator[tuple[str, str, bool]]:
    """What stands twice where once is enough: it counts no more, or cannot be told apart."""
    seen: set[str] = set()
    for word in words:
        if word in seen:
            yield key, f"stands twice: {word}", False
        seen.add(word)


def _find_unsourced(text: str) -> Iterator[int]:
    """Lines of evidence from the literature whose table has no comment that names the source above it."""
    before, sourced = "", False
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("[["):
            sourced = before.startswith("# source: ")
        elif line.replace(" ", "") == 'origin="literature"' and not sourced:
            yield number
        before = line


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
