"""Settings of a real Ollama that are malformed, never read, or not in force."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from keepwell.testing.gym.fault import Fault
from keepwell.testing.gym.real import OLLAMA, RealWorld, by_hand
from keepwell.testing.real_engines import start_by_script


def start_with(world: RealWorld, host: str = "127.0.0.1:11434", more: str = "") -> Path:
    """The server is started by a script that reads a file of variables; the file."""
    world.server.kill("TERM")
    return start_by_script(world.place, host, more)


def malform_address(world: RealWorld, value: str) -> None:
    """The address in the start file is malformed."""
    start_with(world, value)


def set_variable(world: RealWorld, line: str) -> None:
    """The start file holds this line."""
    start_with(world, more=line)


def set_in_process(world: RealWorld, line: str) -> None:
    """The server is started by hand with this variable."""
    name, _, value = line.partition("=")
    world.restart(env={name: value})


def edit_after_start(world: RealWorld) -> None:
    """The start file is edited while the server runs, and nobody restarts it."""
    file = start_with(world, more="OLLAMA_KEEP_ALIVE=5m")
    file.write_text(file.read_text().replace("KEEP_ALIVE=5m", "KEEP_ALIVE=24h"))


FAULTS: tuple[Fault[RealWorld], ...] = (
    Fault(
        name="address-malformed",
        say="The address in the start file is no address, and the server does not start.",
        worlds=(OLLAMA,),
        inject=by_hand(partial(malform_address, value='"127.0.0.1;11434"')),
        causes=("service-config-invalid",),
        check="settings.valid",
        way="step",
        undo=True,
        touches=("engine", "settings"),
    ),
    Fault(
        name="address-with-a-slip",
        say="The address in the start file lacks the colon of its scheme, and the server does not start.",
        worlds=(OLLAMA,),
        inject=by_hand(partial(malform_address, value="http//127.0.0.1:11434")),
        causes=("service-config-invalid",),
        check="settings.valid",
        way="commands",
        touches=("engine", "settings"),
    ),
    Fault(
        name="duration-malformed",
        say="A duration in the start file is no duration; the server takes its default and says nothing.",
        worlds=(OLLAMA,),
        inject=by_hand(partial(set_variable, line="OLLAMA_KEEP_ALIVE=1day")),
        causes=("service-config-invalid",),
        check="settings.valid",
        way="step",
        undo=True,
        touches=("engine", "settings"),
    ),
    Fault(
        name="number-malformed",
        say="A number that the server was started with is none; it takes its default.",
        worlds=(OLLAMA,),
        inject=by_hand(partial(set_in_process, line="OLLAMA_CONTEXT_LENGTH=8k")),
        causes=("service-config-invalid",),
        check="settings.valid",
        way="commands",
        touches=("engine", "settings"),
    ),
    Fault(
        name="setting-never-read",
        say="A variable in the start file is misspelt, and no release reads it.",
        worlds=(OLLAMA,),
        inject=by_hand(partial(set_variable, line="OLLAMA_KEEP_ALVIE=24h")),
        causes=("env-not-applied-to-service",),
        check="settings.read",
        way="step",
        undo=True,
        touches=("engine", "settings"),
    ),
    Fault(
        name="setting-not-in-force",
        say="The start file was edited after the start: the server still runs with the old value.",
        worlds=(OLLAMA,),
        inject=by_hand(edit_after_start),
        causes=("env-not-applied-to-service",),
        check="settings.applied",
        way="commands",
        touches=("engine", "settings"),
    ),
)
