"""The catalogue: every known issue, loaded from TOML files, with all mistakes at once.

A broken file never takes the others down: it is left out and its problems are listed, so that a slip in an
owner's overlay cannot blind the shipped catalogue. `get_sound` is for those who want none (tests, linters).
Reading and judging a hundred files takes a second or two; the outcome is cached by their content.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from keepwell import scan
from keepwell.core import issue as issue_types
from keepwell.core.errors import ConfigurationError
from keepwell.core.issue import Issue
from keepwell.diagnose.issue_file import Problem, build_issue, patterns_of
from keepwell.diagnose.outlook import ways_of
from keepwell.recall.entry import Entry
from keepwell.recall.index import Index
from keepwell.scan.scanner import Scanner
from keepwell.scan.signature import Signature, make_signature, shorten_leads
from keepwell.store.cache import digest_of, load_cached, save_cached

#: The issue files that keepwell ships.
SHIPPED = Path(__file__).resolve().parent.parent / "issues"
#: From this weight on evidence is looked for in the whole of a long log; weaker evidence is worth little there
#: by itself, and is found at its head and near stronger one.
FAULT_WEIGHT = 3.0
#: From this weight on evidence has a place in its text, not just a presence (see `weigh.STRONG`).
LOCATED_WEIGHT = 2.0
# The code that judges issue files: what another one found sound is judged again.
_JUDGES = (
    Path(issue_types.__file__),
    *(Path(__file__).with_name(name) for name in ("issue_file.py", "issue_rules.py", "lag.py")),
    *(
        Path(scan.__file__).with_name(name)
        for name in ("pattern.py", "regex.py", "signature.py", "spelling.py", "ends.py", "ordinary.log")
    ),
)


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """Issues by id, and what was wrong with the files; `indexes` are those made of it (see `likeness`)."""

    issues: Mapping[str, Issue]
    problems: tuple[Problem, ...] = ()
    signatures: Mapping[str, Signature] = field(default_factory=dict)
    indexes: dict[tuple[Entry, ...], Index] = field(default_factory=dict, repr=False, compare=False)
    _scanners: dict[tuple[str, ...], Scanner] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def presences(self) -> frozenset[str]:
        """Patterns of which only the presence matters: context and weak hints."""
        located = {pattern for issue in self.issues.values() for pattern in _located(issue, LOCATED_WEIGHT)}
        return frozenset(self.signatures) - located

    @cached_property
    def faults(self) -> frozenset[str]:
        """Patterns that are looked for in the whole of a long log."""
        return frozenset(pattern for issue in self.issues.values() for pattern in _located(issue, FAULT_WEIGHT))

    @cached_property
    def ordinary(self) -> frozenset[str]:
        """Patterns that match lines which are written while all is well."""
        return frozenset(one.pattern for one in self.signatures.values() if one.ordinary)

    @cached_property
    def ways(self) -> Mapping[str, Mapping[str, float]]:
        """In which ways each cause shows itself, by its id."""
        return {name: ways_of(one) for name, one in self.issues.items()}

    @cached_property
    def _by_clue(self) -> Mapping[str, tuple[str, ...]]:
        """Ids of issues by the signatures and the checks that may speak for them."""
        index: dict[str, dict[str, None]] = {}
        for issue in self.issues.values():
            for one in issue.evidence:
                for clue in (*one.match, one.check):
                    index.setdefault(clue, {})[issue.id] = None
        return {clue: tuple(ids) for clue, ids in index.items()}

    def find_concerned(self, clues: Iterable[str]) -> list[Issue]:
        """The issues that any of these signatures or checks says something about."""
        ids = {one for clue in clues for one in self._by_clue.get(clue, ())}
        return [self.issues[one] for one in sorted(ids)]

    def get_scanner(self, follow_ups: Sequence[str] = ()) -> Scanner:
        """A scanner for every signature and these further patterns; made once."""
        key = tuple(follow_ups)
        if key not in self._scanners:
            wanted = dict.fromkeys((*self.signatures, *follow_ups))
            signatures = [self.signatures.get(one) or make_signature(one) for one in wanted]
            faults = self.faults.union(follow_ups)
            self._scanners[key] = Scanner(signatures, faults=faults, once=self.presences.difference(follow_ups))
        return self._scanners[key]

    def get_sound(self) -> Catalogue:
        """This catalogue; ConfigurationError that lists every problem when there is one."""
        if self.problems:
            lines = "\n".join(str(one) for one in self.problems)
            raise ConfigurationError(f"{len(self.problems)} problem(s) in issue files:\n{lines}")
        return self


def load_catalogue(folders: Sequence[Path] = (SHIPPED,), *, leave_out: Container[str] = ()) -> Catalogue:
    """Read every `*.toml` of the folders; in a later folder a file of the same name replaces the earlier one.

    Causes named in `leave_out` are not read from any but the first folder.

    A file that cannot be read is a problem like any other.
    """
    contents: dict[str, tuple[Path, bytes]] = {}
    problems: list[Problem] = []
    for folder in folders:
        for path in sorted(folder.glob("*.toml")):
            if folder != folders[0] and path.stem in leave_out:
                continue
            try:
                contents[path.stem] = path, path.read_bytes()
            except OSError as error:
                problems.append(Problem(file=str(path), line=0, key="file", what=f"cannot be read: {error.strerror}"))
    key = digest_of((part for path, content in contents.values() for part in (path.name.encode(), content)), _JUDGES)
    stored = _load(key)
    if stored is None:
        stored = _judge(contents)
        save_cached("catalogue", key, json.dumps(stored).encode())
    issues = {name: build_issue(name, table) for name, table in stored["issues"].items()}
    problems += [Problem(**one) for one in stored["problems"]]
    signatures = {pattern: _restore(pattern, *made) for pattern, made in stored["signatures"].items()}
    return Catalogue(issues=issues, problems=tuple(problems), signatures=signatures)


def _located(issue: Issue, least: float) -> Iterator[str]:
    """Patterns of follow-ups, and of evidence that has at least this weight."""
    yield from issue.follow_ups
    for one in issue.evidence:
        if one.weight >= least:
            yield from one.match


def _load(key: str) -> dict[str, Any] | None:
    cached = load_cached("catalogue", key)
    if not cached:
        return None
    stored: dict[str, Any] = json.loads(cached)
    return stored


def _restore(
    pattern: str, leads: list[str], sets: list[list[str]], rare: bool, ordinary: bool, spelled: list[str]
) -> Signature:
    return Signature(pattern, tuple(leads), tuple(tuple(one) for one in sets), rare, ordinary, tuple(spelled))


def _judge(contents: Mapping[str, tuple[Path, bytes]]) -> dict[str, Any]:
    """The tables of usable files by name, and all problems, in a form that can be stored."""
    from keepwell.diagnose.issue_rules import check_rivals, judge_file

    tables: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, (path, content) in sorted(contents.items()):
        table, found = judge_file(name, content, path.name)
        problems += found
        if table is not None:
            tables[name] = table
    problems += check_rivals(tables, frozenset(contents))
    signatures = _make_signatures([build_issue(name, table) for name, table in tables.items()])
    return {
        "issues": tables,
        "problems": [asdict(one) for one in problems],
        "signatures": {one.pattern: (one.leads, one.sets, one.rare, one.ordinary, one.spelled) for one in signatures},
    }


def _make_signatures(issues: Sequence[Issue]) -> list[Signature]:
    """A signature of every pattern; those that are looked for everywhere share leads."""
    patterns = dict.fromkeys(pattern for issue in issues for pattern in patterns_of(issue))
    located = {pattern for issue in issues for pattern in _located(issue, FAULT_WEIGHT)}
    made = [make_signature(pattern) for pattern in patterns]
    faults = [one for one in made if one.rare and one.pattern in located]
    return [*shorten_leads(faults), *(one for one in made if not (one.rare and one.pattern in located))]
