"""Made nodes whose machine is wrong: disks, memory, limits, names, proxies, clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from keepwell.testing.fake_gpu.linux import GIB
from keepwell.testing.gym.faults.gpu_hardware import WITH_GPU
from keepwell.testing.gym.made.changes import Change, all_of, engine, engine_says, environment, kernel_says, restart
from keepwell.testing.gym.made.state import MadeDisk, MadeState
from keepwell.testing.gym.made.world import made

ALL = (*WITH_GPU, "llamacpp-cpu")
WITH_STORE = ("ollama-box",)
MIB = 1024**2


def disk(path: str, **values: Any) -> Change:
    """One file system with other values."""

    def change(state: MadeState) -> None:
        state.disks = [replace(one, **values) if one.path == path else one for one in state.disks]

    return change


def host(**values: Any) -> Change:
    """The machine itself with other values."""

    def change(state: MadeState) -> None:
        for name, value in values.items():
            setattr(state, name, value)

    return change


def _short_of_memory(state: MadeState) -> None:
    total = state.machine.memory_bytes
    state.memory_available_bytes = total // 100
    state.swap_used_bytes = state.swap_total_bytes * 99 // 100
    state.memory_pressure = (0.55, 0.31)


def _swapped(state: MadeState) -> None:
    state.engines[0].memory_bytes = 2 * GIB
    state.engines[0].swapped_bytes = 6 * GIB
    state.swap_used_bytes = 7 * GIB


def _killed_for_memory(state: MadeState) -> None:
    one = state.engines[0]
    one.memory_max_bytes, one.memory_bytes, one.oom_kills = 2 * GIB, 2 * GIB - MIB, 3
    name = one.argv[0].rpartition("/")[2]
    said = f"Memory cgroup out of memory: Killed process {one.pid + 7} ({name}) total-vm:9000000kB, anon-rss:2000000kB"
    kernel_says(said)(state)


def _proxied_shell(state: MadeState) -> None:
    state.shell["http_proxy"] = "http://10.0.0.9:3128"


def _tmp_noexec(state: MadeState) -> None:
    state.disks = [one for one in state.disks if one.path != "/tmp"]
    options = "rw,nosuid,nodev,noexec,relatime"
    state.disks.append(MadeDisk(path="/tmp", device="tmpfs", kind="tmpfs", options=options, total_bytes=32 * GIB))


def _clock_behind(state: MadeState) -> None:
    engine_says(
        {
            "ollama": (
                'level=INFO source=download.go:295 msg="pull failed" error="tls: failed to verify certificate: x509: '
                "certificate has expired or is not yet valid: current time 2021-01-01T00:00:00Z is before "
                '2025-10-01T00:00:00Z"',
            )
        }
    )(state)
    state.journal.append((500.0, "systemd-timesyncd[400]: Timed out waiting for reply from 192.0.2.9:123."))


FAULTS = (
    made(
        "disk-full",
        "The file system of the models is full",
        on=WITH_STORE,
        change=disk("/srv", free_bytes=8 * MIB),
        causes=("disk-full",),
        check="disk.space",
        cure="find .*-delete|du -xh",
        touches=("disk",),
    ),
    made(
        "disk-full-root",
        "The root file system is full",
        on=("vllm-two-gpus", "llamacpp-cpu"),
        change=disk("/", free_bytes=20 * MIB),
        causes=("disk-full",),
        check="disk.space",
        cure="find .*-delete|du -xh",
        touches=("disk",),
    ),
    made(
        "inodes-used-up",
        "The file system of the models has no inode left",
        on=WITH_STORE,
        change=disk("/srv", inodes_free=0),
        causes=("disk-full",),
        check="disk.inodes",
        cure="find|du --inodes",
        touches=("disk",),
    ),
    made(
        "disk-read-only",
        "The kernel met errors and mounted the models' file system read-only",
        on=WITH_STORE,
        change=all_of(
            disk("/srv", options="ro,relatime"),
            kernel_says(
                "EXT4-fs error (device nvme1n1p1): ext4_journal_check_start:84: Detected aborted journal",
                "EXT4-fs (nvme1n1p1): Remounting filesystem read-only",
            ),
        ),
        causes=("data-dir-not-writable", "disk-failing"),
        check="disk.writable",
        touches=("disk", "kernel log"),
    ),
    made(
        "tmp-noexec",
        "Programs may not run from /tmp, and the engine unpacks its libraries there",
        on=("vllm-two-gpus", "ollama-box"),
        change=_tmp_noexec,
        causes=("tmp-dir-unusable",),
        check="disk.executable",
        cure="remount,exec|systemctl edit|TMPDIR",
        touches=("tmp",),
    ),
    made(
        "memory-exhausted",
        "Another program took nearly all memory, and everything waits for the swap",
        on=ALL,
        change=_short_of_memory,
        causes=("insufficient-system-memory",),
        check="memory.available",
        touches=("memory",),
    ),
    made(
        "engine-swapped",
        "Most of an engine lies in the swap",
        on=("llamacpp-cpu", "ollama-box"),
        change=_swapped,
        causes=("insufficient-system-memory",),
        check="memory.swap",
        touches=(
            "engine",
            "memory",
        ),
    ),
    made(
        "cgroup-memory",
        "A control group's memory limit is too low for the model",
        on=("ollama-box", "ollama-container"),
        change=_killed_for_memory,
        causes=("insufficient-system-memory",),
        check="limits.memory",
        cure="MemoryMax|--memory|set-property",
        touches=("engine", "memory", "kernel log"),
    ),
    made(
        "address-space-limit",
        "A limit on the address space is nearly reached",
        on=("llamacpp-cpu",),
        change=engine(address_space_bytes=int(2.02 * 2 * GIB), memory_bytes=2 * GIB),
        causes=("insufficient-system-memory",),
        check="limits.memory",
        cure="prlimit|kill",
        touches=(
            "engine",
            "memory",
        ),
    ),
    made(
        "cpu-quota",
        "A control group lets the engine use two cores of eight",
        on=("llamacpp-cpu", "ollama-container"),
        change=engine(cpu_quota=2.0),
        causes=("threads-exceed-cpu-quota",),
        check="cpu.quota",
        cure="--threads|cpu.max|--cpus",
        touches=(
            "engine",
            "cpu",
        ),
    ),
    made(
        "open-files",
        "An engine has used up its open files",
        on=("ollama-box", "llamacpp-cpu"),
        change=all_of(
            engine(open_files=256, open_files_used=256),
            engine_says(
                {
                    "ollama": (
                        "http: Accept error: accept tcp 127.0.0.1:11434: accept4: too many open files; retrying in 1s",
                    )
                }
            ),
        ),
        causes=("open-file-or-watch-limit",),
        check="limits.open_files",
        cure="prlimit|systemctl edit|LimitNOFILE",
        touches=("engine", "limits", "engine log"),
    ),
    made(
        "inotify-used-up",
        "A user has used up the inotify instances",
        on=ALL,
        change=host(inotify_limit=128, inotify_used=128),
        causes=("open-file-or-watch-limit",),
        check="limits.inotify",
        cure="inotify",
        touches=("limits",),
    ),
    made(
        "localhost-unknown",
        "The name localhost does not resolve",
        on=ALL,
        change=host(localhost=()),
        causes=("localhost-address-wrong",),
        check="address.names",
        cure="/etc/hosts",
        touches=("names",),
    ),
    made(
        "localhost-ipv6-only",
        "localhost is ::1 alone, and the engine listens on IPv4",
        on=("ollama-box",),
        change=host(localhost=("::1",)),
        causes=("localhost-address-wrong",),
        check="address.names",
        cure="/etc/hosts",
        touches=("names",),
    ),
    made(
        "proxy-variable",
        "A proxy variable of this shell catches requests to local engines",
        on=ALL,
        change=_proxied_shell,
        causes=("proxy-env-intercepts-local",),
        check="address.proxy",
        cure="NO_PROXY",
        touches=("proxy",),
    ),
    made(
        "proxy-of-engine",
        "The engine's own environment sends local requests to a proxy",
        on=("ollama-box",),
        change=all_of(environment(http_proxy="http://10.0.0.9:3128"), restart),
        causes=("proxy-env-intercepts-local",),
        check="address.proxy",
        cure="NO_PROXY|systemctl edit",
        touches=("engine", "proxy", "settings"),
    ),
    made(
        "clock-behind",
        "The clock is years behind, so that no certificate is valid yet",
        on=("ollama-box", "ollama-container"),
        change=_clock_behind,
        causes=("clock-skew",),
        check="",
        cure="timedatectl",
        touches=("clock", "engine log"),
    ),
)
