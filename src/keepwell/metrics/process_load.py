"""What collectors tell of the processes that matter: of an engine, or of a container, with all their children."""

from __future__ import annotations

from keepwell.core.metric import Metric, MetricKind, Unit


def _of(name: str, unit: Unit, text: str, *labels: str, kind: MetricKind = "gauge") -> Metric:
    return Metric(name=f"process.{name}", unit=unit, help=text, about="engine", kind=kind, labels=labels)


DECLARED: tuple[Metric, ...] = (
    _of("alive", Unit.COUNT, "Processes: the one that was found, and its children of all generations"),
    _of(
        "memory_bytes",
        Unit.BYTES,
        "Memory that they hold, added up: anonymous (their own), file (files and shared memory that they look into; "
        "what several look into counts for each)",
        "kind",
    ),
    _of("swap_bytes", Unit.BYTES, "What of them lies in swap"),
    _of("threads", Unit.COUNT, "Their threads"),
    _of("cpu_seconds_total", Unit.SECONDS, "Processor time that they spent while they were watched", kind="counter"),
    _of(
        "major_faults_total",
        Unit.TOTAL,
        "Page faults of theirs that waited for a disk while they were watched",
        kind="counter",
    ),
    _of("uptime_seconds", Unit.SECONDS, "Time since the oldest of them began"),
    _of("restarts_total", Unit.TOTAL, "How often it began anew while it was watched", kind="counter"),
    _of("model_files", Unit.COUNT, "Files of models that they have open or mapped"),
    _of("model_mapped_bytes", Unit.BYTES, "How much of files of models they have mapped"),
    _of("open_files", Unit.COUNT, "Descriptors of the one of them that has the most"),
    _of("open_files_limit", Unit.COUNT, "Descriptors that it may have"),
)
