"""Rules for a Prometheus that reads keepwell's pages: what it computes beforehand, and when it calls.

keepwell alerts by itself, with diagnosis and without a Prometheus. These rules are for those who have one already; each
has the floor that few requests need, since one failure of three says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

#: How often the rules are evaluated, as Prometheus writes it.
INTERVAL = "30s"
#: Outcomes that are the servers' and not the client's: a request that was given up, or asked for what there is not, is
#: no failure. What an engine itself refuses counts, since only its client could know.
FAILED = "replica_.+|engine_error|error_in_stream|queue_full|queue_timeout|no_replica|model_mismatch|gateway_ends"
#: Requests and failures in five minutes below which a share says nothing.
FLOOR_REQUESTS, FLOOR_FAILURES = 20, 3

Severity: TypeAlias = Literal["warning", "critical"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A series that is computed: its name as `level:what:operation`, and from what."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An alert: when (`expression` gives anything for as long as `hold`), how bad, and what it says."""

    name: str
    expression: str
    summary: str
    hold: str = "5m"
    severity: Severity = "warning"
    fix: str = "keepwell diagnose"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rules that are evaluated together, in their order."""

    name: str
    records: tuple[Record, ...] = ()
    calls: tuple[Call, ...] = ()


def _quantile(share: str, what: str, name: str) -> Record:
    buckets = f"rate(keepwell_gateway_{what}_bucket[5m])"
    return Record(
        name=f"route:keepwell_gateway_{what}:{name}_5m",
        expression=f"histogram_quantile({share}, sum by (route, le) ({buckets}))",
    )


_TIMES = ("time_to_first_token_seconds", "request_time_per_output_token_seconds", "request_queue_time_seconds")
_SHARES = (("0.5", "p50"), ("0.95", "p95"), ("0.99", "p99"))

GATEWAY = Group(
    name="keepwell-gateway",
    records=(
        Record(
            name="route:keepwell_gateway_requests:increase5m",
            expression="sum by (route) (increase(keepwell_gateway_requests_total[5m]))",
        ),
        Record(
            name="route:keepwell_gateway_failures:increase5m",
            expression=f'sum by (route) (increase(keepwell_gateway_requests_total{{outcome=~"{FAILED}"}}[5m]))',
        ),
        Record(
            name="route:keepwell_gateway_failures:ratio5m",
            expression="route:keepwell_gateway_failures:increase5m / (route:keepwell_gateway_requests:increase5m > 0)",
        ),
        Record(
            name="route:keepwell_gateway_tokens:rate5m",
            expression="sum by (route, kind) (rate(keepwell_gateway_tokens_total[5m]))",
        ),
        *(_quantile(share, what, name) for what in _TIMES for share, name in _SHARES),
    ),
    calls=(
        Call(
            name="KeepwellRequestsFail",
            expression="route:keepwell_gateway_failures:ratio5m > 0.05"
            f" and route:keepwell_gateway_requests:increase5m >= {FLOOR_REQUESTS}"
            f" and route:keepwell_gateway_failures:increase5m >= {FLOOR_FAILURES}",
            severity="critical",
            summary="{{ $value | humanizePercentage }} of the requests for {{ $labels.route }} fail",
            fix="keepwell requests --failed --since 30m",
        ),
        Call(
            name="KeepwellFirstTokenSlow",
            expression="route:keepwell_gateway_time_to_first_token_seconds:p95_5m > 10"
            f" and route:keepwell_gateway_requests:increase5m >= {FLOOR_REQUESTS}",
            hold="10m",
            summary="One of twenty requests for {{ $labels.route }} waits longer than"
            " {{ $value | humanizeDuration }} for its first token",
            fix="keepwell diagnose --level 4",
        ),
        Call(
            name="KeepwellRequestsWait",
            expression="min_over_time(keepwell_gateway_requests_waiting[10m]) > 0",
            summary="Requests for {{ $labels.route }} have been waiting for a free replica for ten minutes",
            fix="keepwell replicas",
        ),
        Call(
            name="KeepwellReplicaOut",
            expression="keepwell_gateway_replica_out == 1",
            hold="10m",
            summary="{{ $labels.replica }} gets no requests",
            fix="keepwell replicas",
        ),
        Call(
            name="KeepwellRecordLosesRows",
            expression="increase(keepwell_gateway_record_lost_total[10m]) > 0",
            hold="0m",
            summary="The record of requests loses rows: its disk is full or too slow",
            fix="keepwell diagnose --level 2",
        ),
    ),
)

FLEET = Group(
    name="keepwell-fleet",
    records=(
        Record(name="node:keepwell_device_power_watts:sum", expression="sum by (node) (keepwell_device_power_watts)"),
        Record(
            name="device:keepwell_device_memory_used:ratio",
            expression="keepwell_device_memory_used_bytes / keepwell_device_memory_total_bytes",
        ),
    ),
    calls=(
        Call(
            name="KeepwellHubMissing",
            expression="absent(keepwell_build_info)",
            severity="critical",
            summary="The hub's page is not read: either it is down or Prometheus does not reach it",
            fix="keepwell up",
        ),
        Call(
            name="KeepwellGatewayMissing",
            expression="absent(keepwell_gateway_client_connections)",
            severity="critical",
            summary="The gateway's page is not read: either it is down or Prometheus does not reach it",
            fix="keepwell up",
        ),
        Call(
            name="KeepwellAllowanceSpent",
            expression="slo:period_error_budget_remaining:ratio < 0",
            hold="15m",
            summary="The objective {{ $labels.sloth_slo }} is missed: nothing of the period's allowance is left",
            fix="keepwell slo",
        ),
        Call(
            name="KeepwellNodeMissing",
            expression="keepwell_hub_node_up == 0",
            severity="critical",
            summary="No numbers come from {{ $labels.node }}",
            fix="keepwell discover",
        ),
        Call(
            name="KeepwellCollectorFails",
            expression="keepwell_collector_up == 0",
            hold="10m",
            summary="{{ $labels.collector }} on {{ $labels.node }} fails or hangs: its numbers are missing",
        ),
        Call(
            name="KeepwellDutyFails",
            expression="keepwell_hub_duty_up == 0",
            hold="10m",
            summary="The hub's {{ $labels.duty }} fails again and again",
        ),
        Call(
            name="KeepwellGpuHot",
            expression="keepwell_device_temperature_celsius > 90",
            summary="GPU {{ $labels.gpu }} of {{ $labels.node }} has {{ $value }} °C",
            fix="keepwell diagnose --level 2",
        ),
        Call(
            name="KeepwellMemoryShort",
            expression="keepwell_host_memory_available_bytes / keepwell_host_memory_total_bytes < 0.05",
            hold="10m",
            summary="{{ $labels.node }} has {{ $value | humanizePercentage }} of its memory left",
            fix="keepwell diagnose --level 2",
        ),
        Call(
            name="KeepwellFileSystemFull",
            expression="keepwell_mount_used_ratio > 0.95",
            hold="15m",
            summary="{{ $labels.mount }} of {{ $labels.node }} is {{ $value | humanizePercentage }} full",
            fix="keepwell diagnose --level 2",
        ),
        Call(
            name="KeepwellPoolUnwell",
            expression="keepwell_host_pool_healthy == 0",
            severity="critical",
            summary="The pool {{ $labels.pool }} of {{ $labels.node }} is not healthy",
            fix="keepwell diagnose --level 2",
        ),
        Call(
            name="KeepwellDiskFails",
            expression="keepwell_host_disk_healthy == 0",
            hold="0m",
            severity="critical",
            summary="The disk {{ $labels.disk }} of {{ $labels.node }} says that it fails: copy what is on it",
            fix="keepwell diagnose --level 2",
        ),
        Call(
            name="KeepwellKilledForMemory",
            expression="increase(keepwell_host_oom_kills_total[15m]) > 0",
            hold="0m",
            summary="A process of {{ $labels.node }} was killed for want of memory",
        ),
        Call(
            name="KeepwellGpuErrors",
            expression="increase(keepwell_device_errors_total[15m]) > 0",
            hold="0m",
            severity="critical",
            summary="GPU {{ $labels.gpu }} of {{ $labels.node }} reports errors",
        ),
        Call(
            name="KeepwellSinkFails",
            expression="keepwell_hub_sink_up == 0",
            hold="10m",
            summary="Numbers do not reach {{ $labels.sink }}; they wait on disk",
            fix="keepwell diagnose",
        ),
        Call(
            name="KeepwellCacheFull",
            expression="keepwell_engine_kv_cache_ratio > 0.95",
            hold="10m",
            summary="{{ $labels.engine }} on {{ $labels.node }} has no room for more context: requests will wait",
            fix="keepwell diagnose --level 4",
        ),
    ),
)

GROUPS: tuple[Group, ...] = (GATEWAY, FLEET)
