"""What is asked of a new job, from words to a `JobSpec`. Everything here raises ConfigurationError with the way out."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from keepwell.config.gateway_shapes import size
from keepwell.config.shapes import duration
from keepwell.config.window_schema import device_share, name_device
from keepwell.core.errors import ConfigurationError
from keepwell.core.job import JobSpec

#: A job's name is the name of its folder.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_RESTART = re.compile(r"on-failure(?::(\d{1,6}))?")
#: Programs that run another one, which is what the job is about.
_RUNNERS = re.compile(
    r"(?:python|python3|pypy|pypy3|bash|sh|dash|zsh|node|perl|ruby|env|nice|ionice|time|uv|run)[\d.]*"
)
#: What no name of a program or file has that is worth telling: a line for a shell, a variable.
_SPEAKS = re.compile(r"[\s=;|&<>$]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was typed: "" for what was not."""

    command: Sequence[str]
    name: str = ""
    restart: str = ""
    limit: str = ""
    memory: str = ""
    stop_signal: str = "TERM"
    device: str = ""


def read_wish(wish: Wish, *, folder: str, now: float, here: str = "") -> JobSpec:
    """The spec of it; `here` is this machine's name."""
    if not wish.command or not wish.command[0]:
        raise ConfigurationError("there is no command to run", hint="keepwell jobs run -- python work.py")
    if any("\0" in one for one in wish.command):
        raise ConfigurationError("a command cannot hold the character NUL")
    device, share = parse_device(wish.device, here)
    return JobSpec(
        name=check_name(wish.name or make_name(wish.command)),
        argv=tuple(wish.command),
        folder=folder,
        asked_at=now,
        restarts=parse_restart(wish.restart),
        limit_seconds=_read_seconds(wish.limit),
        memory_bytes=_read_bytes(wish.memory),
        stop_signal=parse_signal(wish.stop_signal),
        device=device,
        device_memory_bytes=share,
    )


def make_name(command: Sequence[str]) -> str:
    """A name from what is run: `python work.py --all` is "work"."""
    telling = (one for one in command if not (one.startswith("-") or _SPEAKS.search(one)))
    for one in (*(word for word in telling if not _RUNNERS.fullmatch(PurePath(word).name)), command[0]):
        made = re.sub(r"[^A-Za-z0-9._-]+", "-", PurePath(one).stem).strip("-._")
        if made:
            return made[:64]
    return "job"


def check_name(name: str) -> str:
    """It, if it can be a job's."""
    if not NAME.fullmatch(name):
        hint = "letters, digits, . _ and -, up to 64, like --name transcribe"
        raise ConfigurationError(f"{name!r} cannot be the name of a job", hint=hint)
    return name


def parse_restart(word: str) -> int:
    """How often it starts again: "" or "no" never, "on-failure" without end (-1), "on-failure:3" three times."""
    if word in ("", "no"):
        return 0
    found = _RESTART.fullmatch(word)
    if found is None:
        raise ConfigurationError(f"--restart {word} is not understood", hint="write no, on-failure or on-failure:5")
    return int(found[1] or -1)


def parse_signal(word: str) -> int:
    """A signal by its name, with or without SIG, or its number."""
    name = word.upper().removeprefix("SIG")
    numbers = {one.name.removeprefix("SIG"): int(one) for one in signal.Signals}
    numbers |= {str(int(one)): int(one) for one in signal.Signals}
    if name not in numbers:
        raise ConfigurationError(f"--stop-signal {word} is no signal", hint="write TERM, INT, HUP or USR1")
    return numbers[name]


def _read_seconds(word: str) -> float:
    if not word:
        return 0.0
    try:
        return duration(word)
    except ValueError as error:
        raise ConfigurationError(f"--limit {word} is not understood", hint=f"write {error}") from error


def parse_device(word: str, here: str) -> tuple[str, int]:
    """A device or node as it is known ("" for none), and how much of its memory, 0 for all of it."""
    if not word:
        return "", 0
    try:
        device, share = device_share(word)
        return name_device(device, here), share
    except ValueError as error:
        raise ConfigurationError(f"--device {word} is not understood", hint=f"write {error}") from error


def _read_bytes(word: str) -> int:
    if not word:
        return 0
    try:
        return size(word)
    except ValueError as error:
        raise ConfigurationError(f"--memory {word} is not understood", hint=f"write {error}") from error
