"""Has this node what an engine needs, before one is installed on it or moved to it?

Asked by `keepwell ready` alone, never by a diagnosis.
"""

from __future__ import annotations

from keepwell.checks.ready.gpu import judge_api, judge_driver, judge_gpu
from keepwell.checks.ready.machine import judge_account, judge_clock, judge_disk, judge_memory, judge_ports
from keepwell.checks.ready.runtime import judge_runtime
from keepwell.core.finding import Check

PURPOSE = "ready"
_WANTED = "ready.wanted"

CHECKS: tuple[Check, ...] = (
    Check(
        id="ready.gpu",
        title="A GPU that can compute is there",
        needs=("device.list", _WANTED),
        judge=judge_gpu,
        level=3,
        purpose=PURPOSE,
    ),
    Check(
        id="ready.driver",
        title="The GPU's driver is loaded and of one version",
        needs=("device.driver", "device.list"),
        judge=judge_driver,
        level=3,
        purpose=PURPOSE,
    ),
    Check(
        id="ready.api",
        title="The compute runtime starts, and is new enough",
        needs=("device.runtime", _WANTED),
        judge=judge_api,
        level=3,
        purpose=PURPOSE,
    ),
    Check(
        id="ready.containers",
        title="A container runtime answers, and can hand GPUs to containers",
        needs=("host.container_support", "device.list"),
        judge=judge_runtime,
        level=3,
        purpose=PURPOSE,
    ),
    Check(
        id="ready.disk",
        title="There is room for the engine and a model",
        needs=("host.mounts", _WANTED),
        judge=judge_disk,
        level=3,
        purpose=PURPOSE,
    ),
    Check(
        id="ready.memory",
        title="There is memory for a model",
        needs=("host.memory_total_bytes", "host.memory_available_bytes", _WANTED),
        judge=judge_memory,
        level=3,
        purpose=PURPOSE,
    ),
    Check(
        id="ready.account",
        title="The account that is to serve may use the GPU",
        needs=("host.accounts", "device.nodes", _WANTED),
        judge=judge_account,
        level=3,
        purpose=PURPOSE,
    ),
    Check(
        id="ready.ports",
        title="The engine's ports are free",
        needs=("host.sockets", "host.processes", "engine.site", _WANTED),
        judge=judge_ports,
        purpose=PURPOSE,
    ),
    Check(
        id="ready.clock",
        title="The clock is right, and kept right",
        needs=("host.clock",),
        judge=judge_clock,
        purpose=PURPOSE,
    ),
)
