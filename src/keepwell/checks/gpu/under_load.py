"""GPUs while an engine generated: do they slow down, and does the model lie on them?"""

from __future__ import annotations

from collections.abc import Iterator

from keepwell.checks.gpu.devices import evidence_of, list_gpus, works
from keepwell.checks.gpu.load import WHOLE_RATIO, slowed_by
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Seen
from keepwell.core.values import find_number, row_of, text_of, texts_of
from keepwell.plugins.facts import engine_facts, engine_title, looked_at
from keepwell.plugins.speeds import generation_rate, number_of


def judge_throttle_under_load(seen: Seen) -> Iterator[Finding]:
    """Bad when heat, power or the board lowered the clocks during a generation, or a low power limit did."""
    for gpu in list_gpus(seen):
        one = seen.find(gpu.ref, "device.under_load")
        row = row_of(seen.value(gpu.ref, "device.under_load"))
        if one is None or not isinstance(row.get("throttle"), tuple):
            continue
        reasons = texts_of(row.get("throttle"))
        kind = slowed_by(seen, gpu.ref, reasons)
        status, words = Status.OK, f"nothing slowed {gpu.name} down while it generated"
        if kind:
            status, words = Status.WARNING, f"{gpu.name} lowered its clocks while it generated: {', '.join(reasons)}"
        told = {
            name: f"{number_of(row, name):.4g}" for name in ("temperature_celsius", "power_watts", "utilisation_ratio")
        }
        yield Finding(
            check="gpu.throttle_under_load",
            subject=gpu.ref,
            status=status,
            message=words,
            facts=gpu.facts(
                kind=kind or "none",
                reasons=" ".join(reasons),
                clock_megahertz=f"{number_of(row, 'clock_hertz') / 1e6:.0f}",
                **told,
            ),
            evidence=evidence_of(one, seen.find(gpu.ref, "device.power_limit_watts")),
        )


def judge_placement_under_load(seen: Seen) -> Iterator[Finding]:
    """Bad when a GPU works and the model that generated lies on the CPU, wholly or in part."""
    for one in seen.named("engine.speed"):
        row = row_of(one.value)
        ratio = find_number(row.get("gpu_ratio"))
        gpus = [gpu for gpu in list_gpus(seen, one.subject.node) if works(seen, gpu)]
        if not gpus or ratio is None:
            continue
        model, rate = text_of(row, "model"), generation_rate(one.value)
        size = number_of(row, "size_bytes")
        room = sum(find_number(seen.value(gpu.ref, "device.memory_total_bytes")) or 0.0 for gpu in gpus)
        status, kind, words = Status.OK, "gpu", f"generated with {model} on the GPU"
        if ratio < WHOLE_RATIO:
            status, kind = Status.WARNING, "split"
            words = f"generated {rate:.1f} tokens/s with {model} on the GPU to {ratio:.0%} only"
        if ratio == 0.0:
            status, kind = Status.CRITICAL, "cpu"
            words = f"generated {rate:.1f} tokens/s with {model} wholly on the CPU, and {gpus[0].name} works"
        yield Finding(
            check="gpu.placement_under_load",
            subject=one.subject,
            status=status,
            message=f"{engine_title(seen, one.subject)} {words}",
            facts=engine_facts(
                seen,
                one.subject,
                kind=kind,
                model=model,
                gpu_ratio=f"{ratio:.2f}",
                size_bytes=f"{size:.0f}",
                gpu_total_bytes=f"{room:.0f}",
                fits={True: "yes", False: "no"}[size <= room],
                device=gpus[0].name,
                vendor=gpus[0].vendor,
            ),
            evidence=(one, *looked_at(seen, one.subject, "engine.loaded")),
        )
