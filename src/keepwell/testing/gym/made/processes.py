"""What /proc shows of the processes of a made machine: engines, their runners, everything else; and their sockets."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from keepwell.testing.fake_gpu.linux import NOW
from keepwell.testing.gym.made.state import MadeEngine, MadeProcess, MadeState
from keepwell.transport.recorded.tape import TapeFile

Files = dict[str, TapeFile | str]
#: The clock of /proc/PID/stat, ticks a second.
TICKS = 100
#: Where a plain process writes its log, below its own folder.
LOG_NAME = "server.log"
#: Number of a container's own network, and of the machine's.
INNER_SPACE, OUTER_SPACE = "net:[4026532999]", "net:[4026531840]"
INNER_MOUNTS, OUTER_MOUNTS = "mnt:[4026532998]", "mnt:[4026531841]"
#: Docker's own address for the first container.
CONTAINER_ADDRESS = "172.17.0.2"
PROXY_PID = 3900
_TCP_HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
_LIMITS = """Limit                     Soft Limit           Hard Limit           Units
Max processes             96365                96365                processes
Max open files            {files:<20} 524288               files
Max locked memory         8388608              8388608              bytes
Max address space         {space:<20} unlimited            bytes
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A process as /proc shows it."""

    pid: int
    argv: Sequence[str]
    parent: int = 1
    state: str = "S"
    uid: int = 0
    groups: Sequence[int] = ()
    age_seconds: float = 50_000.0
    cgroup: str = "/user.slice"
    inner: bool = False
    memory_bytes: int = 40_000_000
    swapped_bytes: int = 0
    threads: int = 8


def list_processes(state: MadeState) -> Files:
    """Everything below /proc/PID, and /proc/net/tcp."""
    files: Files = {
        "/proc/self/ns/net": TapeFile(kind="link", target=OUTER_SPACE),
        "/proc/self/ns/mnt": TapeFile(kind="link", target=OUTER_MOUNTS),
        "/proc/1/cmdline": "/sbin/init\0splash\0",
    }
    rows: list[str] = []
    for engine in state.engines:
        if engine.running:
            files |= _list_engine(engine, state)
            rows += _list_sockets(engine, len(rows))
        if engine.running and engine.container is not None:
            files |= show(_proxy(engine), state)
            files[f"/proc/{PROXY_PID}/fd/4"] = TapeFile(kind="link", target=f"socket:[{_inode(engine)}]")
    for one in state.processes:
        files |= show(Shown(pid=one.pid, argv=one.argv, uid=one.uid, age_seconds=one.age_seconds), state)
        files[f"/proc/{one.pid}/environ"] = "".join(f"{name}={text}\0" for name, text in one.environment.items())
        if one.listens:
            rows.append(_row(len(rows), "0.0.0.0", one.listens, one.uid, _other_inode(one)))
            files[f"/proc/{one.pid}/fd/3"] = TapeFile(kind="link", target=f"socket:[{_other_inode(one)}]")
    files["/proc/net/tcp"] = _TCP_HEAD + "\n".join(rows) + "\n"
    return files


def log_path(engine: MadeEngine) -> str:
    """Where it writes what a supervisor does not take."""
    return f"{engine.folder}/{LOG_NAME}"


def cgroup_of(engine: MadeEngine) -> str:
    """The control group that its supervisor puts it in."""
    if engine.container is not None:
        return f"/system.slice/docker-{container_id(engine)}.scope"
    if engine.unit is not None:
        return f"/system.slice/{engine.unit.name}"
    return "/user.slice/user-1000.slice/session-3.scope"


def container_id(engine: MadeEngine) -> str:
    """64 digits made of the container's name."""
    assert engine.container is not None
    return engine.container.name.encode().hex().ljust(64, "0")[:64]


def runner_pid(engine: MadeEngine) -> int:
    """The child that holds the loaded model."""
    return engine.pid + 1


def show(one: Shown, state: MadeState) -> Files:
    """The folder of one process."""
    folder, name = f"/proc/{one.pid}", one.argv[0].rpartition("/")[2][:15]
    ticks = int((state.booted_seconds - one.age_seconds) * TICKS)
    zeros = " ".join(["0"] * 13)
    groups = " ".join(map(str, one.groups))
    kilobytes, swapped = one.memory_bytes // 1024, one.swapped_bytes // 1024
    spaces = {True: (INNER_SPACE, INNER_MOUNTS), False: (OUTER_SPACE, OUTER_MOUNTS)}[one.inner]
    numbers = " ".join([str(one.uid)] * 4)
    return {
        folder: TapeFile(kind="directory", mode=0o555, uid=one.uid, gid=one.uid),
        f"{folder}/cmdline": "\0".join(one.argv) + "\0",
        f"{folder}/environ": "",
        f"{folder}/stat": (
            f"{one.pid} ({name}) {one.state} {one.parent} {zeros} 20 0 {one.threads} 0 {ticks} 1000 200 {zeros}\n"
        ),
        f"{folder}/status": (
            f"Name:\t{name}\nState:\t{one.state}\nPPid:\t{one.parent}\nUid:\t{numbers}\nGid:\t{numbers}\n"
            f"Groups:\t{groups} \nVmSize:\t{kilobytes * 2} kB\nVmRSS:\t{kilobytes} kB\nVmSwap:\t{swapped} kB\n"
            f"Threads:\t{one.threads}\nCapEff:\t{'000001ffffffffff' if one.uid == 0 else '0' * 16}\n"
        ),
        f"{folder}/cgroup": f"0::{one.cgroup}\n",
        f"{folder}/exe": TapeFile(kind="link", target=one.argv[0], leads_to=TapeFile(mode=0o755)),
        f"{folder}/cwd": TapeFile(kind="link", target="/", leads_to=TapeFile(kind="directory", mode=0o755)),
        f"{folder}/ns/net": TapeFile(kind="link", target=spaces[0]),
        f"{folder}/ns/mnt": TapeFile(kind="link", target=spaces[1]),
        f"{folder}/uid_map": "0 0 4294967295\n",
        f"{folder}/task/{one.pid}": TapeFile(kind="directory"),
        f"{folder}/limits": _LIMITS.format(files=1024, space="unlimited"),
    }


def _list_engine(engine: MadeEngine, state: MadeState) -> Files:
    folder = f"/proc/{engine.pid}"
    files = show(
        Shown(
            pid=engine.pid,
            argv=engine.argv,
            state=engine.state,
            uid=engine.uid,
            groups=engine.groups,
            age_seconds=engine.age_seconds,
            cgroup=cgroup_of(engine),
            inner=engine.container is not None,
            memory_bytes=engine.memory_bytes,
            swapped_bytes=engine.swapped_bytes,
            threads=engine.threads,
        ),
        state,
    )
    files[f"{folder}/environ"] = "".join(f"{name}={text}\0" for name, text in engine.environment.items())
    files[engine.argv[0]] = TapeFile(mode=0o755, pieces=((0, b"ELF"),))
    space = str(engine.address_space_bytes or "unlimited")
    files[f"{folder}/limits"] = _LIMITS.format(files=engine.open_files, space=space)
    for number in range(4, max(4, engine.open_files_used)):
        files[f"{folder}/fd/{number}"] = TapeFile(kind="link", target="/dev/null")
    files[f"{folder}/fd/3"] = TapeFile(kind="link", target=f"socket:[{_inode(engine)}]")
    files |= _list_output(engine, folder)
    if engine.runner:
        runner = (engine.argv[0], "runner", "--model", engine.model_path, "--port", "40123")
        files |= show(
            Shown(
                pid=runner_pid(engine),
                argv=runner,
                parent=engine.pid,
                state=engine.runner_state,
                uid=engine.uid,
                age_seconds=max(1.0, engine.age_seconds - 600),
                cgroup=cgroup_of(engine),
                inner=engine.container is not None,
            ),
            state,
        )
    return files | _list_cgroup(engine)


def _list_output(engine: MadeEngine, folder: str) -> Files:
    """Where standard output and error go: a pipe to the supervisor, or a file."""
    files: Files = {}
    supervised = engine.unit is not None or engine.container is not None
    for number in ("1", "2"):
        link = TapeFile(kind="link", target=log_path(engine))
        if supervised:
            link = TapeFile(kind="link", target="socket:[99]", leads_to=TapeFile(kind="socket"))
        files[f"{folder}/fd/{number}"] = link
    if not supervised:
        files[log_path(engine)] = "".join(f"{text}\n" for _, text in engine.log)
    return files


def _list_cgroup(engine: MadeEngine) -> Files:
    folder = f"/sys/fs/cgroup{cgroup_of(engine)}"
    files: Files = {
        f"{folder}/memory.max": f"{engine.memory_max_bytes or 'max'}\n",
        f"{folder}/memory.current": f"{engine.memory_bytes}\n",
        f"{folder}/memory.events": f"low 0\nhigh 0\nmax 0\noom 0\noom_kill {engine.oom_kills}\n",
        f"{folder}/cpu.max": "max 100000\n",
        f"{folder}/cpu.stat": "usage_usec 1\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n",
    }
    if engine.cpu_quota:
        files[f"{folder}/cpu.max"] = f"{int(engine.cpu_quota * 100_000)} 100000\n"
        files[f"{folder}/cpu.stat"] = "usage_usec 9\nnr_periods 9000\nnr_throttled 8100\nthrottled_usec 700000000\n"
    return files


def _proxy(engine: MadeEngine) -> Shown:
    """Docker's own process that holds the published port."""
    assert engine.container is not None
    words = ("-proto", "tcp", "-host-ip", engine.host, "-host-port", str(engine.port))
    inner = ("-container-ip", CONTAINER_ADDRESS, "-container-port", str(engine.container.inner_port))
    return Shown(pid=PROXY_PID, argv=("/usr/bin/docker-proxy", *words, *inner), age_seconds=engine.age_seconds)


def _list_sockets(engine: MadeEngine, number: int) -> Iterator[str]:
    uid = 0 if engine.container is not None else engine.uid
    yield _row(number, engine.host, engine.port, uid, _inode(engine))


def _row(number: int, host: str, port: int, uid: int, inode: int) -> str:
    (place,) = struct.unpack("<I", socket.inet_aton(host))
    return (
        f"{number:4d}: {place:08X}:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000 {uid:5d}        "
        f"0 {inode} 1 0000000000000000 100 0 0 10 0"
    )


def _inode(engine: MadeEngine) -> int:
    return 40_000 + engine.port


def _other_inode(one: MadeProcess) -> int:
    return 90_000 + one.pid


def started_at(engine: MadeEngine) -> float:
    """Seconds since the epoch."""
    return NOW - engine.age_seconds
