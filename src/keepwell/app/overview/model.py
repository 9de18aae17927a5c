"""The whole fleet at one instant, as rows that a screen shows. Frozen data; JSON by `keepwell.app.plain.document`."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.core.finding import Status
from keepwell.core.observation import Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRow:
    """A GPU or NPU now. Ratios are 0..1; what the device does not tell is Missing with the reason."""

    ref: str
    name: str
    utilisation_ratio: float | Missing
    memory_used_bytes: float | Missing
    memory_total_bytes: float | Missing
    temperature_celsius: float | Missing
    power_watts: float | Missing
    clock_hertz: float | Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """A model in an engine's memory: `gpu_ratio` is the share of it on the GPU, `unload_seconds` the time until it goes
    by itself (Missing: it stays, or nobody tells).
    """

    name: str
    size_bytes: float | Missing
    gpu_ratio: float | Missing
    unload_seconds: float | Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRow:
    """An engine: how it is, what it works on, its process's memory, and the models that it holds."""

    ref: str
    title: str
    url: str
    version: str | Missing
    status: Status
    state: str
    running: float | Missing
    waiting: float | Missing
    memory_bytes: float | Missing
    models: tuple[ModelRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRow:
    """A node with its devices and engines. `status` is the worst of all that is known of it, `state` that in words
    ("" while all is well); `seen_at` is when numbers of it came last (seconds since the epoch, 0 for never).
    """

    ref: str
    name: str
    status: Status
    state: str
    seen_at: float
    system: str
    processor_ratio: float | Missing
    memory_used_bytes: float | Missing
    memory_total_bytes: float | Missing
    devices: tuple[DeviceRow, ...]
    engines: tuple[EngineRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """A request that runs or waits now. `stage` is waiting, prompt or answering; `source` is gateway, or log for one
    that an engine's log tells of (its client goes round the gateway).
    """

    id: str
    source: str
    model: str
    key: str
    replica: str
    stage: str
    seconds: float
    queue_seconds: float | Missing
    ttft_seconds: float | Missing
    output_tokens: float | Missing
    tokens_per_second: float | Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkRow:
    """A batch or a job that runs, waits, or ended lately. `total` is 0 where nobody knows it."""

    kind: str
    name: str
    state: str
    done: int
    total: int
    left_seconds: float | Missing
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRow:
    """An incident that lasts. `cause` is the likeliest one and `command` what to run next, "" where nobody knows."""

    id: str
    status: Status
    title: str
    subject: str
    since: float
    acknowledged: bool
    cause: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """All of it. `at` is in seconds since the epoch; `notes` say what could not be looked at, and why."""

    at: float
    here: str
    nodes: tuple[NodeRow, ...]
    requests: tuple[RequestRow, ...]
    work: tuple[WorkRow, ...]
    alerts: tuple[AlertRow, ...]
    notes: tuple[str, ...] = ()
    schema: str = "keepwell.overview/1"

    @property
    def exit_code(self) -> int:
        """2 where anything is critical, 1 where there is a warning, else 0."""
        worst = max((one.status for one in self.nodes), default=Status.OK)
        return {Status.CRITICAL: 2, Status.WARNING: 1}.get(worst, 0)
