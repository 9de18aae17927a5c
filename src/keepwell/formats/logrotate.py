"""A file of /etc/logrotate.d with one set of logs: written, and read back (logrotate(8), 3.14 or newer)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

#: How often logs are rotated. Distributions run logrotate once a day, so that "hourly" would be no more than that.
PERIODS = ("daily", "weekly", "monthly")
#: A size as logrotate writes it: bytes, or with k, M or G.
SIZE = re.compile(r"\d{1,12}[kMG]?")
#: Signals that programs take as "open your log again".
SIGNALS = ("HUP", "USR1", "USR2")

_KILL = re.compile(r"systemctl kill --kill-who=main --signal=(\w+) (\S+)$")
_HEAD = re.compile(r"^(?P<paths>[^{}#\n]+)\{\s*$")
_SCRIPTS = frozenset({"postrotate", "prerotate", "firstaction", "lastaction", "preremove"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """How logs are rotated. `paths` may hold wildcards; `size` "" means at every period, else when it is exceeded too.

    `keep` old ones stay, none of them longer than `max_days` (0: however old). With `copytruncate` the log is copied
    and emptied in its place, else it is renamed and `signal` is sent to the main process of `unit`, which opens it
    again. `user` and `group` are whom logrotate works as, "" for root.
    """

    paths: tuple[str, ...]
    every: str = "daily"
    size: str = ""
    keep: int = 7
    max_days: int = 0
    compress: bool = True
    copytruncate: bool = True
    signal: str = ""
    unit: str = ""
    user: str = ""
    group: str = ""


def render_rotation(one: Rotation) -> bytes:
    """The whole file. A log that is missing or empty is nothing to complain of."""
    heads = " ".join(_quote(path) for path in one.paths)
    return "\n".join(["# Written by keepwell.", f"{heads} {{", *_render_lines(one), "}", ""]).encode()


def parse_rotation(content: bytes) -> Rotation:
    """What a file says, as far as a Rotation can; ValueError for one with several sets of logs, or with none."""
    lines = [line.strip() for line in content.decode("utf-8", "replace").splitlines()]
    heads = [(at, found) for at, line in enumerate(lines) if (found := _HEAD.match(line))]
    if len(heads) != 1:
        raise ValueError("not a file with one set of logs")
    at, head = heads[0]
    body = lines[at + 1 :]
    if "}" not in body:
        raise ValueError("a set of logs without its end")
    told: dict[str, Any] = dict(_parse_lines(body[: body.index("}")]))
    return Rotation(paths=tuple(shlex.split(head["paths"])), **told)


def is_whole(content: bytes, one: Rotation) -> bool:
    """Whether a Rotation says all that stands in the file that it was read from."""
    return set(_lines(content)) <= set(_lines(render_rotation(one)))


def find_paths(content: bytes) -> tuple[str, ...]:
    """The paths of all sets of logs in a file, as they are written; what stands before them or in them is left out."""
    found: list[str] = []
    waiting: list[str] = []
    inside = script = False
    for line in _lines(content):
        head, brace, _ = line.partition("{")
        if script or line.split()[0] in _SCRIPTS:
            script = line != "endscript"
        elif inside:
            inside = not line.startswith("}")
        elif brace or line.startswith(("/", '"', "'")):
            waiting += _split(head)
            inside = bool(brace)
        if inside:
            found += waiting
            waiting = []
    return tuple(found)


def _lines(content: bytes) -> list[str]:
    stripped = (line.strip() for line in content.decode("utf-8", "replace").splitlines())
    return [line for line in stripped if line and not line.startswith("#")]


def _render_lines(one: Rotation) -> list[str]:
    lines = [one.every, f"rotate {one.keep}", "missingok", "notifempty"]
    if one.size:
        lines.append(f"maxsize {one.size}")
    if one.max_days:
        lines.append(f"maxage {one.max_days}")
    if one.compress:
        lines += ["compress", "delaycompress"]
    if one.user:
        lines.append(f"su {one.user} {one.group or one.user}")
    if one.copytruncate:
        return [f"    {line}" for line in [*lines, "copytruncate"]]
    kill = f"    systemctl kill --kill-who=main --signal={one.signal} {one.unit}"
    return [f"    {line}" for line in [*lines, "sharedscripts", "postrotate", kill, "endscript"]]


def _parse_lines(lines: list[str]) -> Iterator[tuple[str, str | int | bool]]:
    """Fields with values, what is not written first."""
    yield from (("compress", False), ("copytruncate", False))
    for line in lines:
        name, _, rest = line.partition(" ")
        value = rest.strip()
        kill = _KILL.match(line)
        if name in PERIODS:
            yield "every", name
        elif name in _NUMBERS and value.isdecimal():
            yield _NUMBERS[name], int(value)
        elif name == "maxsize" and SIZE.fullmatch(value):
            yield "size", value
        elif name in ("compress", "copytruncate"):
            yield name, True
        elif name == "su" and len(value.split()) == 2:
            yield from zip(("user", "group"), value.split(), strict=True)
        elif kill is not None:
            yield from zip(("signal", "unit"), kill.groups(), strict=True)


_NUMBERS = {"rotate": "keep", "maxage": "max_days"}


def _quote(path: str) -> str:
    """logrotate takes double quotes off; a path with a quote or a brace in it cannot be said."""
    if re.search(r'["{}\n\\#]', path):
        raise ValueError(f"logrotate cannot be told of a path like this: {path!r}")
    if " " in path or "'" in path:
        return f'"{path}"'
    return path


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
