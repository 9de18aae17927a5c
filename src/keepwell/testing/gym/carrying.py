"""A printed fix carried out to the letter, as a person at the machine would do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from keepwell.testing.gym.fault import CannotMend
from keepwell.testing.waiting import eventually
from keepwell.testing.world import World

#: Seconds that a process has to end after `kill`: a server with a model in memory takes one or two.
END_SECONDS = 20.0
#: Characters of a failed command's words.
SAID = 300


@dataclass(slots=True)
class Carried:
    """What was done: the commands as they were run, and what `env NAME=value` set for a command in the shell."""

    commands: list[list[str]] = field(default_factory=list)
    shell: dict[str, str] = field(default_factory=dict)


def carry_out(
    world: World,
    answer: Mapping[str, Any],
    blanks: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
) -> Carried:
    """Run the commands of the first cause's fix, each exactly as it is printed, in this environment.

    `blanks` are what only the owner can fill in ("source": where a whole copy of a file lies), printed as <source>.
    Raises CannotMend when there is no command, a blank is left, or a command fails.
    """
    fix, known = _fix(answer), blanks or {}
    lacking = sorted(set(fix["missing"]) - set(known))
    if lacking:
        raise CannotMend(f"nobody filled in {', '.join(lacking)}: {fix['say']}")
    carried = Carried()
    for number, command in enumerate(fix["commands"]):
        argv = [_filled(word, known) for word in command["argv"]]
        carried.commands.append(argv)
        if command["background"]:
            world.start(argv, log=world.root / f"fix-{number}.log")
            continue
        carried.shell |= _variables(argv)
        ran = world.run(argv, env=env)
        if ran.returncode:
            said = (ran.stderr or ran.stdout)[-SAID:].strip()
            raise CannotMend(f"{' '.join(argv)} ended with {ran.returncode}: {said}")
        if argv[0] == "kill" and "-CONT" not in argv:
            _wait_for_end(world, argv[-1])
    return carried


def _fix(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    first = answer["hypotheses"][:1]
    if not first or first[0]["fix"] is None:
        raise CannotMend("no fix is printed")
    fix: Mapping[str, Any] = first[0]["fix"]
    if not fix["commands"]:
        raise CannotMend(f"the fix has no command: {fix['say']}")
    return fix


def _variables(argv: Sequence[str]) -> dict[str, str]:
    """What `env NAME=value ... program` sets."""
    found: dict[str, str] = {}
    for word in argv[1:] if argv[0] == "env" else ():
        name, equals, value = word.partition("=")
        if not equals:
            break
        found[name] = value
    return found


def _wait_for_end(world: World, pid: str) -> None:
    """Nobody types the next command before the process has ended."""
    try:
        eventually(partial(_gone, world, pid), END_SECONDS, f"the end of process {pid}")
    except AssertionError as error:
        raise CannotMend(str(error)) from error


def _gone(world: World, pid: str) -> bool:
    return world.run(["kill", "-0", pid]).returncode != 0


def _filled(word: str, known: Mapping[str, str]) -> str:
    for name, value in known.items():
        word = word.replace(f"<{name}>", value)
    return word
