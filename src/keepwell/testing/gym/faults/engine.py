"""Made nodes whose engine is wrong: ended, stopped, asleep, elsewhere, misconfigured, without memory or files."""

from __future__ import annotations

from dataclasses import replace

from keepwell.testing.fake_gpu.card import GIB
from keepwell.testing.fake_state import Fault as Wire
from keepwell.testing.gym.faults.gpu_hardware import TWO_GPUS
from keepwell.testing.gym.faults.host import ALL
from keepwell.testing.gym.made.changes import (
    Change,
    all_of,
    engine,
    engine_says,
    on_the_cpu,
    restart,
    restarted,
    stopped,
)
from keepwell.testing.gym.made.lines import dated
from keepwell.testing.gym.made.state import MadeProcess, MadeState
from keepwell.testing.gym.made.world import made
from keepwell.transport.recorded.tape import TapeFile

WITH_UNIT = ("ollama-box", "vllm-two-gpus")
IN_CONTAINER = ("llamacpp-container", "ollama-container")
STORE = "/srv/engine/.ollama/models"


def wire(fault: Wire) -> Change:
    """The first engine's interface has a fault."""

    def change(state: MadeState) -> None:
        state.engines[0].wire.faults[""] = fault

    return change


def _asleep(state: MadeState) -> None:
    state.engines[0].wire.switches.add("dev")
    wire(Wire.ASLEEP)(state)


def _killed(state: MadeState) -> None:
    stopped(state, 9, "signal", killed=True)


def _ended(state: MadeState) -> None:
    one = stopped(state, 0, "success")
    if one.unit is not None:
        one.unit.active, one.unit.sub, one.unit.exit_code = "inactive", "dead", 1


def _port_taken(state: MadeState) -> None:
    one = stopped(state, 1)
    state.processes.append(MadeProcess(pid=5150, argv=("/usr/bin/python3", "-m", "http.server"), listens=one.port))
    said = {
        "ollama": f"Error: listen tcp 127.0.0.1:{one.port}: bind: address already in use",
        "vllm": "(APIServer pid=77) OSError: [Errno 98] Address already in use",
        "llamacpp": (
            f"0.00.090.000 E srv         start: couldn't bind HTTP server socket, hostname: 0.0.0.0, port: {one.port}"
        ),
    }[one.flavour]
    one.log = [dated(one, 400.0, said)]


def _bound_elsewhere(state: MadeState) -> None:
    one = restarted(state)
    one.host = "127.0.0.2"
    one.log = [(ago, text.replace("127.0.0.1", "127.0.0.2")) for ago, text in one.log]
    if one.flavour == "ollama":
        one.environment["OLLAMA_HOST"] = "127.0.0.2"


def _not_reloaded(state: MadeState) -> None:
    unit = state.engines[0].unit
    assert unit is not None
    unit.need_reload = True
    unit.drop_ins[f"/etc/systemd/system/{unit.name}.d/override.conf"] = '[Service]\nEnvironment="HF_HOME=/data/hub"\n'


def _runner_gone(state: MadeState) -> None:
    state.engines[0].runner = False
    state.machine = replace(
        state.machine, cards=tuple(replace(one, processes=(), memory_used_bytes=GIB) for one in state.machine.cards)
    )


def _store_closed(state: MadeState) -> None:
    for path in ("", "/manifests", "/blobs"):
        state.extra[f"{STORE}{path}"] = TapeFile(kind="directory", uid=0, gid=0, mode=0o700)
    state.engines[0].wire.faults["/api"] = Wire.BROKEN


def _manifest_corrupt(state: MadeState) -> None:
    path = f"{STORE}/manifests/registry.ollama.ai/library/small/8b"
    state.extra[path] = TapeFile(pieces=((0, b'{"schemaVersion":2,"layers":[{"media'),), uid=990, gid=990)
    said = 'level=WARN source=manifest.go:169 msg="bad manifest" name=registry.ollama.ai/library/small:8b error="EOF"'
    engine_says((said,))(state)


FAULTS = (
    made(
        "engine-killed",
        "An engine was killed and nothing started it again",
        on=ALL,
        change=_killed,
        causes=("engine-not-running",),
        check="engine.running",
        cure="systemctl (re)?start|docker (re)?start|llama-server",
        touches=("engine",),
    ),
    made(
        "engine-ended",
        "An engine was stopped and not started again",
        on=WITH_UNIT,
        change=_ended,
        causes=("engine-not-running",),
        check="engine.running",
        cure="systemctl (re)?start",
        touches=("engine",),
    ),
    made(
        "engine-suspended",
        "An engine's process is stopped: it takes connections and never answers",
        on=ALL,
        change=engine(state="T", mute=True),
        causes=("engine-not-responding",),
        check="engine.responding",
        cure="kill -CONT",
        touches=("engine",),
    ),
    made(
        "engine-broken-inside",
        "vLLM's core died; its interface says so to whoever asks for its health",
        on=TWO_GPUS,
        change=all_of(
            wire(Wire.DEAD),
            engine_says(
                (
                    "(APIServer pid=77) ERROR {date} [async_llm.py:480] AsyncLLM output_handler failed.",
                    "(APIServer pid=77) vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. "
                    "See stack trace (above) for the root cause.",
                )
            ),
        ),
        causes=("engine-not-responding", "engine-runner-died"),
        check="engine.healthy",
        cure="systemctl restart",
        touches=("engine",),
    ),
    made(
        "engine-asleep",
        "Somebody put vLLM to sleep; requests wait until somebody wakes it",
        on=TWO_GPUS,
        change=_asleep,
        causes=("engine-not-responding", "model-unloaded-between-requests"),
        check="engine.healthy",
        cure="wake_up",
        touches=("engine",),
    ),
    made(
        "runner-died",
        "The process that ran the loaded model is gone",
        on=("ollama-box", "ollama-container"),
        change=_runner_gone,
        causes=("engine-runner-died",),
        check="engine.runner",
        cure="api/generate|restart",
        touches=("engine", "runner"),
    ),
    made(
        "runner-suspended",
        "The process that runs the loaded model is stopped",
        on=("ollama-box", "ollama-container"),
        change=engine(runner_state="T"),
        causes=("engine-runner-died",),
        check="engine.runner",
        cure="kill -CONT",
        touches=("engine", "runner"),
    ),
    made(
        "port-taken",
        "Another program holds the engine's port",
        on=("ollama-box", "vllm-two-gpus", "llamacpp-cpu"),
        change=_port_taken,
        causes=("port-unavailable",),
        check="address.port_free",
        cure="kill 5150",
        touches=("engine",),
    ),
    made(
        "bound-elsewhere",
        "An engine listens on another address than its clients ask",
        on=("ollama-box",),
        change=_bound_elsewhere,
        causes=("bind-address-loopback-only",),
        check="address.reachable",
        cure="systemctl edit|OLLAMA_HOST|--host",
        touches=("engine", "settings"),
    ),
    made(
        "unit-not-reloaded",
        "A drop-in was written and systemd did not read it",
        on=WITH_UNIT,
        change=_not_reloaded,
        causes=("env-not-applied-to-service",),
        check="unit.reload",
        cure="daemon-reload",
        touches=("settings",),
    ),
    made(
        "store-closed",
        "The model store belongs to root and lets nobody else in",
        on=("ollama-box",),
        change=_store_closed,
        causes=("data-dir-not-writable",),
        check="store.readable",
        cure="chown|chmod",
        touches=("store", "engine"),
    ),
    made(
        "manifest-corrupt",
        "A manifest of the store was cut while it was written",
        on=("ollama-box",),
        change=_manifest_corrupt,
        causes=("model-store-corrupt",),
        check="store.files",
        cure="manifest",
        touches=("store", "engine log"),
    ),
    made(
        "context-cut",
        "Prompts are longer than the context and are cut in silence",
        on=("ollama-box", "ollama-container"),
        change=engine_says(
            ('level=WARN source=runner.go:128 msg="truncating input prompt" limit=4096 prompt=19503 keep=4 new=4096',)
        ),
        causes=("prompt-exceeds-context",),
        check="context.fits",
        cure="OLLAMA_CONTEXT_LENGTH|systemctl edit|force-recreate",
        touches=("engine", "engine log"),
    ),
    made(
        "context-refused",
        "Prompts are longer than the context and are refused",
        on=("llamacpp-cpu", "llamacpp-container"),
        change=engine_says(
            (
                "9.10.000.000 E srv    send_error: task id = 7, error: request (19504 tokens) exceeds the available "
                "context size (8192 tokens), try increasing it",
            )
        ),
        causes=("prompt-exceeds-context",),
        check="context.fits",
        cure="--ctx-size|force-recreate",
        touches=("engine", "engine log"),
    ),
    made(
        "gpu-libraries-missing",
        "The engine's own libraries for GPUs are not where it looks",
        on=("ollama-box",),
        change=all_of(on_the_cpu, restart),
        causes=("engine-gpu-libraries-missing",),
        check="gpu.placement",
        cure="install.sh|restart",
        touches=("gpu", "engine"),
    ),
)
