"""What probes can observe about a GPU or NPU, and about its driver."""

from __future__ import annotations

from keepwell.core.metric import Fact, Metric, Unit

DECLARED: tuple[Fact | Metric, ...] = (
    Fact(
        name="device.list",
        about="node",
        help="GPUs and NPUs on the bus",
        shape="tuple of mappings pci vendor name driver power",
    ),
    Fact(
        name="device.identity",
        about="device",
        help="The device",
        shape="mapping vendor name uuid pci compute_capability",
    ),
    Fact(
        name="device.driver",
        about="node",
        help="Driver versions",
        shape="mapping module library cuda loaded: tuple of modules flavour",
    ),
    Fact(
        name="device.nodes",
        about="node",
        help="Device nodes",
        shape="tuple of mappings path mode uid gid major minor accessible",
    ),
    Fact(
        name="device.runtime",
        about="node",
        help="What initialising the GPU runtime in a child process says",
        shape="mapping code name devices seconds",
    ),
    Fact(name="device.throttle", about="device", help="Reasons for lowered clocks", shape="tuple of words"),
    Fact(
        name="device.processes",
        about="device",
        help="Processes that hold its memory",
        shape="tuple of mappings pid used_bytes",
    ),
    Fact(
        name="device.errors",
        about="node",
        help="GPU errors in the kernel log",
        shape="tuple of mappings code at pci text",
    ),
    Metric(name="device.memory_total_bytes", unit=Unit.BYTES, about="device", help="Memory of the device"),
    Metric(name="device.memory_used_bytes", unit=Unit.BYTES, about="device", help="Memory in use"),
    Metric(
        name="device.utilisation_ratio",
        unit=Unit.RATIO,
        about="device",
        help="Share of time in which a kernel ran (not placement)",
    ),
    Metric(name="device.temperature_celsius", unit=Unit.CELSIUS, about="device", help="Core temperature"),
    Metric(name="device.power_watts", unit=Unit.WATTS, about="device", help="Power drawn"),
    Metric(name="device.power_limit_watts", unit=Unit.WATTS, about="device", help="Power limit in force"),
    Metric(name="device.clock_hertz", unit=Unit.HERTZ, about="device", help="Core clock"),
)
