"""What /proc tells of one process again and again, read fast: a tenth of what the thorough parsers cost."""

from __future__ import annotations

import re
from typing import NamedTuple

from keepwell.formats.procfs import TICKS_PER_SECOND

#: Files that hold models' weights, by the end of the name, and by a name that is a digest (a store of blobs).
_MODEL = re.compile(r"(?:\.(?:gguf|safetensors|ggml)|/sha256-[0-9a-f]{64})(?: \(deleted\))?$")
_MAPPED = re.compile(
    rb"^([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \d+ +"
    rb"(/.*(?:\.gguf|\.safetensors|\.ggml|/sha256-[0-9a-f]{64})(?: \(deleted\))?)$",
    re.MULTILINE,
)
_SWAP = re.compile(rb"^VmSwap:\s+(\d+) kB$", re.MULTILINE)
_FILES = re.compile(rb"^Max open files\s+(\d+)\s", re.MULTILINE)


class ProcessLoad(NamedTuple):
    """Of /proc/PID/stat: `cpu_seconds` of the process and all its threads; `started` is in ticks since boot."""

    parent: int
    state: str
    major_faults: int
    cpu_seconds: float
    threads: int
    started: int


def parse_process_load(content: bytes) -> ProcessLoad:
    """/proc/PID/stat. Raises ValueError for anything else."""
    words = content[content.rfind(b")") + 2 :].split(None, 20)
    if len(words) < 20:
        raise ValueError("not a line of /proc/PID/stat")
    return ProcessLoad(
        parent=int(words[1]),
        state=words[0].decode("ascii", "replace"),
        major_faults=int(words[9]),
        cpu_seconds=(int(words[11]) + int(words[12])) / TICKS_PER_SECOND,
        threads=int(words[17]),
        started=int(words[19]),
    )


def parse_resident_pages(content: bytes) -> tuple[int, int]:
    """/proc/PID/statm: pages of its own, and pages of files and shared memory. Raises ValueError for anything else."""
    words = content.split()
    if len(words) < 3:
        raise ValueError("not a line of /proc/PID/statm")
    resident, shared = int(words[1]), int(words[2])
    return max(0, resident - shared), shared


def find_swap_bytes(content: bytes) -> int | None:
    """/proc/PID/status: what lies in swap; None where that is not told (a kernel's thread, a process that ended)."""
    found = _SWAP.search(content)
    if found is None:
        return None
    return int(found[1]) * 1024


def find_files_limit(content: bytes) -> int | None:
    """/proc/PID/limits: descriptors that it may have; None for no limit."""
    found = _FILES.search(content)
    if found is None:
        return None
    return int(found[1])


def parse_mapped_models(content: bytes) -> dict[str, int]:
    """/proc/PID/maps: files of models, and how many bytes of each are mapped."""
    found: dict[str, int] = {}
    for start, end, path in _MAPPED.findall(content):
        name = path.decode("utf-8", "replace")
        found[name] = found.get(name, 0) + max(0, int(end, 16) - int(start, 16))
    return found


def is_model_file(path: str) -> bool:
    """Whether a path is a model's file by its name."""
    return _MODEL.search(path) is not None
