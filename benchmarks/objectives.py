#!/usr/bin/env python3
"""How soon objectives tell that requests fail, and how often they tell so for nothing. Made traffic, a made clock.

    python benchmarks/objectives.py [--short] [--json FILE]

Beside keepwell's verdicts, on the same traffic: Sloth's multi-window rules as they are generated, without a floor; and
the best that anything can do which never tells of a single failure: the share of cases that have two at all.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keepwell.config.objective_model import ObjectiveEntry
from keepwell.core.finding import Status
from keepwell.slo.chance import tail
from keepwell.slo.judge import Counted, State, judge_objective
from keepwell.slo.scan import KNOWN_SECONDS, LOOK_BACK_SECONDS
from keepwell.slo.tally import MINUTE, Tally
from keepwell.slo.windows import MONTH, NAMED

#: Seconds since the epoch at which made time begins: a whole minute.
START = 1_767_225_600
DAY = 1440
#: Minutes of the past before anything is planted: what shows what is normal, and the last day.
PAST = 8 * DAY
OBJECTIVE = ObjectiveEntry(name="answered", indicator="availability", target=0.995)


@dataclass
class Traffic:
    """Minutes, the newest last: users' requests, and those that keepwell asked beside them."""

    users: list[Tally] = field(default_factory=list)
    asked: list[Tally] = field(default_factory=list)
    events: list[int] = field(default_factory=lambda: [0])
    bad: list[int] = field(default_factory=lambda: [0])
    signs: list[int] = field(default_factory=lambda: [0])

    def add(self, events: int, bad: int, *, probes: int = 0, probes_bad: int = 0, signs: int = -1) -> None:
        """A minute."""
        minute = START + MINUTE * len(self.users)
        spells = bad if signs < 0 else signs
        one = Tally(minute, good=events - bad, bad=bad, spells=spells)
        self.users.append(one)
        if probes:
            one = one.plus(Tally(minute, good=probes - probes_bad, bad=probes_bad, spells=probes_bad))
        self.asked.append(one)
        self.events.append(self.events[-1] + events)
        self.bad.append(self.bad[-1] + bad)
        self.signs.append(self.signs[-1] + spells)

    def copy(self) -> Traffic:
        """The same minutes, to go on from."""
        return Traffic(list(self.users), list(self.asked), list(self.events), list(self.bad), list(self.signs))

    def window(self, first: int, last: int) -> Tally:
        """Minutes from the first on and before the last, added up."""
        first = max(0, first)
        events, bad, signs = (row[last] - row[first] for row in (self.events, self.bad, self.signs))
        return Tally(START + MINUTE * first, good=events - bad, bad=bad, spells=signs)

    def counted(self) -> Counted:
        """What the verdict is given at the end of the newest minute."""
        now = len(self.users)
        past = now - int(LOOK_BACK_SECONDS // MINUTE)
        known = past - int(KNOWN_SECONDS // MINUTE)
        return Counted(
            windows={seconds: self.window(now - int(seconds // MINUTE), now) for _, seconds in NAMED},
            period=self.window(now - 30 * DAY, now),
            past=self.window(known, max(0, past)),
            past_seconds=max(1.0, float(MINUTE * (max(0, past) - max(0, known)))),
            minutes=self.users[-DAY:],
            since=START,
            probed=self.asked[-DAY:],
        )

    def judge(self, objective: ObjectiveEntry, *, already: bool) -> State:
        """The verdict at the end of the newest minute."""
        return judge_objective(objective, self.counted(), START + MINUTE * len(self.users), already=already)

    def sloth(self, objective: ObjectiveEntry) -> bool:
        """Whether any of Sloth's rules fires: shares alone."""
        now = len(self.users)
        for rule in MONTH:
            shares = [
                self.window(now - int(length // MINUTE), now).ratio
                for length in (rule.short_seconds, rule.long_seconds)
            ]
            if min(shares) > rule.factor * objective.allowed:
                return True
        return False


def draw(rng: random.Random, events: int, ratio: float) -> int:
    """How many of so many fail."""
    if events > 5 and ratio < 0.01:
        return min(events, _poisson(rng, events * ratio))
    return sum(rng.random() < ratio for _ in range(events))


def _poisson(rng: random.Random, mean: float) -> int:
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


def healthy(rng: random.Random, minutes: int, ratio: float, events: int = 1) -> Traffic:
    """Minutes of a past in which requests failed as seldom as is usual."""
    made = Traffic()
    for _ in range(minutes):
        made.add(events, draw(rng, events, ratio))
    return made


#: Pasts to go on from, by their minutes.
pasts = {
    0: [Traffic()],
    PAST: [healthy(random.Random(seed), PAST, 0.001) for seed in range(25)],
}


@dataclass
class Found:
    """After how many minutes: somebody was told, somebody was woken, Sloth's rules fired, two requests had failed."""

    told: float = math.inf
    paged: float = math.inf
    sloth: float = math.inf
    two: float = math.inf


@dataclass(frozen=True, kw_only=True)
class Plant:
    """What is planted into one request a minute: this ratio of failures (`regular`: every so many, not by chance)."""

    ratio: float = 0.05
    past: int = PAST
    target: float = 0.995
    probes: int = 0
    regular: bool = False


def plant(rng: random.Random, case: Plant, minutes: int) -> Found:
    """A past of one request a minute with 0.1 % failures, then this ratio of them; what was found when."""
    ratio, past, probes, regular = case.ratio, case.past, case.probes, case.regular
    objective = ObjectiveEntry(name="x", indicator="availability", target=case.target)
    made, found, failures = pasts[past][rng.randrange(len(pasts[past]))].copy(), Found(), 0
    begin = rng.randrange(20)
    for minute in range(1, minutes + 1):
        bad = draw(rng, 1, ratio)
        if regular:
            bad = int((minute + begin) % round(1 / ratio) == 0)
        probes_bad = draw(rng, probes, ratio)
        made.add(1, bad, probes=probes, probes_bad=probes_bad)
        failures += bad + probes_bad
        if not bad + probes_bad:
            continue
        if failures >= 2:
            found.two = min(found.two, minute)
        state = made.judge(objective, already=False)
        if state.status >= Status.WARNING:
            found.told = min(found.told, minute)
        if state.status is Status.CRITICAL:
            found.paged = min(found.paged, minute)
        if made.sloth(objective):
            found.sloth = min(found.sloth, minute)
        if max(found.told, found.paged, found.sloth) < math.inf:
            break
    return found


def months(rng: random.Random, count: int, *, ratio: float, events: float, target: float) -> dict[str, float]:
    """How often somebody is told and woken in so many healthy months, one after the other, after a week of past."""
    objective = ObjectiveEntry(name="x", indicator="availability", target=target)
    whole = max(1, round(events))
    made = healthy(rng, PAST, ratio, whole) if events >= 1 else Traffic()
    begun = {"told": 0, "paged": 0, "sloth": 0}
    was = dict.fromkeys(begun, False)
    for _ in range(count * 30 * DAY):
        here = whole if events >= 1 else int(rng.random() < events)
        bad = draw(rng, here, ratio)
        made.add(here, bad)
        if bad or any(was.values()):
            status = made.judge(objective, already=was["told"]).status
            now = {"told": status >= Status.WARNING, "paged": status is Status.CRITICAL, "sloth": made.sloth(objective)}
            begun = {name: number + (now[name] and not was[name]) for name, number in begun.items()}
            was = now
    return {"months": count, **{name: number / count for name, number in begun.items()}}


def night(rng: random.Random, *, retries: int, every: int) -> tuple[bool, bool, bool]:
    """One request fails at night, and is tried again by its client within seconds. Told, woken, Sloth's rules."""
    made = Traffic()
    for minute in range(PAST + 8 * 60):
        by_day = 480 <= (minute % DAY) < 1320
        made.add(int(by_day or rng.randrange(every) == 0), 0)
    made.add(1 + retries, 1 + retries, signs=1)
    told = paged = sloth = False
    for _ in range(6 * 60):
        state = made.judge(OBJECTIVE, already=told)
        told, paged = told or state.status >= Status.WARNING, paged or state.status is Status.CRITICAL
        sloth = sloth or made.sloth(OBJECTIVE)
        made.add(int(rng.randrange(every) == 0), 0)
    return told, paged, sloth


def interval(hits: int, of: int) -> str:
    """A share with its 95 % interval (Wilson)."""
    share, z = hits / of, 1.96
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return f"{share * 100:5.1f} % ({max(0.0, middle - half) * 100:.1f}-{min(1.0, middle + half) * 100:.1f})"


CASES: tuple[tuple[str, Plant], ...] = (
    ("5 %, 99.5 % promised", Plant()),
    ("5 %, every 20th", Plant(regular=True)),
    ("5 %, 99.9 % promised", Plant(target=0.999)),
    ("5 %, 99 % promised", Plant(target=0.99)),
    ("5 %, nothing known of the past", Plant(past=0)),
    ("5 %, and 1 probe a minute", Plant(probes=1)),
    ("5 %, and 2 probes a minute", Plant(probes=2)),
    ("5 %, and 4 probes a minute", Plant(probes=4)),
    ("5 %, and 6 probes a minute", Plant(probes=6)),
    ("10 %", Plant(ratio=0.10)),
    ("20 %", Plant(ratio=0.20)),
    ("all", Plant(ratio=1.0)),
)
#: Healthy traffic: requests a minute, the promise, and months.
MONTHS = ((0.05, 0.995, 60), (1, 0.995, 40), (1, 0.999, 6), (10, 0.995, 4), (100, 0.995, 1))


def planted(seeds: int) -> Iterator[dict[str, Any]]:
    """What is found of failures that are planted, by ratio, promise, past and probes."""
    for name, case in CASES:
        found = [plant(random.Random(seed), case, 240) for seed in range(seeds)]
        row: dict[str, Any] = {"case": name, "seeds": seeds}
        for what in ("two", "told", "paged", "sloth"):
            times = [getattr(one, what) for one in found]
            row[what] = {str(limit): sum(one <= limit for one in times) for limit in (15, 30, 60, 120, 240)}
            row[f"{what}_median"] = sorted(times)[len(times) // 2]
        yield row


def print_planted(seeds: int) -> list[dict[str, Any]]:
    """A line a case."""
    print(
        f"One request a minute, 0.1 % failing before; {seeds} seeds each. Within 30 minutes: two failed / somebody was"
    )
    print("told / woken / Sloth's rules fired | told within 60 and 120 minutes | median")
    rows = []
    for row in planted(seeds):
        rows.append(row)
        cells = [interval(row[what]["30"], seeds) for what in ("two", "told", "paged", "sloth")]
        later = [interval(row["told"][limit], seeds) for limit in ("60", "120")]
        print(f"  {row['case']:<31} {' '.join(cells)} | {' '.join(later)} | {row['told_median']} min", flush=True)
    return rows


def print_nights(nights: int) -> dict[str, Any]:
    """A line for each kind of night."""
    print(f"\nOne failed request at night, {nights} nights each: told / woken / Sloth's rules")
    result = {}
    for retries, every in ((0, 5), (0, 60), (2, 5), (2, 60)):
        outcomes = [night(random.Random(seed), retries=retries, every=every) for seed in range(nights)]
        counts = [sum(column) for column in zip(*outcomes, strict=True)]
        cells = " / ".join(interval(one, nights) for one in counts)
        print(f"  {retries} tries again, a request in {every:>2} minutes: {cells}", flush=True)
        result[f"{retries}_{every}"] = {"nights": nights, "told": counts[0], "paged": counts[1], "sloth": counts[2]}
    return result


def print_months(less: int) -> dict[str, Any]:
    """A line for each kind of healthy month."""
    print("\nHealthy months with 0.1 % failures: told / woken / Sloth's rules, times a month")
    result = {}
    for events, target, count in MONTHS:
        got = months(random.Random(7), max(1, count // less), ratio=0.001, events=events, target=target)
        words = f"{events:>6} a minute, {target * 100:g} % promised, {got['months']:.0f} months"
        print(f"  {words}: {got['told']:.2f} / {got['paged']:.3f} / {got['sloth']:.2f}", flush=True)
        result[f"{events}_{target}"] = got
    return result


def main() -> None:
    """Measure, print, and write."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--short", action="store_true", help="few seeds: only to see that it works")
    asked.add_argument("--json", type=Path)
    given = asked.parse_args()
    seeds, nights, less = (30, 10, 20) if given.short else (400, 100, 1)
    began = time.perf_counter()
    limit = tail(30, 0.05, 2)
    print(f"Of 30 requests at 5 % two fail in {limit * 100:.1f} % of cases: nothing that needs two can find more.\n")
    result: dict[str, Any] = {"limit": limit, "planted": print_planted(seeds)}
    result |= {"nights": print_nights(nights), "months": print_months(less)}
    print(f"\n{time.perf_counter() - began:.0f} s")
    if given.json:
        given.json.write_text(json.dumps(result, indent=1, default=str) + "\n")


if __name__ == "__main__":
    main()
