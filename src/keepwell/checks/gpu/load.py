"""Does the model lie where it should, is there memory, and does the GPU run at full speed?"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from keepwell.checks.gpu.devices import (
    Gpu,
    engine_pids,
    engines_on,
    evidence_of,
    list_gpus,
    works,
)
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing, Seen, Value
from keepwell.core.ref import Ref, node
from keepwell.core.values import find_number, row_of, rows_of, text_of, texts_of
from keepwell.plugins.facts import engine_facts, engine_title, looked_at

#: Share of a model on the GPU from which it counts as wholly there: engines keep some input layers on the CPU.
WHOLE_RATIO = 0.99
#: A GPU is full when less than this share, and less than this many bytes, are free (engines fill it to 90-97 %).
FULL_RATIO = 0.02
FULL_BYTES = 512 * 1024 * 1024
#: Memory is short when less than this share is free and other programs hold at least as much.
SHORT_RATIO = 0.10
#: Reasons for lowered clocks that tell of trouble, with the word for it; idle and chosen clocks are none.
SLOWED: tuple[tuple[str, str], ...] = (
    ("power-brake", "power"),
    ("thermal-hardware", "thermal"),
    ("thermal", "thermal"),
    ("hardware-slowdown", "hardware"),
    ("board-limit", "power"),
    ("reliability", "hardware"),
)
#: A power limit below this share of the delivered one was set by someone and costs speed.
LOW_LIMIT = 0.7
#: A link of less than half its width halves what loading a model takes; cards at rest keep their width.
NARROW = 0.5


def judge_placement(seen: Seen) -> Iterator[Finding]:
    """Bad when a GPU works and a loaded model lies on the CPU; of how busy the GPU is nothing is concluded."""
    for engine in seen.subjects("engine"):
        gpus = [gpu for gpu in list_gpus(seen, engine.node) if works(seen, gpu)]
        rows = [
            row for row in rows_of(seen.value(engine, "engine.loaded")) if find_number(row.get("gpu_ratio")) is not None
        ]
        if not gpus or not rows:
            continue
        row = min(rows, key=_gpu_ratio)
        ratio, size = _gpu_ratio(row), find_number(row.get("size_bytes")) or 0.0
        room = sum(_room(seen, gpu) for gpu in gpus)
        fits = size <= room
        status, kind = Status.OK, "gpu"
        words = f"{text_of(row, 'name')} lies on the GPU ({ratio:.0%})"
        if ratio == 0.0:
            status, kind = Status.CRITICAL, "cpu"
            words = f"{text_of(row, 'name')} lies wholly on the CPU, and {gpus[0].name} works"
        elif ratio < WHOLE_RATIO:
            status, kind = Status.WARNING, "split"
            words = f"{text_of(row, 'name')} lies on the GPU to {ratio:.0%} only"
        yield Finding(
            check="gpu.placement",
            subject=engine,
            status=status,
            message=f"{engine_title(seen, engine)}: {words}",
            facts=engine_facts(
                seen,
                engine,
                kind=kind,
                model=text_of(row, "name"),
                gpu_ratio=f"{ratio:.2f}",
                size_bytes=f"{size:.0f}",
                gpu_total_bytes=f"{room:.0f}",
                fits={True: "yes", False: "no"}[fits],
                device=gpus[0].name,
                vendor=gpus[0].vendor,
                nearest_target=text_of(row_of(seen.value(gpus[0].ref, "device.identity")), "nearest_target"),
            ),
            evidence=(*looked_at(seen, engine, "engine.loaded"), *looked_at(seen, node(engine.node), "device.runtime")),
        )


def _room(seen: Seen, gpu: Gpu) -> float:
    """Memory that a model may take on this GPU: its own, or the machine's where it says that it has none apart."""
    total = seen.value(gpu.ref, "device.memory_total_bytes")
    if isinstance(total, Missing) and total.kind == "absent":
        total = seen.value(node(gpu.ref.node), "host.memory_total_bytes")
    return find_number(total) or 0.0


def judge_memory(seen: Seen) -> Iterator[Finding]:
    """Bad when the GPU's memory is full, or short because programs other than engines hold a good part."""
    for gpu in list_gpus(seen):
        total = find_number(seen.value(gpu.ref, "device.memory_total_bytes"))
        used = find_number(seen.value(gpu.ref, "device.memory_used_bytes"))
        if not total or used is None:
            continue
        free = total - used
        foreign = list(_foreign(gpu, seen))
        held = sum(bytes_used for _, bytes_used, _ in foreign)
        status, kind, words = Status.OK, "room", f"{gpu.name} has {free / 1e9:.1f} of {total / 1e9:.1f} GB free"
        if free < total * FULL_RATIO and free < FULL_BYTES:
            status, kind, words = Status.WARNING, "full", f"{gpu.name} is full: {free / 1e6:.0f} MB free"
        largest = max(foreign, key=_held, default=(0, 0.0, ""))
        if free < total * SHORT_RATIO and held >= total * SHORT_RATIO:
            status, kind = Status.WARNING, "foreign"
            words = f"{largest[2]} (pid {largest[0]}) holds {largest[1] / 1e9:.1f} GB of {gpu.name}"
        yield Finding(
            check="gpu.memory",
            subject=gpu.ref,
            status=status,
            message=words,
            facts=gpu.facts(
                kind=kind,
                total_bytes=f"{total:.0f}",
                used_bytes=f"{used:.0f}",
                free_bytes=f"{free:.0f}",
                holder_pid=largest[0] or "",
                holder_program=largest[2],
            ),
            evidence=evidence_of(
                seen.find(gpu.ref, "device.memory_used_bytes"), seen.find(gpu.ref, "device.processes")
            ),
        )


def _foreign(gpu: Gpu, seen: Seen) -> Iterator[tuple[int, float, str]]:
    """Processes on the GPU that are known here and belong to no engine: pid, bytes, program."""
    ours = engine_pids(seen, gpu.ref.node)
    programs = {
        find_number(row.get("pid")): "".join(texts_of(row.get("argv"))[:1])
        for row in rows_of(seen.value(node(gpu.ref.node), "host.processes"))
    }
    for row in rows_of(seen.value(gpu.ref, "device.processes")):
        pid, used = find_number(row.get("pid")), find_number(row.get("used_bytes"))
        if pid is not None and used is not None and pid not in ours and programs.get(pid):
            yield int(pid), used, programs[pid]


def judge_throttle(seen: Seen) -> Iterator[Finding]:
    """Bad when heat, power or the board itself lowers the clocks, or a low power limit does."""
    for gpu in list_gpus(seen):
        one = seen.find(gpu.ref, "device.throttle")
        if one is None or not isinstance(one.value, tuple):
            continue
        reasons = texts_of(one.value)
        kind = slowed_by(seen, gpu.ref, reasons)
        status, words = Status.OK, f"nothing slows {gpu.name} down"
        if kind:
            status, words = Status.WARNING, f"{gpu.name} runs at lowered clocks: {', '.join(reasons)}"
        yield Finding(
            check="gpu.throttle",
            subject=gpu.ref,
            status=status,
            message=words,
            facts=gpu.facts(
                kind=kind or "none",
                reasons=" ".join(reasons),
                temperature_celsius=_shown(seen, gpu.ref, "device.temperature_celsius"),
                power_watts=_shown(seen, gpu.ref, "device.power_watts"),
                power_limit_watts=_shown(seen, gpu.ref, "device.power_limit_watts"),
            ),
            evidence=evidence_of(one, seen.find(gpu.ref, "device.temperature_celsius")),
        )


def slowed_by(seen: Seen, ref: Ref, reasons: Collection[str]) -> str:
    """What lowers a card's clocks for these reasons of its driver: heat, power, the board, or a power limit that is
    well below the card's own; "" for nothing that matters.
    """
    kind = next((kind for reason, kind in SLOWED if reason in reasons), "")
    limit = find_number(seen.value(ref, "device.power_limit_watts"))
    default = find_number(seen.value(ref, "device.power_limit_default_watts"))
    if not kind and "power-limit" in reasons and limit and default and limit < default * LOW_LIMIT:
        kind = "power-limit"
    return kind


def judge_link(seen: Seen) -> Iterator[Finding]:
    """Bad when a device sits on less than half of the PCIe lanes that it has."""
    for gpu in list_gpus(seen):
        link = row_of(seen.value(gpu.ref, "device.link"))
        width, best = find_number(link.get("width")), find_number(link.get("width_max"))
        if not width or not best:
            continue
        status, words = Status.OK, f"{gpu.name} has {width:.0f} of {best:.0f} PCIe lanes"
        if width < best * NARROW:
            status, words = Status.WARNING, f"{gpu.name} has only {width:.0f} of {best:.0f} PCIe lanes"
        yield Finding(
            check="gpu.link",
            subject=gpu.ref,
            status=status,
            message=words,
            facts=gpu.facts(width=f"{width:.0f}", width_max=f"{best:.0f}", generation=text_of(link, "generation")),
            evidence=evidence_of(seen.find(gpu.ref, "device.link")),
        )


def judge_order(seen: Seen) -> Iterator[Finding]:
    """Bad when an engine was started before the driver's module was loaded, and its model lies on the CPU."""
    for one in seen.named("device.errors"):
        loaded = [row for row in rows_of(one.value) if text_of(row, "code") == "loaded"]
        for engine in engines_on(seen, one.subject.node):
            process = row_of(seen.value(engine, "engine.process"))
            started = find_number(process.get("started_at"))
            moments = [at for at in (find_number(row.get("at")) for row in loaded) if at is not None]
            models = [
                row
                for row in rows_of(seen.value(engine, "engine.loaded"))
                if find_number(row.get("gpu_ratio")) is not None
            ]
            if started is None or not moments or not models:
                continue
            late = started < min(moments) and all(_gpu_ratio(row) == 0.0 for row in models)
            status, words = Status.OK, "was started after the GPU's driver, or uses it"
            if late:
                status = Status.WARNING
                words = f"was started {min(moments) - started:.0f} s before the GPU's driver, and does not use it"
            yield Finding(
                check="gpu.order",
                subject=engine,
                status=status,
                message=f"{engine_title(seen, engine)} {words}",
                facts=engine_facts(seen, engine, seconds=f"{min(moments) - started:.0f}"),
                evidence=(one, *looked_at(seen, engine, "engine.process", "engine.loaded")),
            )


def _gpu_ratio(row: Mapping[str, Value]) -> float:
    return find_number(row.get("gpu_ratio")) or 0.0


def _held(one: tuple[int, float, str]) -> float:
    return one[1]


def _shown(seen: Seen, ref: Ref, name: str) -> str:
    number = find_number(seen.value(ref, name))
    if number is None:
        return ""
    return f"{number:.0f}"
