"""One incident of a cause that no issue file has is closed: is the next one of it in the first three?

    python benchmarks/oneshot.py INCIDENTS.jsonl

Each line: {"id", "thread" ("owner/repository#number"), "evidence", "cause", "cause_text", "fix"}. For every cause that
incidents of at least two repositories have: its issue file is left out, and as anybody's rival; one incident is closed
with its name, `cause_text` and `fix` as what the person wrote; then one incident of another repository is diagnosed.
Also counted: how often that fresh draft is listed for, or takes the first place from, incidents of other causes, with
their issue file there ("known") and left out as well ("unknown too": nothing but likeness can tell).
"""

from __future__ import annotations

import json
import math
import random
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from keepwell.core.hypothesis import Diagnosis
from keepwell.core.observation import Seen
from keepwell.diagnose.catalogue import Catalogue, load_catalogue
from keepwell.diagnose.diagnosis import Text, diagnose
from keepwell.learning.likeness import Scales
from keepwell.learning.scales import scales_of
from keepwell.learning.shadow import Draft, find_drafts, weigh_drafts
from keepwell.store.lessons import Lesson

#: Incidents of other causes that each fresh draft is tried on.
OTHERS = 4
#: Places that count.
TOP = 3


@dataclass(frozen=True)
class Row:
    """A labelled incident."""

    id: str
    repository: str
    evidence: str
    cause: str
    words: str
    fix: str


def read_rows(path: Path) -> list[Row]:
    """The incidents of a file."""
    rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    return [
        Row(one["id"], one["thread"].split("#")[0], one["evidence"], one["cause"], one["cause_text"], one["fix"])
        for one in rows
    ]


class Trial:
    """Diagnoses with causes left out, each made once."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._known: dict[tuple[str, frozenset[str]], Diagnosis] = {}
        self._scales: dict[str, Scales] = {}

    def without(self, gone: frozenset[str]) -> Catalogue:
        """The catalogue without these causes, also not as rivals."""
        issues = {
            name: replace(one, rivals=tuple(rival for rival in one.rivals if rival.issue not in gone))
            for name, one in self.catalogue.issues.items()
            if name not in gone
        }
        return replace(self.catalogue, issues=issues)

    def known(self, row: Row, gone: frozenset[str]) -> Diagnosis:
        """What the rest of the catalogue says."""
        key = row.id, gone
        if key not in self._known:
            text = Text(name="evidence", chunks=(row.evidence.encode("utf-8", "replace"),))
            self._known[key] = diagnose(Seen(), (), (text,), self.without(gone))
        return self._known[key]

    def scales(self, gone: str) -> Scales:
        """The scales of a catalogue that never had this cause."""
        if gone not in self._scales:
            self._scales[gone] = scales_of(self.without(frozenset({gone})))
        return self._scales[gone]

    def close(self, row: Row) -> Draft:
        """The draft that closing this incident leaves."""
        lesson = Lesson(
            id=row.id,
            at=0.0,
            cause=row.cause,
            strength="said",
            text=row.evidence,
            words=f"{row.words}\n{row.fix}",
            fixed_by=row.fix,
        )
        return find_drafts([lesson], ())[0]


def pairs_of(rows: Iterable[Row]) -> Iterator[tuple[Row, Row]]:
    """Every two incidents of one cause and two repositories, in both orders."""
    by_cause: Mapping[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_cause[row.cause].append(row)
    for found in by_cause.values():
        for one in found:
            yield from ((one, other) for other in found if other.repository != one.repository)


def wilson(hits: float, n: float, z: float = 1.96) -> str:
    """A share with its 95 % interval."""
    if not n:
        return "none"
    share, spread = hits / n, 1 + z * z / n
    middle = (share + z * z / (2 * n)) / spread
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / spread
    return f"{share:.3f} [{middle - half:.3f}, {middle + half:.3f}] of {n:g}"


def try_pairs(trial: Trial, pairs: list[tuple[Row, Row]]) -> tuple[list[str], Mapping[str, list[bool]]]:
    """Prints how often the second incident's cause is found; also by cause."""
    by_cause: dict[str, list[bool]] = defaultdict(list)
    listed = first = 0
    for closed, new in pairs:
        found = trial.known(new, frozenset({new.cause}))
        learned = weigh_drafts(found, new.evidence, [trial.close(closed)], trial.scales(new.cause))
        names = [one.issue for one in learned.hypotheses]
        by_cause[new.cause].append(new.cause in names[:TOP])
        listed += new.cause in names
        first += names[:1] == [new.cause]
    hits = sum(sum(found) for found in by_cause.values())
    causes = sum(sum(found) / len(found) for found in by_cause.values())
    lines = [
        f"in the first {TOP}: {wilson(hits, len(pairs))} trials",
        f"  each cause once: {causes / len(by_cause):.3f} of {len(by_cause)} causes",
        f"  listed at all: {wilson(listed, len(pairs))}; first: {wilson(first, len(pairs))}",
    ]
    return lines, by_cause


def try_others(trial: Trial, rows: list[Row], both_gone: bool) -> list[str]:
    """How often a fresh draft is listed where it has no business, and what that does."""
    dice = random.Random(7)
    tried = listed = in_top = pushed = right_before = lost_top = top_before = 0
    for closed in rows:
        others = [one for one in rows if one.cause != closed.cause and one.repository != closed.repository]
        draft = trial.close(closed)
        for new in dice.sample(others, OTHERS):
            gone = {closed.cause}
            if both_gone:
                gone = {closed.cause, new.cause}
            before = trial.known(new, frozenset(gone))
            after = weigh_drafts(before, new.evidence, [draft], trial.scales(closed.cause))
            was, now = ([one.issue for one in found.hypotheses] for found in (before, after))
            tried += 1
            listed += closed.cause in now
            in_top += closed.cause in now[:TOP]
            right_before += was[:1] == [new.cause]
            pushed += was[:1] == [new.cause] != now[:1]
            top_before += new.cause in was[:TOP]
            lost_top += new.cause in was[:TOP] and new.cause not in now[:TOP]
    lines = [f"  listed: {wilson(listed, tried)}, in the first {TOP}: {wilson(in_top, tried)}"]
    if not both_gone:
        lines += [
            f"  right cause pushed from the first place: {wilson(pushed, right_before)}",
            f"  right cause pushed from the first {TOP}: {wilson(lost_top, top_before)}",
        ]
    return lines


def main(path: str) -> None:
    """Run all of it and print it."""
    rows = read_rows(Path(path))
    trial = Trial(load_catalogue())
    pairs = list(pairs_of(rows))
    lines, by_cause = try_pairs(trial, pairs)
    print("\n".join(lines))
    print("damage, fresh draft of another cause, right cause known:")
    print("\n".join(try_others(trial, rows, both_gone=False)))
    print("damage, right cause unknown too:")
    print("\n".join(try_others(trial, rows, both_gone=True)))
    if "--causes" in sys.argv:
        for cause, found in sorted(by_cause.items()):
            print(f"{cause:40} {sum(found)} of {len(found)}")


if __name__ == "__main__":
    main(sys.argv[1])
