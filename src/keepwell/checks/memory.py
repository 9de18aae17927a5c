"""Has the machine memory to spare, or does it live on swap and waiting?"""

from __future__ import annotations

from collections.abc import Iterator

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Observation, Seen
from keepwell.core.values import find_number, row_of
from keepwell.plugins.facts import engine_facts, engine_title, looked_at

#: Shares of the memory below which little, and next to none, can be had without swapping.
LOW_RATIO = 0.05
LEAST_RATIO = 0.02
#: Swap is used up from this share, and hurts when at the same time less than this share of the memory is left.
SWAP_RATIO = 0.9
SHORT_RATIO = 0.10
#: An engine lives on swap when this much of it, and this share of what it uses, is swapped out.
ENGINE_SWAP_BYTES = 256 * 1024**2
ENGINE_SWAP_RATIO = 0.10
#: Shares of the last 10 s in which some, or all, tasks waited for memory (Facebook's oomd acts on `full` near 0.1).
SOME_RATIO = 0.20
FULL_RATIO = 0.05
FULL_CRITICAL_RATIO = 0.20


def judge_available(seen: Seen) -> Iterator[Finding]:
    """Bad when less than a twentieth of the memory can be had without swapping."""
    for one in seen.named("host.memory_available_bytes"):
        available = find_number(one.value)
        total = find_number(seen.value(one.subject, "host.memory_total_bytes"))
        if available is None or not total:
            continue
        status = Status.OK
        if available < total * LOW_RATIO:
            status = Status.WARNING
        if available < total * LEAST_RATIO:
            status = Status.CRITICAL
        yield Finding(
            check="memory.available",
            subject=one.subject,
            status=status,
            message=f"{available / 1e9:.1f} of {total / 1e9:.1f} GB of memory are available",
            facts={"available_bytes": f"{available:.0f}", "total_bytes": f"{total:.0f}"},
            evidence=(one,),
        )


def judge_swap(seen: Seen) -> Iterator[Finding]:
    """Bad when swap is used up while memory is short, or when a good part of an engine is swapped out."""
    for one in seen.named("host.swap_used_bytes"):
        finding = _judge_node(one, seen)
        if finding is not None:
            yield finding
    for one in seen.named("engine.swap_bytes"):
        swapped = find_number(one.value)
        resident = find_number(seen.value(one.subject, "engine.resident_bytes")) or 0.0
        if swapped is None:
            continue
        status, words = Status.OK, "is not swapped out"
        if swapped >= ENGINE_SWAP_BYTES and swapped >= (swapped + resident) * ENGINE_SWAP_RATIO:
            status = Status.WARNING
            words = f"has {swapped / 1e9:.1f} GB swapped out, beside {resident / 1e9:.1f} GB in memory"
        yield Finding(
            check="memory.swap",
            subject=one.subject,
            status=status,
            message=f"{engine_title(seen, one.subject)} {words}",
            facts=engine_facts(seen, one.subject, kind="engine", swapped_bytes=f"{swapped:.0f}"),
            evidence=looked_at(seen, one.subject, "engine.swap_bytes", "engine.resident_bytes"),
        )


def _judge_node(one: Observation, seen: Seen) -> Finding | None:
    used = find_number(one.value)
    swap = find_number(seen.value(one.subject, "host.swap_total_bytes"))
    total = find_number(seen.value(one.subject, "host.memory_total_bytes"))
    available = find_number(seen.value(one.subject, "host.memory_available_bytes"))
    if used is None or not swap or not total or available is None:
        return None
    status = Status.OK
    if used >= swap * SWAP_RATIO and available < total * SHORT_RATIO:
        status = Status.WARNING
    return Finding(
        check="memory.swap",
        subject=one.subject,
        status=status,
        message=f"{used / 1e9:.1f} of {swap / 1e9:.1f} GB of swap are used, {available / 1e9:.1f} GB of memory left",
        facts={"kind": "node", "swap_used_bytes": f"{used:.0f}", "swap_total_bytes": f"{swap:.0f}"},
        evidence=looked_at(seen, one.subject, "host.swap_used_bytes", "host.memory_available_bytes"),
    )


def judge_pressure(seen: Seen) -> Iterator[Finding]:
    """Bad when tasks wait for memory for a good part of the time."""
    for one in seen.named("host.pressure"):
        row = row_of(row_of(one.value).get("memory"))
        some, full = find_number(row.get("some_10_ratio")), find_number(row.get("full_10_ratio")) or 0.0
        if some is None:
            continue
        status = Status.OK
        if some >= SOME_RATIO or full >= FULL_RATIO:
            status = Status.WARNING
        if full >= FULL_CRITICAL_RATIO:
            status = Status.CRITICAL
        yield Finding(
            check="memory.pressure",
            subject=one.subject,
            status=status,
            message=f"in the last 10 s some task waited for memory {some:.0%} of the time, all of them {full:.0%}",
            facts={"some_ratio": f"{some:.2f}", "full_ratio": f"{full:.2f}"},
            evidence=(one,),
        )


CHECKS: tuple[Check, ...] = (
    Check(
        id="memory.available",
        title="The machine has memory to spare",
        needs=("host.memory_available_bytes", "host.memory_total_bytes"),
        judge=judge_available,
        level=2,
    ),
    Check(
        id="memory.swap",
        title="Neither the machine nor an engine lives on swap",
        needs=("host.swap_used_bytes", "host.swap_total_bytes", "engine.swap_bytes"),
        judge=judge_swap,
        level=2,
    ),
    Check(
        id="memory.pressure",
        title="Nothing waits for memory",
        needs=("host.pressure",),
        judge=judge_pressure,
        level=2,
    ),
)
