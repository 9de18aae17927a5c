"""Fits what the kinds of evidence of a pasted text count for, and how often answers are right. Prints the figures.

    python scripts/fit.py INCIDENTS.jsonl [--unseen FRESH.jsonl FOLDER]... [--date 2026-01-31] [--write]

INCIDENTS are those that the catalogue's authors have read: each is judged without the signs that only its own thread
shows. FRESH are incidents that nobody had read when the issue files in FOLDER were written (a copy of an earlier
state); they are judged with all of that catalogue. Each lot may have its own folder. All teach. --write replaces the
data that a diagnosis uses, which holds numbers only: no word of any incident.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from keepwell.diagnose.catalogue import SHIPPED, load_catalogue
from keepwell.diagnose.scale import FITTED
from keepwell.learning.examples import Examiner, Example, Mode
from keepwell.learning.fitting import find_sure_from, fit_all, told_with_care
from keepwell.learning.folds import cross_validate, repository_of, thread_of
from keepwell.learning.labelled import Labelled, parse_labelled
from keepwell.learning.measure import Answered, measure
from keepwell.scan.signature import ORDINARY

#: Lines of one text of nothing wrong, and which of these texts are taken: one to forty incidents.
WELL_LINES, WELL_EVERY = 10, 4


def main() -> None:
    """Read, fit, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("incidents", type=Path)
    parser.add_argument("--unseen", type=Path, nargs=2, action="append", default=[], metavar=("FRESH", "FOLDER"))
    parser.add_argument("--date", default="")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    known = read(asked.incidents, SHIPPED, "thread")
    fresh: list[Example] = []
    for lot, issues in asked.unseen:
        fresh += read(lot, issues, "whole")
    well = examine_ordinary()
    origin = f"{len(known)} incidents without their own signs, {len(fresh)} unseen ones, {len(well)} of nothing wrong"
    fitted = fit_all([*known, *fresh], well, origin, asked.date)
    print(json.dumps(fitted, indent=1))
    for name, group in (("thread", thread_of), ("repository", repository_of)):
        answers = cross_validate([*known, *fresh], group=group, also=well)
        tell(f"by {name}: without own signs", answers[: len(known)])
        tell(f"by {name}: unseen", answers[len(known) :])
        tell(f"by {name}: both", answers)
    if asked.write:
        FITTED.write_text(json.dumps(fitted, indent=1) + "\n", encoding="utf-8")


def read(path: Path, issues: Path, mode: Mode) -> list[Example]:
    """The examples of the sure incidents in a file."""
    incidents = parse_labelled(path.read_text(encoding="utf-8").split("\n"), path.name)
    examiner = Examiner(load_catalogue((issues,)), incidents)
    return examiner.examine([one for one in incidents if one.sure], mode)


def examine_ordinary() -> list[Example]:
    """Lines that engines and systems write while all is well, as texts that somebody pastes: nothing is to be found."""
    lines = ORDINARY.read_text(encoding="utf-8").splitlines()
    parts = ["\n".join(lines[at : at + WELL_LINES]) for at in range(0, len(lines), WELL_LINES * WELL_EVERY)]
    incidents = [Labelled(id=f"well-{number}", evidence=part, cause="") for number, part in enumerate(parts)]
    return Examiner(load_catalogue(), incidents).examine(incidents, "whole")


def tell(name: str, answers: list[Answered]) -> None:
    """The figures in one line."""
    sure_from = find_sure_from(answers)
    found = measure([told_with_care(one, sure_from) for one in answers])
    print(
        f"{name:40} n {found.incidents:3} top-1 {found.top1.share:.3f} top-3 {found.top3.share:.3f} "
        f"family {found.family.share:.3f} Brier {found.brier:.3f} (constant {found.brier_constant:.3f}) "
        f"ECE {found.ece:.3f} [{found.ece_perfect[0]:.3f}, {found.ece_perfect[1]:.3f}] "
        f"sure {found.sure.share:.2f} wrong {found.sure_and_wrong.share:.3f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
