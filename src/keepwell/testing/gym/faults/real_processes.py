"""Real servers and runners that are killed, ended, stopped, or cannot have their port."""

from __future__ import annotations

import sys
from functools import partial

from keepwell.testing.gym.fault import Fault
from keepwell.testing.gym.real import LLAMA, OLLAMA, RealWorld, by_hand
from keepwell.testing.real_engines import START_SECONDS
from keepwell.testing.waiting import eventually


def end(world: RealWorld, signal: str) -> None:
    """A server that keepwell has seen serving ends."""
    world.diagnose()
    world.server.kill(signal)


def stop(world: RealWorld) -> None:
    """The server stands still (Ctrl-Z, a debugger, a freezer)."""
    world.place.signal(world.server.pid, "STOP")


def hit_runner(world: RealWorld, signal: str) -> None:
    """The child that runs the model gets a signal."""
    (runner,) = load(world)
    world.place.signal(runner, signal)
    eventually(lambda: signal == "STOP" or world.place.children(world.server.pid) == [])


def orphan_runner(world: RealWorld) -> None:
    """The server is killed while a model is loaded; its runner stays behind."""
    load(world)
    end(world, "KILL")


def load(world: RealWorld) -> list[int]:
    """Have the model in memory; the runners."""
    world.ollama.chat()
    return world.place.children(world.server.pid)


def take_port(world: RealWorld) -> None:
    """Another program takes the port while the server is down, so that it cannot come back."""
    end(world, "TERM")
    port = world.server.url.rpartition(":")[2]
    argv = [sys.executable, "-m", "http.server", port, "--bind", "127.0.0.1"]
    world.place.start(argv, log=world.place.root / "other.log")
    eventually(lambda: world.serves("/"), START_SECONDS, "the other program to serve")
    world.server.launch()
    world.server.ended()


BOTH = (OLLAMA, LLAMA)
FAULTS: tuple[Fault[RealWorld], ...] = (
    Fault(
        name="engine-killed",
        say="The server is killed (SIGKILL), as the kernel or an impatient person does it.",
        worlds=BOTH,
        inject=by_hand(partial(end, signal="KILL")),
        causes=("engine-not-running",),
        check="engine.running",
        way="commands",
        touches=("engine",),
    ),
    Fault(
        name="engine-ended",
        say="The server was ended in good order and nobody started it again.",
        worlds=BOTH,
        inject=by_hand(partial(end, signal="TERM")),
        causes=("engine-not-running",),
        check="engine.running",
        way="commands",
        touches=("engine",),
    ),
    Fault(
        name="engine-stopped",
        say="The server's process is stopped (SIGSTOP): its port takes connections, and nothing answers.",
        worlds=BOTH,
        inject=by_hand(stop),
        causes=("engine-not-responding",),
        check="engine.responding",
        way="step",
        undo=True,
        touches=("engine",),
    ),
    Fault(
        name="port-taken",
        say="Another program took the port while the server was down.",
        worlds=BOTH,
        inject=by_hand(take_port),
        causes=("port-unavailable",),
        check="address.port_free",
        way="commands",
        touches=("engine", "port"),
    ),
    Fault(
        name="runner-killed",
        say="The child process that runs the model is killed; the server still says that the model is loaded.",
        worlds=(OLLAMA,),
        inject=by_hand(partial(hit_runner, signal="KILL")),
        causes=("engine-runner-died",),
        check="engine.runner",
        way="commands",
        touches=("engine", "runner"),
    ),
    Fault(
        name="runner-stopped",
        say="The child process that runs the model is stopped (SIGSTOP): requests for it hang.",
        worlds=(OLLAMA,),
        inject=by_hand(partial(hit_runner, signal="STOP")),
        causes=("engine-runner-died",),
        check="engine.runner",
        way="step",
        undo=True,
        touches=("engine", "runner"),
    ),
    Fault(
        name="server-killed-runner-left",
        say="The server is killed while a model is loaded, and leaves its runner behind.",
        worlds=(OLLAMA,),
        inject=by_hand(orphan_runner),
        causes=("engine-not-running",),
        check="engine.running",
        way="commands",
        touches=("engine", "runner"),
    ),
)
