"""Memory that something needs, and memory that it is allowed: messages, limits of containers, pods and WSL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from keepwell.core.observation import Value
from keepwell.formats.container_run import parse_size
from keepwell.formats.transcript import Line, Transcript
from keepwell.plugins.pasted import Told, lines_of

_SIZE = r"(\d{1,7}(?:\.\d{1,3})?) ?([KMGT]i?B?|[kmgt]b?)\b"
_NEEDED = tuple(
    re.compile(text)
    for text in (
        rf"requires more system memory \({_SIZE}\)",
        rf"(?:requires|needs?|wants) (?:about |around |at least |~)?{_SIZE} (?:of )?(?:system )?(?:memory|RAM|ram)",
    )
)
_LIMITS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("container", re.compile(rf"^\s*(?:mem_limit|memory): ?[\"']?{_SIZE}")),
    ("container", re.compile(rf"(?:^|\s)(?:--memory|-m)[ =]{_SIZE}")),
    ("container", re.compile(rf"\blimits?: ?(?:memory[=: ]{{1,2}})?[\"']?{_SIZE}")),
)
_WSL_HEAD = re.compile(r"^\s*\[wsl2\]|\.wslconfig", re.I)
_WSL = re.compile(rf"^\s*memory ?= ?{_SIZE}")
_KILLED = re.compile(
    r"\bOOMKilled\b|out of memory: killed process|oom-kill|memory cgroup out of memory|exit"
    r"(?:ed)?(?: code)? \(?137\b",
    re.I,
)


class Memory:
    """Gives text.memory."""

    hints = ("mem", "oomkilled", "limit", "ram")
    gives = ("text.memory",)

    def read(self, text: Transcript) -> Iterable[Told]:
        """Every need, limit and kill that a line tells of."""
        rows = tuple(_rows(text.everything))
        if rows:
            yield Told(name="text.memory", value=rows, lines=lines_of(rows))


def _rows(lines: Iterable[Line]) -> Iterator[dict[str, Value]]:
    wsl = False
    for line in lines:
        wsl = wsl or bool(_WSL_HEAD.search(line.text))
        for pattern in _NEEDED:
            needed = pattern.search(line.text)
            if needed is not None:
                yield {"kind": "needed", "bytes": _bytes(needed), "line": line.number}
                break
        machine = _WSL.match(line.text)
        if machine is not None and wsl:
            yield {"kind": "vm", "bytes": _bytes(machine), "line": line.number}
        for kind, pattern in _LIMITS:
            limit = pattern.search(line.text)
            if limit is not None:
                yield {"kind": kind, "bytes": _bytes(limit), "line": line.number}
                break
        if _KILLED.search(line.text):
            yield {"kind": "killed", "bytes": 0, "line": line.number}


def _bytes(found: re.Match[str]) -> int:
    return parse_size(f"{found[1]}{found[2][:1]}")


PASTED = Memory()
