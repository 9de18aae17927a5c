"""A made machine as files, commands and room: everything but what its engines answer over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterable
from operator import itemgetter

from keepwell.probes.gpu_errors import JOURNAL as GPU_JOURNAL
from keepwell.probes.host_history._journal import KERNEL, MANAGER
from keepwell.probes.host_limits import FIND
from keepwell.probes.host_timeline import JOURNAL as TIMELINE
from keepwell.probes.kernel_log import JOURNAL as KERNEL_JOURNAL
from keepwell.testing.fake_gpu.linux import NOW
from keepwell.testing.fake_gpu.node import list_files
from keepwell.testing.fake_gpu.said import say_cuda, say_nvml
from keepwell.testing.gym.made.processes import Files, list_processes
from keepwell.testing.gym.made.state import MadeLink, MadeState
from keepwell.testing.gym.made.supervisors import Commands, list_supervisor_commands, list_supervisor_files, ordered
from keepwell.transport.base import Space
from keepwell.transport.recorded.tape import TapeFile

#: The interpreter with keepwell that is told of: what it would print is given as data.
PYTHON = "/opt/keepwell/bin/python"
_VIRTUAL = """\
30 29 0:25 / /proc rw,nosuid - proc proc rw
31 29 0:26 / /sys rw,nosuid - sysfs sysfs rw
32 29 0:5 / /dev rw,nosuid - devtmpfs udev rw
"""
_NET_HEAD = (
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier "
    "compressed\n"
)


def render_files(state: MadeState) -> dict[str, TapeFile]:
    """Every file of the machine as it is now."""
    files: Files = dict(list_files(state.machine))
    files |= _list_host(state) | _list_network(state.links) | list_processes(state) | list_supervisor_files(state)
    files |= _list_stores(state)
    for change in state.changed:
        change(files)
    for path, content in state.extra.items():
        files.pop(path, None)
        if content is not None:
            files[path] = content
    return {path: _file(one) for path, one in files.items()}


def render_spaces(state: MadeState) -> dict[str, Space]:
    """The room of each file system."""
    found = {
        one.path: Space(
            total_bytes=one.total_bytes,
            free_bytes=one.free_bytes,
            inodes=one.inodes,
            inodes_free=one.inodes_free,
            read_only=one.options.split(",")[0] == "ro",
        )
        for one in state.disks
    }
    for engine in state.engines:
        if engine.container is not None:
            found[f"/proc/{engine.pid}/root/dev/shm"] = Space(
                total_bytes=engine.container.shm_total_bytes,
                free_bytes=engine.container.shm_free_bytes,
                inodes=1000,
                inodes_free=900,
                read_only=False,
            )
    return found


def render_commands(state: MadeState) -> Commands:
    """What programs print."""
    libraries = [one for one in ("libnvidia-ml.so.1", "libcuda.so.1") if state.machine.library and state.machine.cards]
    cache = "".join(f"\t{one} (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/{one}\n" for one in libraries)
    kernel = _kernel_journal(state)
    manager = "".join(f"{NOW - ago:.6f} box {text}\n" for ago, text in ordered(state.journal))
    answers: Commands = {
        ("uname", "-srm"): "Linux 6.8.0-49-generic x86_64\n",
        ("date", "+%z"): "+0000\n",
        ("id", "-u"): "0\n",
        ("printenv", "-0"): "".join(f"{name}={text}\0" for name, text in state.shell.items()),
        ("getent", "ahosts", "localhost"): "".join(f"{one} STREAM localhost\n" for one in state.localhost),
        ("/sbin/ldconfig", "-p"): f"{len(libraries)} libs found in cache\n{cache}",
        FIND: "1000\n" * state.inotify_used,
        KERNEL_JOURNAL: kernel,
        GPU_JOURNAL: kernel,
        KERNEL: kernel,
        TIMELINE: manager or "-- No entries --\n",
        MANAGER: manager or "-- No entries --\n",
        (PYTHON, "-m", "keepwell.devices._nvml_child"): json.dumps(say_nvml(state.machine)),
        (PYTHON, "-m", "keepwell.devices._cuda_child"): json.dumps(say_cuda(state.machine)),
    }
    if state.links:
        answers["ip", "-j", "address"] = json.dumps([_address(number, one) for number, one in enumerate(state.links)])
    return answers | list_supervisor_commands(state) | state.commands


def _kernel_journal(state: MadeState) -> str:
    first = [(state.booted_seconds, "Linux version 6.8.0-49-generic (buildd@lcy02) #49-Ubuntu SMP")]
    if state.machine.cards and state.machine.driver:
        loading = (
            f"NVRM: loading NVIDIA UNIX x86_64 Kernel Module  {state.machine.driver}  Thu Feb 22 01:44:30 UTC 2024"
        )
        first.append((state.booted_seconds - 5, loading))
    return "".join(f"{NOW - ago:.6f} box kernel: {text}\n" for ago, text in ordered([*first, *state.kernel]))


def _list_host(state: MadeState) -> Files:
    total = state.machine.memory_bytes // 1024
    available = (state.memory_available_bytes or state.machine.memory_bytes * 3 // 4) // 1024
    free = (state.swap_total_bytes - state.swap_used_bytes) // 1024
    some, full = state.memory_pressure
    mounts = "".join(
        f"{40 + number} 29 259:{number} / {one.path} {one.options} shared:1 - {one.kind} {one.device} rw\n"
        for number, one in enumerate(state.disks)
    )
    pressure = f"some avg10={some * 100:.2f} avg60=0.00 avg300=0.00 total=0\nfull avg10={full * 100:.2f}"
    files: Files = {
        "/proc/stat": f"cpu  1 2 3\nbtime {NOW - state.booted_seconds:.0f}\n",
        "/proc/self/mountinfo": mounts + _VIRTUAL,
        "/proc/meminfo": (
            f"MemTotal: {total} kB\nMemAvailable: {available} kB\n"
            f"SwapTotal: {state.swap_total_bytes // 1024} kB\nSwapFree: {free} kB\n"
        ),
        "/proc/pressure/memory": f"{pressure} avg60=0.00 avg300=0.00 total=0\n",
        "/proc/sys/fs/inotify/max_user_instances": f"{state.inotify_limit}\n",
        "/etc/localtime": "TZif",
        "/tmp": TapeFile(kind="directory", mode=0o1777),
    }
    for one in state.disks:
        files.setdefault(one.path, TapeFile(kind="directory", mode=0o755))
    if state.packages:
        files["/var/log/dpkg.log"] = "".join(
            text for _, text in sorted(state.packages, key=itemgetter(0), reverse=True)
        )
    return files


def _list_network(links: Iterable[MadeLink]) -> Files:
    files: Files = {}
    rows = [_NET_HEAD]
    for one in links:
        folder = f"/sys/class/net/{one.name}"
        files[folder] = TapeFile(kind="directory")
        files[f"{folder}/type"] = {"loopback": "772\n"}.get(one.kind, "1\n")
        if one.kind == "ethernet":
            files[f"{folder}/device"] = TapeFile(kind="directory")
            files[f"{folder}/speed"] = f"{one.mbit_per_s}\n"
            files[f"{folder}/duplex"] = f"{one.duplex}\n"
        if one.kind == "bridge":
            files[f"{folder}/bridge"] = TapeFile(kind="directory")
        half = one.packets // 2
        rows.append(
            f"{one.name}: {half * 900} {half} {one.errors} {one.drops} 0 0 0 0 {half * 700} {half} 0 0 0 0 0 0\n"
        )
    files["/proc/net/dev"] = "".join(rows)
    return files


def _address(number: int, one: MadeLink) -> dict[str, object]:
    flags = ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"] if one.up else ["BROADCAST", "MULTICAST", "UP"]
    row: dict[str, object] = {
        "ifindex": number + 1,
        "ifname": one.name,
        "flags": flags,
        "mtu": one.mtu,
        "operstate": {True: "UP", False: "DOWN"}[one.up],
        "link_type": {"loopback": "loopback"}.get(one.kind, "ether"),
        "addr_info": [],
    }
    if one.master:
        row["master"] = one.master
    if one.address:
        row["addr_info"] = [{"family": "inet", "local": one.address, "prefixlen": 24}]
    return row


def _list_stores(state: MadeState) -> Files:
    """Each engine's own folder; what is in it a profile says with `extra`."""
    files: Files = {}
    for engine in state.engines:
        files[engine.folder] = TapeFile(kind="directory", uid=engine.uid, gid=engine.uid, mode=0o755)
    return files


def _file(one: TapeFile | str) -> TapeFile:
    if isinstance(one, str):
        return TapeFile(pieces=((0, one.encode("utf-8")),))
    return one
