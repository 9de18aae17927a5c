"""Command lines of servers: which flag has which value, told by a table of the flags that exist."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagTable:
    """The flags that a program knows: spelling to canonical name.

    `valued` take the next argument (unless written `--flag=value`), `switches` take none; a switch maps to
    its canonical name and the value that it stands for (`--no-slots` to ("--slots", "false")). The canonical
    names in `optional` may go without their value when another flag follows.
    """

    valued: Mapping[str, str] = field(default_factory=dict)
    switches: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFlags:
    """Flags by canonical name (the last one counts), what stands alone, and flags that the table does not know."""

    values: Mapping[str, str]
    alone: tuple[str, ...]
    unknown: tuple[str, ...]


def parse_flags(argv: Sequence[str], table: FlagTable) -> ParsedFlags:
    """Read the arguments that follow a program's name.

    Underscores in long flags read as hyphens, as llama.cpp and argparse-based servers allow. A flag that is
    not in the table takes no value here; what follows it stands alone. Never raises.
    """
    values: dict[str, str] = {}
    alone: list[str] = []
    unknown: list[str] = []
    waiting = ""
    for item in argv:
        if waiting and not (waiting in table.optional and item.startswith("-")):
            values[waiting] = item
            waiting = ""
            continue
        waiting = ""
        name, equals, value = _split(item)
        if not item.startswith("-") or item == "-":
            alone.append(item)
        elif name in table.switches and not equals:
            canonical, meaning = table.switches[name]
            values[canonical] = meaning
        elif name in table.valued and equals:
            values[table.valued[name]] = value
        elif name in table.valued:
            waiting = table.valued[name]
            values[waiting] = ""
        else:
            unknown.append(name)
    return ParsedFlags(values=values, alone=tuple(alone), unknown=tuple(unknown))


def after_program(argv: Sequence[str], names: Collection[str]) -> tuple[str, ...] | None:
    """The arguments that follow the first item whose base name (or module name after `-m`) is one of these.

    Looks past an interpreter or another program that only starts one, and their options (`python3 -m module`,
    `nice -n 5 /usr/bin/server`); None when the program is not there, or only an argument (`cmake --target server`).
    """
    leading = MAX_LEADING
    if argv and not _LAUNCHER.fullmatch(argv[0].rsplit("/", 1)[-1]):
        leading = 1
    for place, item in enumerate(argv[:leading]):
        if item.rsplit("/", 1)[-1] in names:
            return tuple(argv[place + 1 :])
    return None


#: Programs that start another one in their own place, and interpreters.
_LAUNCHER = re.compile(
    r"(python|pypy|node|bun)[\d.]*|env|uvx?|(ba|da|z)?sh|(io)?nice|taskset|numactl|setpriv|prlimit|chrt|stdbuf|nohup"
    r"|setsid|sudo|doas|su|runuser|timeout|tini|dumb-init|catatonit|gosu|su-exec|s6-setuidgid|systemd-run|conda"
    r"|strace|perf|valgrind|gdb|unshare|nsenter"
)
#: Items before the program's own name: `env`, an interpreter, its options, `-m`. More is another command.
MAX_LEADING = 8


def _split(item: str) -> tuple[str, str, str]:
    if not item.startswith("--"):
        return item, "", ""
    name, equals, value = item.partition("=")
    return name.replace("_", "-"), equals, value
