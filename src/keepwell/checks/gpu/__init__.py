"""GPUs, from the bus to the model: module, versions, runtime, nodes, access, errors, speed, memory, placement."""

from keepwell.checks.gpu.access import judge_access, judge_nodes, judge_visible
from keepwell.checks.gpu.driver import judge_module, judge_persistence, judge_runtime, judge_versions
from keepwell.checks.gpu.errors import judge_errors, judge_memory_health
from keepwell.checks.gpu.health import judge_answers, judge_compute_mode, judge_licence, judge_partition
from keepwell.checks.gpu.load import judge_link, judge_memory, judge_order, judge_placement, judge_throttle
from keepwell.checks.gpu.under_load import judge_placement_under_load, judge_throttle_under_load
from keepwell.core.finding import Check

CHECKS: tuple[Check, ...] = (
    Check(
        id="gpu.module",
        title="A driver that can compute is bound to each GPU",
        needs=("device.list", "device.driver", "host.system", "device.errors"),
        judge=judge_module,
        level=2,
    ),
    Check(
        id="gpu.versions",
        title="The driver's module and library are of one version",
        needs=("device.driver",),
        judge=judge_versions,
        level=2,
    ),
    Check(
        id="gpu.runtime",
        title="The compute runtime starts",
        needs=("device.runtime", "device.list"),
        judge=judge_runtime,
        level=2,
    ),
    Check(
        id="gpu.nodes",
        title="The device nodes are there, with the right numbers",
        needs=("device.nodes", "device.list", "device.runtime", "host.system"),
        judge=judge_nodes,
        level=2,
    ),
    Check(
        id="gpu.access",
        title="The engine may open the device nodes",
        needs=("device.access", "device.list", "engine.loaded"),
        judge=judge_access,
        level=2,
    ),
    Check(
        id="gpu.visible",
        title="No variable hides the GPUs from the engine",
        needs=("engine.process", "device.selectors", "device.list"),
        judge=judge_visible,
        level=2,
    ),
    Check(
        id="gpu.answers",
        title="Each GPU answers its driver",
        needs=("device.condition", "device.list", "host.system"),
        judge=judge_answers,
        level=2,
    ),
    Check(
        id="gpu.compute_mode",
        title="Programs may compute on the GPU",
        needs=("device.identity", "device.list"),
        judge=judge_compute_mode,
        level=2,
    ),
    Check(
        id="gpu.partition",
        title="A GPU that is split has instances",
        needs=("device.partition", "device.list"),
        judge=judge_partition,
        level=2,
    ),
    Check(
        id="gpu.licence",
        title="A virtual GPU has its licence",
        needs=("device.licence", "device.list"),
        judge=judge_licence,
        level=2,
    ),
    Check(
        id="gpu.errors",
        title="The driver reports no error that still matters",
        needs=("device.errors", "device.list", "device.runtime"),
        judge=judge_errors,
        level=2,
    ),
    Check(
        id="gpu.memory_health",
        title="The GPU's memory is sound",
        needs=("device.memory_health", "device.list"),
        judge=judge_memory_health,
        level=2,
    ),
    Check(
        id="gpu.throttle",
        title="Neither heat nor power slows the GPU down",
        needs=("device.throttle", "device.list"),
        judge=judge_throttle,
        level=2,
    ),
    Check(
        id="gpu.link",
        title="The GPU has its PCIe lanes",
        needs=("device.link", "device.list"),
        judge=judge_link,
        level=2,
    ),
    Check(
        id="gpu.persistence",
        title="The GPU starts without delay",
        needs=("device.identity", "device.runtime"),
        judge=judge_persistence,
        level=2,
    ),
    Check(
        id="gpu.placement",
        title="A loaded model lies on the GPU that is there",
        needs=("engine.loaded", "device.list", "device.runtime"),
        judge=judge_placement,
        level=2,
    ),
    Check(
        id="gpu.order",
        title="The engine was started after the GPU's driver",
        needs=("engine.process", "engine.loaded", "device.errors"),
        judge=judge_order,
        level=2,
    ),
    Check(
        id="gpu.memory",
        title="The GPU has memory to spare",
        needs=(
            "device.memory_total_bytes",
            "device.memory_used_bytes",
            "device.processes",
            "engine.process",
            "engine.runners",
            "host.processes",
        ),
        judge=judge_memory,
        level=2,
    ),
    Check(
        id="gpu.throttle_under_load",
        title="Neither heat nor power slows the GPU down while it generates",
        needs=("device.under_load", "device.list"),
        judge=judge_throttle_under_load,
        level=4,
    ),
    Check(
        id="gpu.placement_under_load",
        title="The model that generated lies on the GPU that is there",
        needs=("engine.speed", "device.list", "device.runtime"),
        judge=judge_placement_under_load,
        level=4,
    ),
)
