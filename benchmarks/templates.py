#!/usr/bin/env python3
"""How well and how fast log lines are grouped: python benchmarks/templates.py FOLDER [--set NAME] [--errors]

FOLDER is a checkout of logpai/loghub (16 sets of 2,000 labelled lines; for research, not part of keepwell). Every set
is read with the same configuration, from the text behind its header, as the published figures are. GA is the share of
lines whose group is exactly a true one, FGA the harmonic mean of precision and recall over groups. Lines a second are
CPU seconds of one core: cold, with an empty miner (2,000 lines, so mostly what is read for the first time), and on the
same lines once more. Where drain3 is installed (it is no dependency), the same is measured with it beside.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import importlib.util
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from keepwell.templates.miner import Miner

#: Gives the group of each line, and the CPU seconds that it took cold and warm.
Grouping = Callable[[list[str]], tuple[list[str], float, float]]
#: Errors that are shown of a set.
ERRORS = 8


def main() -> int:
    """Measure each set, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--set", default="", help="only this one")
    parser.add_argument("--errors", action="store_true", help="show the groups that came out wrong")
    options = parser.parse_args()
    groupings: dict[str, Grouping] = {"keepwell": group}
    if importlib.util.find_spec("drain3"):
        groupings["drain3"] = group_drain3
    sets = sorted(path for path in options.folder.glob(f"{options.set or '*'}/*_2k.log_structured.csv"))
    print(f"{'set':12}" + "".join(f"  {name:8} GA    FGA  klines/s" for name in groupings))
    totals: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    for path in sets:
        lines, truth = read_set(path)
        cells = ""
        for name, grouping in groupings.items():
            groups, cold, warm = grouping(lines)
            accuracy = judge(groups, truth)
            totals[name].append((*accuracy, cold / len(lines), warm / len(lines)))
            cells += (
                f"  {'':8} {accuracy[0]:.3f} {accuracy[1]:.3f} {speed(cold / len(lines))}/{speed(warm / len(lines))}"
            )
            if options.errors and name == "keepwell":
                show_errors(groups, truth, lines)
        print(f"{path.parent.name:12}{cells}")
    cells = ""
    for rows in totals.values():
        means = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
        cells += f"  {'':8} {means[0]:.3f} {means[1]:.3f} {speed(means[2])}/{speed(means[3])}"
    print(f"{'mean':12}{cells}   (lines/s: cold/warm, harmonic)")
    return 0


def read_set(path: Path) -> tuple[list[str], list[str]]:
    """The lines of a set, and the true group of each."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [row["Content"] for row in rows], [row["EventId"] for row in rows]


def group(lines: list[str]) -> tuple[list[str], float, float]:
    """By keepwell's miner."""
    miner = Miner()
    cold = seconds(lambda: miner.add(lines))
    warm = seconds(lambda: miner.add(lines))
    return [miner.find(ticket) for ticket in miner.add(lines)], cold, warm


def group_drain3(lines: list[str]) -> tuple[list[str], float, float]:
    """By drain3 as it is installed: no masks, its own defaults."""
    logging.disable(logging.INFO)
    drain: Any = importlib.import_module("drain3")
    logging.getLogger("drain3").setLevel(logging.ERROR)
    miner = drain.TemplateMiner()
    ids: list[str] = []
    cold = seconds(lambda: ids.extend(str(miner.add_log_message(line)["cluster_id"]) for line in lines))
    warm = seconds(lambda: [miner.add_log_message(line) for line in lines])
    return ids, cold, warm


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of the work."""
    began = time.process_time()
    work()
    return time.process_time() - began


def speed(one: float) -> str:
    """Thousands of lines a second."""
    return f"{1 / one / 1000:4.0f}"


def judge(groups: Sequence[str], truth: Sequence[str]) -> tuple[float, float]:
    """GA and FGA."""
    found, true = members(groups), members(truth)
    wanted = {frozenset(one) for one in true.values()}
    exact = [one for one in found.values() if frozenset(one) in wanted]
    precision, recall = len(exact) / len(found), len(exact) / len(true)
    return sum(map(len, exact)) / len(truth), 2 * precision * recall / max(precision + recall, 1e-9)


def members(groups: Sequence[str]) -> dict[str, set[int]]:
    """The lines of each group."""
    found: dict[str, set[int]] = defaultdict(set)
    for index, one in enumerate(groups):
        found[one].add(index)
    return found


def show_errors(groups: Sequence[str], truth: Sequence[str], lines: Sequence[str]) -> None:
    """The largest true groups that were not found as they are."""
    found = members(groups)
    for _, rows in sorted(members(truth).items(), key=lambda pair: -len(pair[1]))[:100]:
        parts = {groups[row] for row in rows}
        if len(parts) > 1 or found[next(iter(parts))] != rows:
            print(f"  {len(rows)} lines in {len(parts)} group(s): {lines[min(rows)][:90]!r} -> {sorted(parts)[:3]}")


if __name__ == "__main__":
    raise SystemExit(main())
