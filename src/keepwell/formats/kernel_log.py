"""Lines of the kernel log with their time, from `journalctl -k -o short-unix` or `dmesg`."""

from __future__ import annotations

import re

_DMESG = re.compile(r"^(?:<\d+>)?\[\s*(\d{1,12}\.\d{1,9})\] (.*)$")
_JOURNAL = re.compile(r"^(\d{1,12}\.\d{1,9}) \S+ kernel: (.*)$")


def parse_kernel_journal(text: str) -> tuple[tuple[float, str], ...]:
    """Wall time and text of each line of `journalctl -k -o short-unix`; other lines are left out."""
    found = (_JOURNAL.match(line) for line in text.splitlines())
    return tuple((float(one[1]), one[2]) for one in found if one is not None)


def parse_kernel_ring(text: str, booted_at: float) -> tuple[tuple[float, str], ...]:
    """Wall time and text of each line of `dmesg`, whose clock counts from boot; other lines are left out."""
    found = (_DMESG.match(line) for line in text.splitlines())
    return tuple((round(booted_at + float(one[1]), 3), one[2]) for one in found if one is not None)
