"""Threads that compute, and how many processors they may use: nproc, cpu.max, command lines, start-up lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from keepwell.core.observation import Value
from keepwell.formats.transcript import Transcript
from keepwell.plugins.pasted import Told

_THREADS = (
    re.compile(r"\bn_threads ?= ?(\d{1,4})\b"),
    re.compile(r"(?:^|\s)(?:--threads|-t)[ =](\d{1,4})\b"),
    re.compile(r"\bnum_threads?\W{1,4}(\d{1,4})\b", re.I),
)
_MAX = re.compile(r"^\s*(?:cpu\.max:?\s+)?(\d{4,12}) (\d{4,9})\s*$")
_QUOTA = re.compile(r"cfs_quota_us\D{1,20}(\d{4,12})\b")
_CPUS = re.compile(
    r"(?:^|\s)--cpus(?:-per-task)?[ =](\d{1,3}(?:\.\d{1,3})?)\b|^\s*cores: (\d{1,3})\s*$|\bpinned to (\d{1,3}) "
    r"(?:CPUs|cores)\b"
)
_SAID = re.compile(r"\bquota (?:allows|of|is) (\d{1,3}(?:\.\d{1,3})?) (?:cores|CPUs)\b", re.I)
_NPROC = re.compile(r"^\s*(\d{1,4})\s*$")
_PERIOD_US = 100_000


class Threads:
    """Gives text.cores."""

    hints = ("thread", "nproc", "cpus", "cpu.max", "cfs_quota", "cores")
    gives = ("text.cores",)

    def read(self, text: Transcript) -> Iterable[Told]:
        """Every count of threads, and every limit of processors."""
        rows = tuple(_rows(text))
        if rows:
            lines = tuple(number for row in rows if isinstance(number := row["line"], int))
            yield Told(name="text.cores", value=rows, lines=lines)


def _rows(text: Transcript) -> Iterator[dict[str, Value]]:
    for line in text.everything:
        for pattern in _THREADS:
            found = pattern.search(line.text)
            if found is not None and int(found[1]) > 0:
                yield {"kind": "threads", "count": float(found[1]), "line": line.number}
                break
        quota = _quota(line.text)
        if quota:
            yield {"kind": "quota", "count": quota, "line": line.number}
    for section in text.sections:
        if section.program == "nproc":
            for line in section.lines[:2]:
                count = _NPROC.match(line.text)
                if count is not None:
                    yield {"kind": "quota", "count": float(count[1]), "line": line.number}
                    break


def _quota(text: str) -> float:
    found = _MAX.match(text)
    if found is not None and int(found[2]):
        return round(int(found[1]) / int(found[2]), 2)
    found = _QUOTA.search(text)
    if found is not None:
        return round(int(found[1]) / _PERIOD_US, 2)
    found = _CPUS.search(text) or _SAID.search(text)
    if found is not None:
        return float(next(one for one in found.groups() if one))
    return 0.0


PASTED = Threads()
