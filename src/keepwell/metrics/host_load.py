"""What collectors tell of a node again and again: processor, memory, pressure, network, disks, its own limits."""

from __future__ import annotations

from keepwell.core.metric import Metric, MetricKind, Unit


def _host(name: str, unit: Unit, text: str, *labels: str, kind: MetricKind = "gauge") -> Metric:
    return Metric(name=f"host.{name}", unit=unit, help=text, about="node", kind=kind, labels=labels)


def _count(name: str, unit: Unit, text: str, *labels: str) -> Metric:
    return _host(name, unit, text, *labels, kind="counter")


_CPU = (
    _count(
        "cpu_seconds_total",
        Unit.SECONDS,
        "Time of all cores by what it went into: user (with nice), system, interrupt, idle, iowait, steal",
        "mode",
    ),
    _host("cpu_busy_ratio", Unit.RATIO, "Share of all cores' time that was not idle, since the look before"),
    _host("cores", Unit.COUNT, "Cores that are online"),
    _host("load", Unit.COUNT, "Tasks that run or wait uninterruptibly, averaged over so many minutes", "minutes"),
    _host("processes_running", Unit.COUNT, "Tasks that run or could run at once"),
    _host("processes_blocked", Unit.COUNT, "Tasks that wait for a disk or the like"),
    _count("context_switches_total", Unit.TOTAL, "Switches between tasks"),
    _count("forks_total", Unit.TOTAL, "Processes and threads begun"),
    _host("uptime_seconds", Unit.SECONDS, "Time since the node's start"),
)
_MEMORY = (
    _host("memory_used_bytes", Unit.BYTES, "Memory that cannot be had without swapping"),
    _host("memory_used_ratio", Unit.RATIO, "Share of memory that cannot be had without swapping"),
    _host("memory_free_bytes", Unit.BYTES, "Memory that holds nothing"),
    _host("memory_cached_bytes", Unit.BYTES, "Files kept in memory, and what else the kernel gives back when asked"),
    _host("memory_shared_bytes", Unit.BYTES, "Shared memory and memory file systems"),
    _host("memory_dirty_bytes", Unit.BYTES, "What is still to be written to disks"),
    _host("memory_locked_bytes", Unit.BYTES, "Memory that may not be swapped out"),
    _host("memory_huge_pages_bytes", Unit.BYTES, "Memory set aside as huge pages"),
    _host("memory_arc_bytes", Unit.BYTES, "The cache of ZFS; what it can give back counts as available"),
    _count("swap_in_bytes_total", Unit.BYTES, "Read back from swap"),
    _count("swap_out_bytes_total", Unit.BYTES, "Written to swap"),
    _count("major_faults_total", Unit.TOTAL, "Page faults that had to wait for a disk"),
    _count("oom_kills_total", Unit.TOTAL, "Processes that the kernel killed for want of memory"),
)
_PRESSURE = (
    _count(
        "pressure_seconds_total",
        Unit.SECONDS,
        "Time in which some or all (full) tasks waited for the resource cpu, memory or io",
        "resource",
        "share",
    ),
    _host(
        "pressure_ratio",
        Unit.RATIO,
        "Share of the last 10 s in which some or all (full) tasks waited for the resource",
        "resource",
        "share",
    ),
)
_NETWORK = (
    _count("network_received_bytes_total", Unit.BYTES, "Received by an interface", "interface"),
    _count("network_sent_bytes_total", Unit.BYTES, "Sent by an interface", "interface"),
    _count("network_errors_total", Unit.TOTAL, "Packets that an interface could not receive or send", "interface"),
    _count("network_drops_total", Unit.TOTAL, "Packets that were dropped at an interface", "interface"),
    _count("tcp_retransmits_total", Unit.TOTAL, "TCP segments that had to be sent again"),
    _host("tcp_connections", Unit.COUNT, "TCP connections that are open"),
)
_DISKS = (
    _count("disk_read_bytes_total", Unit.BYTES, "Read from a disk", "disk"),
    _count("disk_written_bytes_total", Unit.BYTES, "Written to a disk", "disk"),
    _count("disk_reads_total", Unit.TOTAL, "Reads that a disk finished", "disk"),
    _count("disk_writes_total", Unit.TOTAL, "Writes that a disk finished", "disk"),
    _count("disk_read_seconds_total", Unit.SECONDS, "Time that reads took, all added up", "disk"),
    _count("disk_write_seconds_total", Unit.SECONDS, "Time that writes took, all added up", "disk"),
    _count("disk_busy_seconds_total", Unit.SECONDS, "Time in which a disk had anything to do", "disk"),
    _host("disk_in_flight", Unit.COUNT, "Reads and writes under way", "disk"),
)
_LIMITS = (
    _host("limit_memory_bytes", Unit.BYTES, "Memory that the node's own control group may use, where it has a limit"),
    _host("limit_memory_used_bytes", Unit.BYTES, "What the node's own control group uses of it"),
    _host("limit_cores", Unit.COUNT, "Cores' worth of time that the node's own control group may use"),
    _count("limit_throttled_seconds_total", Unit.SECONDS, "Time in which the node's own control group had to wait"),
    _count("limit_oom_kills_total", Unit.TOTAL, "Processes killed at the memory limit of the node's control group"),
)
_SPACE = (
    Metric(name="mount.total_bytes", unit=Unit.BYTES, about="mount", help="Size of a file system"),
    Metric(name="mount.free_bytes", unit=Unit.BYTES, about="mount", help="What anybody may still write to it"),
    Metric(name="mount.used_ratio", unit=Unit.RATIO, about="mount", help="Share of it that is not free for everybody"),
)

DECLARED: tuple[Metric, ...] = (*_CPU, *_MEMORY, *_PRESSURE, *_NETWORK, *_DISKS, *_LIMITS, *_SPACE)
