"""How fast an engine answers, as measured: what slows it, how far it is from what the memory allows, what changed."""

from keepwell.checks.speed.bound import judge_bandwidth
from keepwell.checks.speed.change import judge_change
from keepwell.checks.speed.parts import judge_measured, judge_prompt, judge_queue, judge_reload
from keepwell.checks.speed.threads import judge_threads
from keepwell.core.finding import Check

CHECKS: tuple[Check, ...] = (
    Check(
        id="speed.measured",
        title="The engine generates, and its clock agrees with ours",
        needs=("engine.speed",),
        judge=judge_measured,
        level=4,
    ),
    Check(
        id="speed.reload",
        title="The model stays in memory between two requests",
        needs=("engine.speed",),
        judge=judge_reload,
        level=4,
    ),
    Check(
        id="speed.queue",
        title="Requests do not wait for their turn",
        needs=("engine.speed",),
        judge=judge_queue,
        level=4,
    ),
    Check(
        id="speed.prompt",
        title="A prompt is read faster than an answer is written",
        needs=("engine.speed",),
        judge=judge_prompt,
        level=4,
    ),
    Check(
        id="speed.threads",
        title="No more threads compute than there are cores for them",
        needs=("engine.effort", "engine.cgroup", "host.cpu"),
        judge=judge_threads,
        level=4,
    ),
    Check(
        id="speed.bandwidth",
        title="The speed is near what the memory's bandwidth allows",
        needs=("engine.speed", "device.bandwidth", "host.memory_bandwidth", "device.under_load"),
        judge=judge_bandwidth,
        level=4,
    ),
    Check(
        id="speed.change",
        title="It is as fast as in an earlier run",
        needs=("engine.speed", "engine.speed_earlier"),
        judge=judge_change,
        level=4,
    ),
)
