"""Threads that compute against the cores that they may use, as seen while the engine generated."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.ref import node
from keepwell.core.values import find_number, row_of
from keepwell.plugins.facts import engine_facts, engine_title, looked_at
from keepwell.plugins.speeds import number_of

#: Share of the time that its threads together waited for a core, from which a surplus thread is felt: with one
#: thread too many on n cores each waits 1/(n+1) of its time, together once the whole time.
WAITED_RATIO = 0.25
#: Share of the allowed cores' time that its own threads used, from which it is they that the others waited for; on a
#: machine that other programs keep busy they get less.
OWN_RATIO = 0.7
#: So many more threads than cores are no accident, whatever other programs take.
MANY_RATIO = 2.0
#: Share of the time in which a control group was held back by its quota, as in checks of the quota itself.
THROTTLED_RATIO = 0.10


def judge_threads(seen: Seen) -> Iterator[Finding]:
    """Bad when more threads want to compute than cores are allowed and so wait, or when the quota holds them back."""
    for one in seen.named("engine.effort"):
        row = row_of(one.value)
        busy, seconds = number_of(row, "busy_threads"), number_of(row, "seconds")
        if not busy or not seconds:
            continue
        cores, kind = _cores(seen, one, row)
        waited = number_of(row, "waited_seconds") / seconds
        throttled = number_of(row, "throttled_seconds") / seconds
        own = cores and (busy > MANY_RATIO * cores or number_of(row, "cpu_seconds") >= OWN_RATIO * cores * seconds)
        status = Status.OK
        words = f"computes with {busy:.0f} thread(s) on {cores:g} core(s)"
        if own and busy > math.ceil(cores) and waited >= WAITED_RATIO:
            status = Status.WARNING
            words += f": they waited for a core {number_of(row, 'waited_seconds'):.1f} s in {seconds:.1f} s"
        elif throttled >= THROTTLED_RATIO:
            status, kind = Status.WARNING, "throttled"
            words += f", and its CPU quota held it back in {throttled:.0%} of the time"
        elif waited >= max(WAITED_RATIO, 0.5 * busy):
            status, kind = Status.WARNING, "others"
            words += ", and other programs take the cores half of the time"
        else:
            kind = "fits"
        facts = {
            "kind": kind,
            "threads": f"{busy:.0f}",
            "cores": f"{cores:g}",
            "quota_cores": f"{cores:g}",
            "wished": str(max(1, math.floor(cores))),
            "waited_ratio": f"{waited:.2f}",
            "cores_used": f"{number_of(row, 'cpu_seconds') / seconds:.2f}",
            "throttled_ratio": f"{throttled:.2f}",
        }
        yield Finding(
            check="speed.threads",
            subject=one.subject,
            status=status,
            message=f"{engine_title(seen, one.subject)} {words}",
            facts=engine_facts(seen, one.subject, **facts),
            evidence=(one, *looked_at(seen, one.subject, "engine.cgroup")),
        )


def _cores(seen: Seen, one: Observation, row: Mapping[str, Value]) -> tuple[float, str]:
    """The cores that its threads may use, and what says so: the quota, the affinity, or the machine; 0.0 if nothing."""
    known: list[tuple[float, str]] = []
    quota = find_number(row_of(seen.value(one.subject, "engine.cgroup")).get("cpu_quota_cores"))
    allowed = find_number(row.get("cores_allowed"))
    there = find_number(row_of(seen.value(node(one.subject.node), "host.cpu")).get("cores"))
    for number, kind in ((there, "cores"), (allowed, "affinity"), (quota, "quota")):
        if number and (not known or number < min(known)[0]):
            known.append((number, kind))
    if not known:
        return 0.0, "unknown"
    return min(known)
