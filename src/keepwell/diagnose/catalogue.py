"""The catalogue: every known issue, loaded from TOML files, with all mistakes at once.

A broken file never takes the others down: it is left out and its problems are listed, so that a slip in an
owner's overlay cannot blind the shipped catalogue. `get_sound` is for those who want none (tests, linters).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from keepwell.core.errors import ConfigurationError
from keepwell.core.issue import Evidence, Issue
from keepwell.diagnose.issue_file import Problem, find_line, parse_issue
from keepwell.diagnose.pattern import check_pattern
from keepwell.diagnose.scan import Scanner

#: The issue files that keepwell ships.
SHIPPED = Path(__file__).resolve().parent.parent / "issues"
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
# A blank to be filled; `{{.Go}}` templates and `{print $1}` of awk are none.
_BLANK = re.compile(r"(?<!\{)\{(\s*[\w.-]*\s*)\}(?!\})")
_FACT = re.compile(r"[a-z][a-z0-9_]*\Z")


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """Issues by id, and what was wrong with the files."""

    issues: Mapping[str, Issue]
    problems: tuple[Problem, ...] = field(default=())
    _scanners: dict[tuple[str, ...], Scanner] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def patterns(self) -> tuple[str, ...]:
        """Every signature of every issue once, in a fixed order."""
        found: dict[str, None] = {}
        for issue in self.issues.values():
            found.update(dict.fromkeys(_patterns_of(issue)))
        return tuple(found)

    def get_scanner(self, follow_ups: Sequence[str] = ()) -> Scanner:
        """A scanner for every signature and these further patterns; made once."""
        patterns = tuple(dict.fromkeys((*self.patterns, *follow_ups)))
        if patterns not in self._scanners:
            self._scanners[patterns] = Scanner(patterns)
        return self._scanners[patterns]

    def get_sound(self) -> Catalogue:
        """This catalogue; ConfigurationError that lists every problem when there is one."""
        if self.problems:
            lines = "\n".join(str(one) for one in self.problems)
            raise ConfigurationError(f"{len(self.problems)} problem(s) in issue files:\n{lines}")
        return self


def load_catalogue(folders: Sequence[Path] = (SHIPPED,)) -> Catalogue:
    """Read every `*.toml` of the folders; in a later folder a file of the same name replaces the earlier one."""
    files = {path.stem: path for folder in folders for path in sorted(folder.glob("*.toml"))}
    issues: dict[str, Issue] = {}
    problems: list[Problem] = []
    texts: dict[str, str] = {}
    for name, path in sorted(files.items()):
        content = path.read_bytes()
        issue, found = parse_issue(name, content, path.name)
        if issue is not None:
            texts[name] = content.decode("utf-8")
            found += _check_issue(issue, path.name, texts[name])
        problems += found
        if issue is not None and not any(one.fatal for one in found):
            issues[name] = issue
    for issue in issues.values():
        problems += _check_rivals(issue, files, texts[issue.id])
    return Catalogue(issues=issues, problems=tuple(problems))


def _patterns_of(issue: Issue) -> Iterator[str]:
    for one in (*issue.evidence, *issue.requires):
        yield from (*one.match, *one.together, *one.unless)
    yield from issue.follow_ups


def _check_issue(issue: Issue, file: str, text: str) -> list[Problem]:
    found: list[tuple[str, str, bool]] = []
    if not _ID.match(issue.id):
        found.append(("file", "its name must be lower-case words joined by hyphens", True))
    if not 0.0 < issue.prior < 1.0:
        found.append(("prior", f"expected a share above 0 and below 1, got {issue.prior}", True))
    if not issue.requires and not any(one.weight < 0 or one.rules_out for one in issue.evidence):
        found.append(("evidence", "expected at least one refuter (weight < 0 or rules_out) or one [[requires]]", False))
    if len(issue.cases) < 2:
        found.append(("case", f"expected at least 2 cases, got {len(issue.cases)}", False))
    for index, one in enumerate(issue.evidence):
        found += [(f"evidence[{index}]", what, True) for what in _check_evidence(one)]
    for pattern in dict.fromkeys(_patterns_of(issue)):
        what = check_pattern(pattern)
        if what:
            found.append((pattern, what, True))
    found += [(key, what, True) for key, what in _check_blanks(issue)]
    return [
        Problem(file=file, line=_find_text(text, key), key=key, what=what, fatal=fatal) for key, what, fatal in found
    ]


def _check_evidence(one: Evidence) -> Iterator[str]:
    if bool(one.check) == bool(one.match):
        yield "expected either match (text) or check, and not both"
    if one.check and (one.together or one.unless):
        yield "together and unless go with match, not with check"
    if one.match and one.where:
        yield "where goes with check, not with match"
    if one.weight == 0 and not one.rules_out:
        yield "a weight of 0 says nothing"


def _check_blanks(issue: Issue) -> Iterator[tuple[str, str]]:
    shown = [issue.settle_command, *(rival.command for rival in issue.rivals)]
    shown += [item for fix in issue.fixes for command in fix.commands for item in command.argv]
    for text in shown:
        for blank in _BLANK.findall(text):
            if not _FACT.match(blank):
                yield text, f"{{{blank}}} is not a fact: expected a lower-case word in braces"


def _check_rivals(issue: Issue, known: Mapping[str, Path], text: str) -> Iterator[Problem]:
    for rival in issue.rivals:
        if rival.issue in known and rival.issue != issue.id:
            continue
        near = difflib.get_close_matches(rival.issue, known, n=1)
        hint = "".join(f"; did you mean {word!r}?" for word in near)
        line = _find_text(text, rival.issue)
        what = f"no issue file {rival.issue!r}{hint}"
        yield Problem(file=f"{issue.id}.toml", line=line, key="rivals.issue", what=what, fatal=False)


def _find_text(text: str, needle: str) -> int:
    at = text.find(needle)
    if at < 0:
        return find_line(text, needle)
    return text.count("\n", 0, at) + 1
