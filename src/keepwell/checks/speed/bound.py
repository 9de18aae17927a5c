"""How far generation is from what the memory allows: one token reads every weight once.

A sequence that is generated alone is bound by memory: for each token all weights pass from memory to the
processor once, so that tokens/s <= bandwidth / bytes of the weights (R. Pope et al., "Efficiently Scaling
Transformer Inference", 2022, arXiv:2211.05102, section 2: memory time of the weights dominates at small
batches). Good kernels reach 50 to 85 % of it. A model of experts reads fewer bytes a token, and speculative
decoding writes several tokens a pass: then the speed is above the bound, and nothing is concluded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Observation, Seen
from keepwell.core.ref import node
from keepwell.core.values import find_number, row_of, text_of
from keepwell.plugins.facts import engine_facts, engine_title, looked_at
from keepwell.plugins.speeds import generation_rate, number_of

#: Share of the bound below which something is wrong. Small models, long contexts and old cards reach 30 to 50 %.
FAR_RATIO = 0.25
#: Weights below this say nothing: starting kernels outweighs reading memory.
LEAST_BYTES = 1_000_000_000
#: Share of a model on the GPU from which it is wholly there, and how busy a GPU is that computes one.
WHOLE_RATIO = 0.99
BUSY_RATIO = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Memory:
    """What the weights are read from: gpu, cpu or split; bytes per second; and who says so."""

    kind: str
    bytes_per_second: float
    source: str
    evidence: tuple[Observation, ...]


def judge_bandwidth(seen: Seen) -> Iterator[Finding]:
    """Bad when generation is below a quarter of the bound. Nothing where size or bandwidth is not known."""
    for one in seen.named("engine.speed"):
        rate, size = generation_rate(one.value), number_of(row_of(one.value), "size_bytes")
        memory = _find_memory(seen, one)
        if memory is None or not rate or size < LEAST_BYTES:
            continue
        bound = memory.bytes_per_second / size
        share = rate / bound
        status, kind = Status.OK, memory.kind
        words = (
            f"generates {rate:.1f} tokens/s; reading {size / 1e9:.1f} GB of weights for each at "
            f"{memory.bytes_per_second / 1e9:.0f} GB/s allows {bound:.0f} ({share:.0%})"
        )
        if share < FAR_RATIO:
            status = Status.WARNING
        if share > 1.0:
            kind = "above"
            words = f"generates {rate:.1f} tokens/s, more than reading all weights for each allows: it reads fewer"
        facts = {
            "kind": kind,
            "tokens_per_second": f"{rate:.3g}",
            "bound_tokens_per_second": f"{bound:.3g}",
            "bound_ratio": f"{share:.2f}",
            "source": memory.source,
            "model": text_of(row_of(one.value), "model"),
        }
        yield Finding(
            check="speed.bandwidth",
            subject=one.subject,
            status=status,
            message=f"{engine_title(seen, one.subject)} {words}",
            facts=engine_facts(seen, one.subject, **facts),
            evidence=(one, *memory.evidence),
        )


def _find_memory(seen: Seen, one: Observation) -> _Memory | None:
    """The memory that the weights are read from, by where the model lies; None if that or its speed is not known."""
    host = seen.find(node(one.subject.node), "host.memory_bandwidth")
    devices = [each for each in seen.named("device.bandwidth") if each.subject.node == one.subject.node]
    ratio = find_number(row_of(one.value).get("gpu_ratio"))
    if ratio is None:
        ratio = _guess_ratio(seen, one, devices)
    if ratio is None:
        return None
    slow, fast = _speed(host), min((_speed(each) for each in devices), default=0.0)
    if ratio >= WHOLE_RATIO:
        return _memory("gpu", fast, devices[:1])
    if ratio == 0.0:
        return _memory("cpu", slow, looked_at(seen, node(one.subject.node), "host.memory_bandwidth"))
    if not slow or not fast:
        return None
    evidence = (*looked_at(seen, node(one.subject.node), "host.memory_bandwidth"), *devices[:1])
    return _memory("split", 1 / (ratio / fast + (1 - ratio) / slow), evidence)


def _guess_ratio(seen: Seen, one: Observation, devices: list[Observation]) -> float | None:
    """Where a model lies whose engine does not tell: wholly on the CPU where no device is, on the GPU where one was
    busy meanwhile; None otherwise.
    """
    if not devices:
        return 0.0
    for each in devices:
        load = row_of(seen.value(each.subject, "device.under_load"))
        if text_of(load, "engine") == str(one.subject) and number_of(load, "utilisation_ratio") >= BUSY_RATIO:
            return 1.0
    return None


def _memory(kind: str, speed: float, evidence: list[Observation] | tuple[Observation, ...]) -> _Memory | None:
    if not speed:
        return None
    source = "; ".join(text_of(row_of(each.value), "source") for each in evidence)
    return _Memory(kind=kind, bytes_per_second=speed, source=source, evidence=tuple(evidence))


def _speed(one: Observation | None) -> float:
    if one is None:
        return 0.0
    return number_of(row_of(one.value), "bytes_per_second")
