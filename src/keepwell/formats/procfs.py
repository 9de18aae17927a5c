"""Linux /proc as text: one function a file. All raise ValueError for anything that is not such a file."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Clock ticks a second in /proc (USER_HZ); 100 on every architecture that runs an LLM server (proc(5)).
TICKS_PER_SECOND = 100

_LIMIT_LINE = re.compile(r"^(Max [a-z ]+?)\s{2,}(\S+)\s+(\S+)(?:\s+\S+)?\s*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStat:
    """The fields of /proc/PID/stat that matter here; `started_ticks` counts from boot."""

    pid: int
    name: str
    state: str
    parent_pid: int
    threads: int
    started_ticks: int


def parse_process_stat(text: str) -> ProcessStat:
    """/proc/PID/stat. The name stands in parentheses and may itself hold parentheses, blanks and newlines."""
    head, bracket, tail = text.rpartition(")")
    pid, opening, name = head.partition("(")
    fields = tail.split()
    if not bracket or not opening or len(fields) < 20:
        raise ValueError("not a line of /proc/PID/stat")
    return ProcessStat(
        pid=int(pid),
        name=name,
        state=fields[0],
        parent_pid=int(fields[1]),
        threads=int(fields[17]),
        started_ticks=int(fields[19]),
    )


def parse_status(text: str) -> dict[str, str]:
    """/proc/PID/status: field name to text. Lines without a colon are left out."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            found[name.strip()] = value.strip()
    return found


def parse_kilobytes(text: str) -> int:
    """A field such as "1764 kB" in bytes."""
    number, _, unit = text.strip().partition(" ")
    if unit.strip() != "kB":
        raise ValueError(f"not a number of kB: {text!r}")
    return int(number) * 1024


def parse_environment(content: bytes) -> dict[str, str]:
    """/proc/PID/environ: name to value; pieces without "=" are left out, the first of two equal names wins."""
    found: dict[str, str] = {}
    for piece in content.decode("utf-8", "replace").split("\0"):
        name, equals, value = piece.partition("=")
        if equals and name:
            found.setdefault(name, value)
    return found


def parse_arguments(content: bytes) -> tuple[str, ...]:
    """/proc/PID/cmdline: the arguments; () for a kernel thread or a zombie."""
    text = content.decode("utf-8", "replace").rstrip("\0")
    if not text:
        return ()
    return tuple(text.split("\0"))


def parse_limits(text: str) -> dict[str, tuple[str, str]]:
    """/proc/PID/limits: "Max open files" to soft and hard limit as written ("unlimited" or a number)."""
    matches = (_LIMIT_LINE.match(line) for line in text.splitlines())
    return {found[1]: (found[2], found[3]) for found in matches if found is not None}


def parse_cgroups(text: str) -> dict[str, str]:
    """/proc/PID/cgroup: controller to path. Version 2 stands under "", a named hierarchy under "name=x"."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        pieces = line.split(":", 2)
        if len(pieces) == 3:
            for controller in pieces[1].split(","):
                found[controller] = pieces[2]
    return found


def parse_boot_time(text: str) -> float:
    """/proc/stat: when the kernel booted, seconds since the epoch."""
    for line in text.splitlines():
        if line.startswith("btime "):
            return float(line.removeprefix("btime "))
    raise ValueError("no btime line in /proc/stat")
