"""Does an engine live within limits that let it work: open files and memory?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.values import find_number, row_of, texts_of
from keepwell.plugins.facts import engine_facts, engine_title, looked_at, not_seen

#: Share of the limit from which it is as good as reached.
NEARLY = 0.8
#: Open files that a busy server may need: each client, each model shard and each log is one.
WISHED_FILES = 65_536
#: Up to here a limit is blamed for what the log says of it; above, the lines are older than the limit, or a leak
#: that the number of open files shows. Linux gives 1,024 unless somebody says otherwise.
LOW_FILES = 4_096
#: Inotify instances of a user: the kernel's 128 is too few for a desktop, an editor and some containers.
WISHED_INSTANCES = 8_192
_FILES_OUT = re.compile(r"too many open files|EMFILE", re.IGNORECASE)
_MEMORY_OUT = re.compile(
    r"bad_alloc|cannot allocate memory|insufficient memory|failed to reserve page summary|signal: killed"
    r"|mmap: 12\b|unable to allocate",
    re.IGNORECASE,
)
_MARGIN = 1.5
#: Share of a control group's limit from which its peak counts as having hit it; the kernel kills a page below.
REACHED = 0.95


def judge_open_files(seen: Seen) -> Iterator[Finding]:
    """Bad when the soft limit on open files is nearly used up, or it is low and the log says that it was.

    `wished` is as far as the soft limit can be raised without privileges; `kind` is hard when that is not far.
    """
    for one in seen.named("engine.limits"):
        row = row_of(one.value)
        soft = find_number(row.get("open_files_soft"))
        if soft is None:
            yield from not_seen("limits.open_files", seen, one)
            continue
        used = find_number(row.get("open_files_used")) or 0.0
        said = _said(seen, one, _FILES_OUT)
        status = Status.OK
        if used >= soft * NEARLY:
            status = Status.WARNING
        if used >= soft or (said and soft <= LOW_FILES):
            status = Status.CRITICAL
        words = f"has {used:.0f} of {soft:.0f} open files in use"
        if said:
            words += f", and said: {said}"
        hard = find_number(row.get("open_files_hard")) or WISHED_FILES
        kind = {True: "hard"}.get(hard <= LOW_FILES, "soft")
        facts = {"kind": kind, "limit": f"{soft:.0f}", "used": f"{used:.0f}", "said": said}
        facts["wished"] = f"{min(WISHED_FILES, max(hard, soft)):.0f}"
        yield _finding(seen, one, "limits.open_files", status, words, facts)


def judge_memory(seen: Seen) -> Iterator[Finding]:
    """Bad when a limit on memory (of the process or its control group) was hit, or the log says so under a limit."""
    for one in seen.named("engine.limits"):
        row = row_of(one.value)
        if not row:
            yield from not_seen("limits.memory", seen, one)
        else:
            status, words, facts = _memory(row, _said(seen, one, _MEMORY_OUT))
            yield _finding(seen, one, "limits.memory", status, words, facts)


def _memory(row: Mapping[str, Value], said: str) -> tuple[Status, str, dict[str, str]]:
    group = find_number(row.get("memory_max_bytes"))
    kills = find_number(row.get("oom_kills")) or 0.0
    space = find_number(row.get("address_space_bytes"))
    used = find_number(row.get("address_space_used_bytes")) or 0.0
    if group is not None and kills and _reached(row, group):
        facts = _facts("oom-kill", group, said) | _group(row) | {"oom_kills": f"{kills:.0f}"}
        return Status.CRITICAL, f"was hit by the kernel {kills:.0f} time(s) at its limit of {group:.0f} bytes", facts
    if space is not None and (said or used >= space * NEARLY):
        words = f"may have {space:.0f} bytes of address space and uses {used:.0f}"
        if said:
            return Status.CRITICAL, f"{words}, and said: {said}", _facts("rlimit", space, said)
        return Status.WARNING, words, _facts("rlimit", space, said)
    if group is not None and said and _reached(row, group):
        words = f"lives under a memory limit of {group:.0f} bytes, and said: {said}"
        return Status.CRITICAL, words, _facts("cgroup", group, said) | _group(row)
    return Status.OK, "was not held back by a memory limit", {}


def _reached(row: Mapping[str, Value], limit: float) -> bool:
    """Whether the group ever came near the limit that it has now: one that was raised since lies above the peak.

    True where the kernel keeps no peak (version 2 before Linux 5.19).
    """
    peak = find_number(row.get("memory_peak_bytes"))
    return peak is None or peak >= limit * REACHED


def _group(row: Mapping[str, Value]) -> dict[str, str]:
    """The control group, and the file that holds its limit."""
    folder = str(row.get("cgroup", ""))
    name = {1: "memory.limit_in_bytes", 2: "memory.max"}.get(int(find_number(row.get("cgroup_version")) or 0), "")
    if not folder or not name:
        return {"cgroup": folder}
    return {"cgroup": folder, "limit_file": f"{folder}/{name}"}


def _facts(kind: str, limit: float, said: str) -> dict[str, str]:
    """`wished_bytes` leaves half as much again, `wished` is the same for prlimit (unlimited address space)."""
    return {"kind": kind, "limit_bytes": f"{limit:.0f}", "wished_bytes": f"{limit * _MARGIN:.0f}", "said": said}


def _said(seen: Seen, one: Observation, pattern: re.Pattern[str]) -> str:
    """The last line of the engine's log that tells of it, or ""."""
    lines = texts_of(row_of(seen.value(one.subject, "log.text")).get("lines"))
    return next((line.strip() for line in reversed(lines) if pattern.search(line)), "")


def _finding(seen: Seen, one: Observation, check: str, status: Status, words: str, facts: Mapping[str, str]) -> Finding:
    return Finding(
        check=check,
        subject=one.subject,
        status=status,
        message=f"{engine_title(seen, one.subject)} {words}",
        facts=engine_facts(seen, one.subject, **facts),
        evidence=looked_at(seen, one.subject, "engine.limits"),
    )


def judge_inotify(seen: Seen) -> Iterator[Finding]:
    """Bad when some user has nearly as many inotify instances as one user may have."""
    for one in seen.named("host.limits"):
        row = row_of(one.value)
        limit = find_number(row.get("inotify_instances"))
        if not limit:
            continue
        used = {uid: find_number(count) or 0.0 for uid, count in row_of(row.get("inotify_instances_used")).items()}
        uid = max(used, key=used.__getitem__, default="")
        most = used.get(uid, 0.0)
        status = Status.OK
        if most >= limit * NEARLY:
            status = Status.WARNING
        if most >= limit:
            status = Status.CRITICAL
        words = f"user {uid or '-'} has {most:.0f} of {limit:.0f} inotify instances"
        facts = {"kind": "inotify", "limit": f"{limit:.0f}", "used": f"{most:.0f}", "uid": uid}
        facts["wished"] = str(WISHED_INSTANCES)
        yield Finding(
            check="limits.inotify",
            subject=one.subject,
            status=status,
            message=words,
            facts={key: value for key, value in facts.items() if value},
            evidence=(one,),
        )


CHECKS = (
    Check(
        id="limits.open_files",
        title="An engine has open files to spare",
        needs=("engine.limits", "log.text"),
        judge=judge_open_files,
    ),
    Check(
        id="limits.memory",
        title="No memory limit holds an engine back",
        needs=("engine.limits", "log.text"),
        judge=judge_memory,
    ),
    Check(
        id="limits.inotify",
        title="A user has inotify instances to spare",
        needs=("host.limits",),
        judge=judge_inotify,
        level=2,
    ),
)
