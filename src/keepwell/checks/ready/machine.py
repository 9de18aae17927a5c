"""Room, memory, account, ports and clock, before an engine is installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing, Observation, Seen, Value
from keepwell.core.ref import Ref, node
from keepwell.core.values import find_number, row_of, rows_of, text_of, texts_of
from keepwell.core.words import size, span
from keepwell.plugins.advice import Advice, advise

#: Less than this part of what is needed is too little for any model, not only for the usual one.
LEAST_SHARE = 0.5
#: Kinds of file systems that are gone after a restart.
PASSING = frozenset({"tmpfs", "ramfs", "devtmpfs", "squashfs", "iso9660", "efivarfs", "vfat"})
#: Seconds that a clock may be off before certificates and signatures begin to fail (the shortest tokens last minutes).
OFF_SECONDS = 60.0
#: Seconds that `date` cannot tell apart.
SAME_SECONDS = 2.0
#: Shells with which nobody can log in.
CLOSED_SHELLS = ("nologin", "false")
#: What everybody may do with a device node that needs no group: read and write.
_ALL = 0o006


def judge_disk(seen: Seen) -> Iterator[Finding]:
    """By the roomiest file system that can be written to: CRITICAL below half of what is needed, WARNING below that."""
    for one in seen.named("host.mounts"):
        wanted = _wanted(seen, one.subject)
        need = find_number(wanted.get("disk_bytes"))
        rows = [row for row in rows_of(one.value) if row.get("read_only") is not True]
        rows = [row for row in rows if text_of(row, "kind") not in PASSING and find_number(row.get("free_bytes"))]
        if need is None or not rows:
            continue
        best = max(rows, key=_free)
        words = f"{size(_free(best))} free at {text_of(best, 'path')}, {size(need)} are needed"
        advice = Advice(
            where=f"{text_of(best, 'path')} ({text_of(best, 'device')}), the roomiest file system",
            command="df -h",
            why="the program or its image and one model of seven billion parameters have to fit; a full disk breaks "
            "downloads in the middle",
            next="make room, or add a disk and keep the models there",
            more={"path": text_of(best, "path"), "free_bytes": f"{_free(best):.0f}", "needed_bytes": f"{need:.0f}"},
        )
        yield advise("ready.disk", one.subject, (_enough(_free(best), need), words), advice, (one,))


def judge_memory(seen: Seen) -> Iterator[Finding]:
    """CRITICAL below half of the memory that is needed, WARNING below that."""
    for one in seen.named("host.memory_total_bytes"):
        total, need = find_number(one.value), find_number(_wanted(seen, one.subject).get("memory_bytes"))
        if total is None or need is None:
            continue
        free = find_number(seen.value(one.subject, "host.memory_available_bytes"))
        words = f"{size(total)} of memory, {size(need)} are needed"
        if free is not None:
            words = f"{size(total)} of memory, {size(free)} of it available; {size(need)} are needed"
        advice = Advice(
            where=str(one.subject),
            command="free -h",
            why="a model is read through main memory even where it runs on a GPU, and lies there where none is",
            next="add memory, end what holds it, or choose a smaller model",
            more={"total_bytes": f"{total:.0f}", "needed_bytes": f"{need:.0f}"},
        )
        # a machine of "8 GB" tells some per cent less: what the firmware and the kernel keep
        yield advise("ready.memory", one.subject, (_enough(total * 1.1, need), words), advice, (one,))


def judge_account(seen: Seen) -> Iterator[Finding]:
    """WARNING where the account that usually serves is not there, may not use the GPU's device nodes, or can log in."""
    for one in seen.named("host.accounts"):
        name = text_of(_wanted(seen, one.subject), "account")
        if not name or not rows_of(one.value):
            continue
        found = [row for row in rows_of(one.value) if text_of(row, "name") == name]
        groups = _device_groups(seen, one.subject)
        command, status = f"id {name}", Status.OK
        words, following = f"the account {name} is there and may use the GPU", ""
        if not found:
            status, words = Status.WARNING, f"there is no account {name} yet for the service to run as"
            with_groups = f" --groups {','.join(groups)}" * bool(groups)
            following = f"useradd --system --create-home --shell /usr/sbin/nologin{with_groups} {name}"
        elif not set(groups) <= set(texts_of(found[0].get("groups"))):
            lacking = ",".join(group for group in groups if group not in texts_of(found[0].get("groups")))
            status, words = Status.WARNING, f"the account {name} is not in {lacking}, which may use the GPU"
            following = f"usermod --append --groups {lacking} {name}"
        elif not text_of(found[0], "shell").endswith(CLOSED_SHELLS):
            status, words = Status.WARNING, f"the account {name} can log in ({text_of(found[0], 'shell')})"
            following = f"usermod --shell /usr/sbin/nologin {name}"
        why = "a service that runs as its own account, with the GPU's groups and no login, can do the least harm"
        advice = Advice(where=f"/etc/passwd: {name}", command=command, why=why, next=following, more={"account": name})
        yield advise("ready.account", one.subject, (status, words), advice, (one,))


def _device_groups(seen: Seen, here: Ref) -> tuple[str, ...]:
    """Groups of device nodes that are not for everybody, root's left out."""
    rows = rows_of(seen.value(here, "device.nodes"))
    closed = [row for row in rows if row.get("there") is True and _mode(row) & _ALL != _ALL]
    return tuple(sorted({text_of(row, "group") for row in closed} - {"", "root", "0"}))


def judge_ports(seen: Seen) -> Iterator[Finding]:
    """CRITICAL for a port that the engine wants and another program holds; OK where the engine itself is there."""
    for one in seen.named("host.sockets"):
        if isinstance(one.value, Missing):
            continue
        wanted = _wanted(seen, one.subject)
        for port in [find_number(each) for each in _tuple(wanted.get("ports"))]:
            if port is not None:
                yield _judge_port(seen, one, int(port), wanted)


def _judge_port(seen: Seen, one: Observation, port: int, wanted: Mapping[str, Value]) -> Finding:
    held = [row for row in rows_of(one.value) if find_number(row.get("port")) == port]
    sites = [row_of(site.value) for site in seen.named("engine.site") if site.subject.node == one.subject.name]
    own = [row for row in sites if find_number(row.get("port")) == port]
    verdict = Status.OK, f"port {port} is free"
    if held and own and text_of(own[0], "plug_in") == text_of(wanted, "plug_in"):
        verdict = Status.OK, f"{text_of(own[0], 'title')} already serves on port {port}"
    elif held:
        holder = text_of(row_of((own or [{}])[0]), "title") or _program(seen, one.subject, text_of(held[0], "pid"))
        verdict = Status.CRITICAL, f"port {port}, which {text_of(wanted, 'title')} listens on, is held by {holder}"
    advice = Advice(
        where=f"port {port} of {text_of((held or [{}])[0], 'address') or one.subject}",
        command=f"ss -Hltnp 'sport = :{port}'",
        why="an engine that cannot have its port does not start, or clients ask the wrong program",
        next="give the engine another port (and tell its clients), or end what holds this one",
        more={"port": str(port), "pid": text_of((held or [{}])[0], "pid")},
    )
    return advise("ready.ports", one.subject, verdict, advice, (one,))


def _program(seen: Seen, here: Ref, pid: str) -> str:
    for row in rows_of(seen.value(node(here.name), "host.processes")):
        argv = texts_of(row.get("argv"))
        if text_of(row, "pid") == pid and argv:
            return f"{argv[0].rpartition('/')[2]} (process {pid})"
    return "a process that this user cannot see"


def judge_clock(seen: Seen) -> Iterator[Finding]:
    """CRITICAL for a clock that is off by a minute or more, WARNING for one that is off or that nothing keeps right."""
    for one in seen.named("host.clock"):
        row = row_of(one.value)
        ahead = find_number(row.get("ahead_seconds"))
        verdict = Status.OK, f"the clock is right and kept right ({text_of(row, 'by')})"
        if ahead is None:
            reason = getattr(one.value, "reason", "it does not tell the time")
            verdict = Status.UNKNOWN, f"the clock could not be read: {reason}"
        elif abs(ahead) >= SAME_SECONDS:
            way = {True: "ahead of", False: "behind"}[ahead > 0]
            status = {True: Status.CRITICAL, False: Status.WARNING}[abs(ahead) >= OFF_SECONDS]
            verdict = status, f"the clock is {span(abs(ahead))} {way} the one here"
        elif row.get("synchronised") is False:
            verdict = Status.WARNING, f"nothing keeps the clock right ({text_of(row, 'by')}: not synchronised)"
        elif row.get("synchronised") is not True:
            verdict = Status.UNKNOWN, "the clock is right now; whether something keeps it right could not be seen"
        advice = Advice(
            where=str(one.subject),
            command="date -u; timedatectl",
            why="with a wrong clock certificates fail, downloads are refused, and logs of two nodes cannot be compared",
            next="timedatectl set-ntp true, or install chrony",
        )
        yield advise("ready.clock", one.subject, verdict, advice, (one,))


def _wanted(seen: Seen, here: Ref) -> Mapping[str, Value]:
    return row_of(seen.value(here, "ready.wanted"))


def _enough(have: float, need: float) -> Status:
    if have < need * LEAST_SHARE:
        return Status.CRITICAL
    return {True: Status.WARNING, False: Status.OK}[have < need]


def _free(row: Mapping[str, Value]) -> float:
    return find_number(row.get("free_bytes")) or 0.0


def _mode(row: Mapping[str, Value]) -> int:
    return int(find_number(row.get("mode")) or 0)


def _tuple(value: Value | None) -> tuple[Value, ...]:
    if isinstance(value, tuple):
        return value
    return ()
