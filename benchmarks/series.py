#!/usr/bin/env python3
"""How well the series that moved are ranked: python benchmarks/series.py FOLDER [FOLDER ...]

A FOLDER is `sock-shop-data` of azamikram/rcd (50 faults, a second a sample, normal and faulty recorded on different
days) or `dataset` of amazon-science/petshop-root-cause-analysis (injected issues, five minutes a sample; only where
its measurements without an issue are there too). Neither is part of keepwell. A case is right at k when the faulty
service is among the first k services, a service standing where its first series stands. Beside keepwell's ranking:
the score of BARO (Pham et al., FSE 2024: the largest value after the instant in units of the interquartile range
before it), as the RCAEval package computes it, constants dropped. Healthy windows are cut from what was recorded
without a fault. Times are CPU time.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from keepwell.series.moved import find_moves
from keepwell.series.sample import Series, cut, make_series

#: Seconds after the instant that are looked at: of Sock Shop all that was recorded, and a minute.
SOCK_SHOP_WINDOWS = (60.0, 300.0)
#: Where healthy windows of a minute begin in the normal part of a Sock Shop case.
HEALTHY_STARTS = (130, 180, 230)
PETSHOP_SECONDS = 1800.0
#: Gives names of series, what moved most first.
Ranking = Callable[[Sequence[Series], float, float], list[str]]


@dataclass(frozen=True)
class Case:
    """One fault: the series, the instant, and the service to blame."""

    series: list[Series]
    at: float
    window: float
    service: str


def main() -> int:
    """Measure each folder, print a table each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    for folder in parser.parse_args().folders:
        if any(folder.glob("*/*/normal.csv")):
            measure_sock_shop(folder)
        else:
            measure_petshop(folder)
    return 0


def measure_sock_shop(folder: Path) -> None:
    """Faults with 90th percentiles only (as published figures are) and with all columns; healthy windows; units."""
    for window in SOCK_SHOP_WINDOWS:
        for name, drop in (("90th percentile only", ("_50", "_99")), ("all columns", ("nothing",))):
            cases = list(sock_shop(folder, window, drop))
            show(f"Sock Shop, {window:g} s after, {name}", cases)
    for scale in (1e-6, 1e6):
        cases = [scaled(one, scale) for one in sock_shop(folder, SOCK_SHOP_WINDOWS[0], ("_50", "_99"))]
        show(f"Sock Shop, every value times {scale:g}", cases)
    alarmed, names = 0, list[str]()
    windows = [(read_csv(path), start) for path in sorted(folder.glob("*/*/normal.csv")) for start in HEALTHY_STARTS]
    for columns, start in windows:
        found = find_moves([make_series(name, rows) for name, rows in columns.items()], start, 60.0).moved
        alarmed += bool(found)
        names += [one.name for one in found[:1]]
    faults = [find_moves(one.series, one.at, one.window).moved for one in sock_shop(folder, 60.0, ("nothing",))]
    print(f"healthy windows alarmed {alarmed}/{len(windows)} {names}, faults alarmed {sum(map(bool, faults))}/50\n")


def sock_shop(folder: Path, window: float, drop: tuple[str, ...]) -> Iterator[Case]:
    """Each case with the normal part before second 0 and the faulty one from there on."""
    for path in sorted(folder.glob("*/*/normal.csv")):
        before, after = read_csv(path), read_csv(path.with_name("anomalous.csv"))
        series = []
        for name, rows in before.items():
            if not name.endswith(drop):
                early = [(at - len(rows), value) for at, value in rows]
                series.append(make_series(name, [*early, *after[name]]))
        yield Case(series, 0.0, window, path.parts[-3].rsplit("-", 1)[0])


def read_csv(path: Path) -> dict[str, list[tuple[float, float]]]:
    """Rows of each column, numbered by second."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    columns = {name: index for index, name in enumerate(rows[0]) if name != "time"}
    return {
        name: [(float(at), number(row[index])) for at, row in enumerate(rows[1:])] for name, index in columns.items()
    }


def measure_petshop(folder: Path) -> None:
    """Every issue whose load has measurements without an issue."""
    for load in sorted(folder.iterdir()):
        if (load / "noissue/metrics.csv").exists():
            show(f"PetShop, {load.name}", list(petshop(load)))
            columns = read_petshop(load / "noissue/metrics.csv")
            series = [make_series(name, rows) for name, rows in columns.items()]
            times = sorted({at for one in series for at in one.times})
            starts = times[len(times) // 2 :: 6]
            alarmed = sum(bool(find_moves(series, at, PETSHOP_SECONDS).moved) for at in starts[:-1])
            print(f"healthy windows alarmed {alarmed}/{len(starts) - 1}\n")


def petshop(load: Path) -> Iterator[Case]:
    """Each issue, with what was measured without one before it."""
    quiet = read_petshop(load / "noissue/metrics.csv")
    for path in sorted(load.glob("*/issue_*/metrics.csv")):
        target = json.loads(path.with_name("target.json").read_text())
        at = float(target["target"]["timestamp"])
        rows = read_petshop(path)
        first = min(time for one in rows.values() for time, _ in one)
        last = max(time for one in quiet.values() for time, _ in one)
        series = [
            make_series(name, [*((time - last + first - 300, value) for time, value in quiet.get(name, ())), *found])
            for name, found in rows.items()
        ]
        yield Case(series, at - 300, PETSHOP_SECONDS, target["root_cause"]["node"])


def read_petshop(path: Path) -> dict[str, list[tuple[float, float]]]:
    """Columns by service, metric and statistic."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    heads = ["|".join(parts) for parts in zip(*rows[:3], strict=True)]
    body = [row for row in rows[3:] if row[0].replace(".", "").isdigit()]
    return {
        name: [(float(row[0]), number(row[index])) for row in body] for index, name in enumerate(heads) if index > 0
    }


def number(text: str) -> float:
    """A number, or not one."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def scaled(case: Case, scale: float) -> Case:
    """The same in another unit."""
    series = [
        Series(name=one.name, times=one.times, values=tuple(value * scale for value in one.values))
        for one in case.series
    ]
    return Case(series, case.at, case.window, case.service)


def show(title: str, cases: Sequence[Case]) -> None:
    """One line for each ranking."""
    print(f"{title}: {len(cases)} cases, {len(cases[0].series)} series")
    for name, ranking in (("keepwell", by_moves), ("BARO", by_baro)):
        began = time.process_time()
        places = [place(ranking(one.series, one.at, one.window), one.service) for one in cases]
        spent = (time.process_time() - began) / len(cases) * 1000
        shares = [sum(one < k for one in places) / len(cases) for k in range(1, 6)]
        print(
            f"  {name:9} AC@1 {shares[0]:.2f}  AC@3 {shares[2]:.2f}  Avg@5 {sum(shares) / 5:.3f}  {spent:.1f} ms/case"
        )


def place(names: Sequence[str], service: str) -> int:
    """At which place the service stands; far down if nowhere."""
    services = list(dict.fromkeys(service_of(name) for name in names))
    return services.index(service) if service in services else len(services) + 100


def service_of(name: str) -> str:
    """The service that a series is about."""
    return name.split("|")[0] if "|" in name else name.split("_")[0]


def by_moves(series: Sequence[Series], at: float, window: float) -> list[str]:
    """keepwell's ranking."""
    return [one.name for one in find_moves(series, at, window).ranked]


def by_baro(series: Sequence[Series], at: float, window: float) -> list[str]:
    """BARO's score: the largest robust z of the window; an interquartile range of 0 counts as 1."""
    scores = []
    for one in series:
        before, after = sorted(cut(one, -math.inf, at).values), cut(one, at, at + window).values
        if before and after and before[0] != before[-1]:
            spread = quantile(before, 0.75) - quantile(before, 0.25)
            scores.append(((max(after) - quantile(before, 0.5)) / (spread or 1.0), one.name))
    return [name for _, name in sorted(scores, reverse=True)]


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value at this share, linear between two."""
    at = share * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


if __name__ == "__main__":
    raise SystemExit(main())
