"""What collectors tell of running containers, by their control groups; no container engine is asked."""

from __future__ import annotations

from keepwell.core.metric import Metric, MetricKind, Unit


def _of(name: str, unit: Unit, text: str, *labels: str, kind: MetricKind = "gauge") -> Metric:
    return Metric(name=f"container.{name}", unit=unit, help=text, about="container", kind=kind, labels=labels)


DECLARED: tuple[Metric, ...] = (
    _of("cpu_seconds_total", Unit.SECONDS, "Processor time that it spent", kind="counter"),
    _of(
        "throttled_seconds_total", Unit.SECONDS, "Time in which it had to wait because of its CPU quota", kind="counter"
    ),
    _of("memory_bytes", Unit.BYTES, "Memory that counts as its own, with files kept in memory for it"),
    _of("memory_working_bytes", Unit.BYTES, "Memory without files that were not used lately: what counts at its limit"),
    _of("memory_limit_bytes", Unit.BYTES, "Memory that it may have"),
    _of("swap_bytes", Unit.BYTES, "What of it lies in swap"),
    _of("oom_kills_total", Unit.TOTAL, "Processes of it that were killed at its memory limit", kind="counter"),
    _of("processes", Unit.COUNT, "Its processes and threads"),
    _of("read_bytes_total", Unit.BYTES, "Read from disks for it", kind="counter"),
    _of("written_bytes_total", Unit.BYTES, "Written to disks for it", kind="counter"),
    _of(
        "pressure_ratio",
        Unit.RATIO,
        "Share of the last 10 s in which some of its tasks waited for the resource cpu, memory or io",
        "resource",
    ),
)
