"""Answers many pasted texts: JSON lines in, JSON lines out. `python -m keepwell.diagnose.batch`."""

from __future__ import annotations

import json
import math
import sys
from typing import TextIO

from keepwell.core.issue import Evidence, Issue
from keepwell.diagnose.catalogue import Catalogue, load_catalogue
from keepwell.diagnose.rank import rank_scores
from keepwell.diagnose.scan import Scanned, Scanner


def main(source: TextIO = sys.stdin, sink: TextIO = sys.stdout) -> int:
    """Read {"id", "evidence"} lines, answer {"id", "hypotheses"}; 0, or 3 when the input is unreadable."""
    catalogue = load_catalogue()
    for problem in catalogue.problems:
        print(problem, file=sys.stderr)
    scanner = Scanner(catalogue.patterns)
    for line in source:
        if line.strip():
            row = json.loads(line)
            scanned = scanner.scan([str(row["evidence"]).encode("utf-8", "replace")])
            ranked, _ = rank_scores(_score_all(catalogue, scanned))
            answer = [{"issue": one, "confidence": round(p, 4)} for one, p in ranked.items()]
            print(json.dumps({"id": row["id"], "hypotheses": answer}), file=sink)
    return 0


def _score_all(catalogue: Catalogue, scanned: Scanned) -> dict[str, float]:
    scores = {}
    for issue in catalogue.issues.values():
        score = _score(issue, scanned)
        if score is not None:
            scores[issue.id] = score
    return scores


def _score(issue: Issue, scanned: Scanned) -> float | None:
    groups: dict[object, float] = {}
    for index, one in enumerate(issue.evidence):
        if not _fires(one, scanned):
            continue
        if one.rules_out:
            return None
        key = one.group or index
        groups[key] = max(groups.get(key, 0.0), one.weight, key=abs)
    if not any(weight > 0 for weight in groups.values()):
        return None
    return math.log(issue.prior) + sum(groups.values())


def _fires(one: Evidence, scanned: Scanned) -> bool:
    hits = scanned.hits
    return (
        any(p in hits for p in one.match)
        and all(p in hits for p in one.together)
        and not any(p in hits for p in one.unless)
    )


if __name__ == "__main__":
    raise SystemExit(main())
