"""What collectors tell of disks' own health, of arrays and of pools."""

from __future__ import annotations

from keepwell.core.metric import Metric, MetricKind, Unit


def _host(name: str, unit: Unit, text: str, *labels: str, kind: MetricKind = "gauge") -> Metric:
    return Metric(name=f"host.{name}", unit=unit, help=text, about="node", kind=kind, labels=labels)


_DISKS = (
    _host("disk_healthy", Unit.COUNT, "1 if a disk's own judgement of itself is good, 0 if it expects to fail", "disk"),
    _host("disk_temperature_celsius", Unit.CELSIUS, "Temperature of a disk when it was last asked", "disk"),
    _host("disk_on_seconds_total", Unit.SECONDS, "Time that a disk was switched on", "disk", kind="counter"),
    _host("disk_reallocated_sectors", Unit.COUNT, "Sectors that a disk has replaced", "disk"),
    _host("disk_pending_sectors", Unit.COUNT, "Sectors that a disk could not read and has not replaced yet", "disk"),
    _host(
        "disk_media_errors_total",
        Unit.TOTAL,
        "Reads that a disk could not correct, since it was made",
        "disk",
        kind="counter",
    ),
    _host(
        "disk_cable_errors_total",
        Unit.TOTAL,
        "Transfers between a disk and its controller that failed: mostly the cable",
        "disk",
        kind="counter",
    ),
    _host(
        "disk_worn_ratio", Unit.RATIO, "Share of its rated life that a solid-state disk has used; may pass 1", "disk"
    ),
    _host("disk_spare_ratio", Unit.RATIO, "Spare blocks that a solid-state disk has left", "disk"),
)
_ARRAYS = (
    _host("array_disks", Unit.COUNT, "Disks that an array of the kernel (md) is made of", "array"),
    _host("array_missing_disks", Unit.COUNT, "Disks that it lacks", "array"),
    _host("array_sync_ratio", Unit.RATIO, "How far a rebuild or check has come; 1 when none is under way", "array"),
    _host("array_mismatches", Unit.COUNT, "Sectors in which the copies differed at the last check", "array"),
)
_POOLS = (
    _host("pool_healthy", Unit.COUNT, "1 while a storage pool (ZFS) is online, else 0", "pool"),
    _host("pool_total_bytes", Unit.BYTES, "Size of a storage pool", "pool"),
    _host("pool_free_bytes", Unit.BYTES, "What is free of it", "pool"),
    _host("pool_used_ratio", Unit.RATIO, "Share of it that is in use: above 0.8 ZFS becomes slow", "pool"),
    _host("pool_fragmented_ratio", Unit.RATIO, "How scattered its free space is", "pool"),
    _host(
        "pool_errors",
        Unit.COUNT,
        "Errors (read, write, checksum) of all its parts since they were cleared",
        "pool",
        "kind",
    ),
    _host("pool_data_errors", Unit.COUNT, "Files and other objects in it that are damaged for good", "pool"),
)

DECLARED: tuple[Metric, ...] = (*_DISKS, *_ARRAYS, *_POOLS)
