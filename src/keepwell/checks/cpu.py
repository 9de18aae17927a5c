"""May engines use the processor that is there, and has it the instructions that their builds use?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.ref import node
from keepwell.core.values import find_number, row_of, text_of, texts_of
from keepwell.plugins.facts import engine_facts, engine_title

#: Share of the scheduler's periods in which a group was held back, from which its speed suffers.
THROTTLED_RATIO = 0.10
#: Periods (of 0.1 s) below which the share says nothing.
PERIODS_LEAST = 100
#: Machines whose builds are made of these instructions; others have their own.
X86 = frozenset({"x86_64", "amd64", "i686"})
#: Without the first no usual build runs (or only a slow one); without the others builds for newer processors do not.
NEEDED = "avx"
USEFUL = ("avx2", "fma", "f16c")


def judge_quota(seen: Seen) -> Iterator[Finding]:
    """Bad when an engine's control group has a CPU quota and was held back by it."""
    for name in ("engine.cgroup", "host.cgroup"):
        for one in seen.named(name):
            row = row_of(one.value)
            if row and (name == "engine.cgroup" or text_of(_system(seen, one), "container")):
                yield _judge_group(one, row, seen)


def _judge_group(one: Observation, row: Mapping[str, Value], seen: Seen) -> Finding:
    cores = find_number(row_of(seen.value(node(one.subject.node), "host.cpu")).get("cores"))
    quota = find_number(row.get("cpu_quota_cores"))
    periods, held = find_number(row.get("periods")) or 0.0, find_number(row.get("throttled_periods")) or 0.0
    status, words, facts = Status.OK, "may use every core", {"kind": "none"}
    if quota is not None and (cores is None or quota < cores):
        share = held / max(1.0, periods)
        words = f"may use {quota:g} core(s) and was held back in {share:.0%} of the time"
        facts = {
            "kind": "quota",
            "quota_cores": f"{quota:g}",
            "throttled_ratio": f"{share:.2f}",
            "wished": str(max(1, math.floor(quota))),
            "path": text_of(row, "path"),
        }
        if cores is not None:
            facts["cores"] = f"{cores:.0f}"
        if periods >= PERIODS_LEAST and share >= THROTTLED_RATIO:
            status = Status.WARNING
    title = "this container"
    if one.subject.kind == "engine":
        title, facts = engine_title(seen, one.subject), engine_facts(seen, one.subject, **facts)
    return Finding(
        check="cpu.quota",
        subject=one.subject,
        status=status,
        message=f"{title} {words}",
        facts=facts,
        evidence=(one,),
    )


def judge_flags(seen: Seen) -> Iterator[Finding]:
    """Bad when an x86 processor (or the virtual one) lacks the vector instructions that builds use."""
    for one in seen.named("host.cpu"):
        system = _system(seen, one)
        flags = texts_of(row_of(one.value).get("flags"))
        if not flags or text_of(system, "machine") not in X86:
            continue
        missing = [flag for flag in (NEEDED, *USEFUL) if flag not in flags]
        status, kind, words = Status.OK, "complete", "the processor has the vector instructions that builds use"
        if missing:
            status, kind = Status.WARNING, "some"
            words = f"the processor lacks {', '.join(missing)}: builds that use them fail or run slowly"
        if NEEDED in missing:
            status, kind = Status.CRITICAL, "no-avx"
        virtual = text_of(system, "virtual")
        if missing and virtual:
            words += f"; it is a virtual one ({virtual}), whose type decides"
        facts = {
            "kind": kind,
            "missing": " ".join(missing),
            "model": text_of(row_of(one.value), "model"),
            "virtual": virtual,
        }
        yield Finding(
            check="cpu.flags",
            subject=one.subject,
            status=status,
            message=words,
            facts={key: value for key, value in facts.items() if value},
            evidence=(one,),
        )


def _system(seen: Seen, one: Observation) -> Mapping[str, Value]:
    return row_of(seen.value(node(one.subject.node), "host.system"))


CHECKS: tuple[Check, ...] = (
    Check(
        id="cpu.quota",
        title="No CPU quota holds an engine back",
        needs=("engine.cgroup", "host.cgroup", "host.cpu"),
        judge=judge_quota,
        level=2,
    ),
    Check(
        id="cpu.flags",
        title="The processor has the instructions that builds use",
        needs=("host.cpu", "host.system"),
        judge=judge_flags,
        level=2,
    ),
)
