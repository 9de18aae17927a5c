"""What launchctl prints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A launchd job; `pid` is 0 when it does not run, `status` its last exit status, negative for a signal."""

    label: str
    pid: int
    status: int


def parse_launchctl(text: str) -> tuple[Job, ...]:
    """`launchctl list`: pid or "-", status and label, by tabs; the header and other lines are left out."""
    found: list[Job] = []
    for line in text.splitlines():
        fields = line.split("\t")
        if len(fields) == 3 and fields[1].lstrip("-").isdecimal():
            found.append(Job(label=fields[2], pid=int(fields[0].replace("-", "0") or 0), status=int(fields[1])))
    return tuple(found)
