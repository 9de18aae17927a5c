"""What probes can observe about a GPU or NPU, and about its driver."""

from __future__ import annotations

from keepwell.core.metric import Fact, Metric, Unit

DECLARED: tuple[Fact | Metric, ...] = (
    Fact(
        name="device.list",
        about="node",
        help="GPUs and NPUs on the bus",
        shape="tuple of mappings index pci vendor plug_in id name driver driver_wished computes (bool) "
        "power (active suspended ...) kind (discrete integrated npu paravirtual soc)",
    ),
    Fact(
        name="device.identity",
        about="device",
        help="The device",
        shape="mapping vendor name pci id driver kind power, and where its driver tells uuid compute_capability "
        "compute_mode persistence nearest_target (of its generation, the target that most builds have code for)",
    ),
    Fact(
        name="device.selectors",
        about="node",
        help="Environment variables that choose or hide devices of the vendors that are here",
        shape="tuple of mappings variable vendor hiding (tuple of values that hide all) by_index by_uuid",
    ),
    Fact(
        name="device.driver",
        about="node",
        help="Drivers, one for each vendor that is here",
        shape="tuple of mappings vendor module library libraries (path -> version) api flavour loaded (tuple) rivals "
        "(tuple) module_file built_for (tuple of kernels) problem kernel",
    ),
    Fact(
        name="device.nodes",
        about="node",
        help="Device nodes that computing needs",
        shape="tuple of mappings path vendor there required mode uid gid group major minor major_wished (of "
        "/proc/devices) pci",
    ),
    Fact(
        name="device.access",
        about="engine",
        help="Whether the serving process may open the device nodes",
        shape="mapping uid user groups (tuple) nodes (tuple of mappings path vendor accessible reason (mode rule "
        "not-in-container) mode group)",
    ),
    Fact(
        name="device.runtime",
        about="node",
        help="What initialising the compute runtime in a child process says, one for each vendor that has one",
        shape="tuple of mappings vendor code name devices version seconds, or missing and reason",
    ),
    Fact(
        name="device.throttle",
        about="device",
        help="Reasons for lowered clocks",
        shape="tuple of words: idle application-clocks power-limit "
        "hardware-slowdown sync-boost thermal thermal-hardware power-brake display-clocks board-limit reliability",
    ),
    Fact(
        name="device.processes",
        about="device",
        help="Processes that hold its memory",
        shape="tuple of mappings pid used_bytes",
    ),
    Fact(
        name="device.errors",
        about="node",
        help="GPU errors in the kernel log since boot",
        shape="tuple of mappings vendor kind (xid sxid driver module) code name meaning action again severity "
        "(critical warning note) lasting echo pci pid program at text count; the newest of each kind, code and device",
    ),
    Fact(
        name="device.memory_health",
        about="device",
        help="Uncorrected memory errors and rows that wait for repair",
        shape="mapping uncorrected_errors remap_pending remap_failed",
    ),
    Fact(
        name="device.condition",
        about="device",
        help="Whether it answers its driver at all",
        shape="answers, lost (gone from the bus), reset-required, no-power, unreachable, or not-listed (by its driver)",
    ),
    Fact(
        name="device.partition",
        about="device",
        help="Whether its hardware is split into instances of their own (NVIDIA: MIG)",
        shape="mapping on pending (both bool; pending counts after the next reset) instances (number)",
    ),
    Fact(
        name="device.licence",
        about="device",
        help="Whether it is a virtual GPU lent by a host, and the state of its licence",
        shape="mapping virtual (bool), and for a virtual one state (licensed unlicensed restricted unrestricted "
        "unknown) product",
    ),
    Fact(
        name="device.link",
        about="device",
        help="Its PCIe link now (a card at rest lowers the generation, never the width) and at best",
        shape="mapping generation generation_max width width_max",
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
    Metric(
        name="device.power_limit_default_watts", unit=Unit.WATTS, about="device", help="Power limit as it was delivered"
    ),
    Metric(name="device.clock_hertz", unit=Unit.HERTZ, about="device", help="Core clock"),
)
