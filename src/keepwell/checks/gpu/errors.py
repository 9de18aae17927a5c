"""Has the driver reported errors that still matter?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keepwell.checks.gpu.devices import Gpu, evidence_of, list_gpus, runtime_code
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing, Observation, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.values import find_number, row_of, rows_of, text_of

#: Seconds for which an error matters that a restart of the program ends: one older than a day is over.
RECENT_SECONDS = 86_400.0
SEVERITY = {"critical": Status.CRITICAL, "warning": Status.WARNING}
#: What to do, in one word for each beginning of the advice that the vendors' tables give.
ACTIONS: tuple[tuple[str, str], ...] = (
    ("Reboot", "reboot"),
    ("Stop every process", "reset"),
    ("Reset", "reset"),
    ("GPU Reset", "reset"),
    ("Node Reboot", "reboot"),
    ("Restart", "restart"),
    ("Switch off", "cables"),
)


def judge_errors(seen: Seen) -> Iterator[Finding]:
    """One finding a device: bad when an error of this boot needs a reset, or of the last day a restart."""
    for one in seen.named("device.errors"):
        gpus = list(list_gpus(seen, one.subject.node))
        if isinstance(one.value, Missing):
            yield from (_unknown(one, one.value, gpu) for gpu in gpus)
            continue
        rows = [row for row in rows_of(one.value) if _matters(row, one.at)]
        for gpu in gpus:
            mine = [row for row in rows if _belongs(row, gpu, gpus)]
            yield _judge(one, mine, gpu.ref, seen, gpu)
        if not gpus and rows:
            yield _judge(one, rows, one.subject, seen, None)


def _unknown(one: Observation, why: Missing, gpu: Gpu) -> Finding:
    return Finding(
        check="gpu.errors",
        subject=gpu.ref,
        status=Status.UNKNOWN,
        message=f"whether {gpu.name} reported errors is not known: {why.reason}",
        facts=gpu.facts(),
        evidence=(one,),
    )


def _matters(row: Mapping[str, Value], now: float) -> bool:
    if text_of(row, "severity") not in SEVERITY:
        return False
    at = find_number(row.get("at")) or 0.0
    return row.get("lasting") is True or now - at <= RECENT_SECONDS


def _belongs(row: Mapping[str, Value], gpu: Gpu, gpus: list[Gpu]) -> bool:
    """A line that names no device, or one that is no longer on the bus, counts for the vendor's first."""
    known = {text_of(one.row, "pci") for one in gpus}
    if text_of(row, "pci") in known:
        return text_of(row, "pci") == text_of(gpu.row, "pci")
    return text_of(row, "vendor") == gpu.vendor and gpu.number == 0


def _judge(one: Observation, rows: list[Mapping[str, Value]], subject: Ref, seen: Seen, gpu: Gpu | None) -> Finding:
    facts: dict[str, str] = {}
    if gpu is not None:
        facts = gpu.facts()
    if not rows:
        return Finding(
            check="gpu.errors",
            subject=subject,
            status=Status.OK,
            message="the kernel log tells of no GPU error that still matters",
            facts=facts,
            evidence=(one,),
        )
    row = max(rows, key=_weight)
    status = SEVERITY[text_of(row, "severity")]
    if runtime_code(seen, one.subject.node, text_of(row, "vendor")) == 0:
        status = Status.WARNING
    keys = ("vendor", "kind", "code", "meaning", "text", "pid", "program", "count", "again")
    facts |= {key: text_of(row, key) for key in keys}
    facts |= {"error": text_of(row, "name"), "advice": text_of(row, "action"), "action": short_action(row)}
    if text_of(row, "kind") == "xid":
        facts["xid"] = text_of(row, "code")
    return Finding(
        check="gpu.errors",
        subject=subject,
        status=status,
        message=f"{_title(row)}: {text_of(row, 'meaning')}. {text_of(row, 'action')}",
        facts={key: value for key, value in facts.items() if value},
        evidence=evidence_of(one, seen.find(one.subject, "device.runtime")),
    )


def short_action(row: Mapping[str, Value]) -> str:
    """The advice in one word: restart, reset, reboot, cables, or look."""
    return next((word for start, word in ACTIONS if text_of(row, "action").startswith(start)), "look")


def _title(row: Mapping[str, Value]) -> str:
    code, name = text_of(row, "code"), text_of(row, "name")
    if text_of(row, "kind") in ("xid", "sxid"):
        return f"{text_of(row, 'kind').capitalize()} {code} {name}".strip()
    return f"{text_of(row, 'vendor')} driver: {code}"


def judge_memory_health(seen: Seen) -> Iterator[Finding]:
    """Bad when memory errors could not be corrected, or a repair waits for a reset or failed."""
    for gpu in list_gpus(seen):
        one = seen.find(gpu.ref, "device.memory_health")
        row = row_of(seen.value(gpu.ref, "device.memory_health"))
        if one is None or not row:
            continue
        errors = find_number(row.get("uncorrected_errors")) or 0.0
        status, kind, words = Status.OK, "sound", f"{gpu.name} counts no memory error"
        if errors:
            status, kind, words = (
                Status.WARNING,
                "uncorrected",
                f"{gpu.name} counts {errors:.0f} uncorrected memory errors",
            )
        if row.get("remap_pending") is True:
            status, kind, words = Status.WARNING, "pending", f"{gpu.name} waits for a reset to repair its memory"
        if row.get("remap_failed") is True:
            status, kind, words = Status.CRITICAL, "failed", f"{gpu.name} could not repair its memory: it is faulty"
        yield Finding(
            check="gpu.memory_health",
            subject=gpu.ref,
            status=status,
            message=words,
            facts=gpu.facts(kind=kind, errors=f"{errors:.0f}"),
            evidence=(one,),
        )


def _weight(row: Mapping[str, Value]) -> tuple[int, bool, float]:
    """Worst first; of equals one that stands for itself before an echo of another, then the newest."""
    return SEVERITY[text_of(row, "severity")], row.get("echo") is not True, find_number(row.get("at")) or 0.0
