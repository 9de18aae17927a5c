"""The files of a healthy Linux machine without GPU, and those of its NVIDIA driver, as made nodes show them."""

from __future__ import annotations

from keepwell.testing.fake_gpu.card import FakeCard
from keepwell.testing.fake_gpu.machine import FakeEngine, FakeMachine
from keepwell.transport.base import Space
from keepwell.transport.recorded.tape import TapeFile

KERNEL = "6.8.0-49-generic"
LIBRARIES = "/usr/lib/x86_64-linux-gnu"
#: The instant of every made machine, and when it was started.
NOW = 1_767_225_600.0
BOOTED = NOW - 86_400.0
GIB = 1024**3

_FLAGS = "fpu sse4_2 avx f16c fma avx2 avx512f"
_MOUNTS = """\
29 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw
30 29 0:25 / /proc rw,nosuid - proc proc rw
31 29 0:26 / /sys rw,nosuid - sysfs sysfs rw
32 29 0:5 / /dev rw,nosuid - devtmpfs udev rw
"""
_DEVICES = """\
Character devices:
  1 mem
195 nvidia
195 nvidiactl
226 drm
234 nvidia-uvm
235 kfd

Block devices:
  8 sd
"""
SPACES = {
    "/": Space(
        total_bytes=2_000 * GIB, free_bytes=900 * GIB, inodes=30_000_000, inodes_free=29_000_000, read_only=False
    )
}


def list_host_files(machine: FakeMachine) -> dict[str, TapeFile | str]:
    """The host itself: kernel, processor, memory, mounts, groups; a container where it is one."""
    kibibytes = machine.memory_bytes // 1024
    processor = f"model name\t: Made 8-Core Processor\nflags\t\t: {_FLAGS}\n"
    files: dict[str, TapeFile | str] = {
        "/proc/sys/kernel/osrelease": f"{KERNEL}\n",
        "/proc/1/comm": "systemd\n",
        "/proc/1/cgroup": "0::/init.scope\n",
        "/proc/stat": f"cpu  1 2 3\nbtime {BOOTED:.0f}\n",
        "/proc/devices": _DEVICES,
        "/proc/cpuinfo": "\n".join(f"processor\t: {number}\n{processor}" for number in range(8)),
        "/proc/meminfo": (
            f"MemTotal: {kibibytes} kB\nMemAvailable: {kibibytes * 3 // 4} kB\n"
            "SwapTotal: 8388608 kB\nSwapFree: 8388608 kB\n"
        ),
        "/proc/self/mountinfo": _MOUNTS,
        "/proc/self/cgroup": "0::/user.slice\n",
        "/proc/sys/fs/inotify/max_user_instances": "1024\n",
        "/proc/sys/fs/inotify/max_user_watches": "524288\n",
        "/proc/sys/fs/inotify/max_queued_events": "16384\n",
        "/proc/net/tcp": "  sl  local_address rem_address   st\n",
        "/proc/net/tcp6": "",
        "/etc/os-release": 'PRETTY_NAME="Ubuntu 24.04.1 LTS"\nNAME="Ubuntu"\n',
        "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
        "/etc/group": "root:x:0:\nvideo:x:44:\nrender:x:993:\nengine:x:990:\n",
        "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nengine:x:990:990::/srv/engine:/usr/sbin/nologin\n",
        "/sys/bus/pci/devices": TapeFile(kind="directory"),
        "/dev/null": TapeFile(kind="character", device="1:3", mode=0o666),
    }
    if machine.container:
        files["/run/systemd/container"] = f"{machine.container}\n"
        files["/.dockerenv"] = ""
    return files


def list_bus_files(pci: str, pci_id: str, pci_class: str, driver: str) -> dict[str, TapeFile | str]:
    """What every PCI device has in sysfs; no driver link for ""."""
    base = f"/sys/bus/pci/devices/{pci}"
    vendor, _, device = pci_id.partition(":")
    files: dict[str, TapeFile | str] = {
        f"{base}/class": f"{pci_class}\n",
        f"{base}/vendor": f"0x{vendor}\n",
        f"{base}/device": f"0x{device}\n",
        f"{base}/power/runtime_status": "active\n",
    }
    if driver:
        files[f"{base}/driver"] = TapeFile(kind="link", target=f"../../../../bus/pci/drivers/{driver}")
    return files


def list_nvidia_files(machine: FakeMachine) -> dict[str, TapeFile | str]:
    """The driver's module, its nodes and its libraries, as far as this machine has them."""
    files: dict[str, TapeFile | str] = {}
    if machine.driver:
        kind = "Open Kernel Module for x86_64" if machine.flavour == "open" else "x86_64 Kernel Module"
        files["/proc/driver/nvidia/version"] = f"NVRM version: NVIDIA UNIX {kind}  {machine.driver}  Thu Feb 22\n"
        files["/sys/module/nvidia/version"] = f"{machine.driver}\n"
        files["/proc/modules"] = "nvidia_uvm 4956160 2 - Live 0x0 (O)\nnvidia 54566912 2 nvidia_uvm, Live 0x0 (O)\n"
    if machine.library:
        for name in ("libcuda.so", "libnvidia-ml.so"):
            files[f"{LIBRARIES}/{name}.{machine.library}"] = "ELF"
            files[f"{LIBRARIES}/{name}.1"] = TapeFile(kind="link", target=f"{name}.{machine.library}")
    if machine.driver and machine.nodes:
        files["/dev/nvidiactl"] = TapeFile(kind="character", device="195:255", mode=machine.nodes_mode, gid=44)
        files["/dev/nvidia-uvm"] = TapeFile(kind="character", device="234:0", mode=machine.nodes_mode, gid=44)
        for number, _ in enumerate(machine.cards):
            files[f"/dev/nvidia{number}"] = TapeFile(
                kind="character", device=f"195:{number}", mode=machine.nodes_mode, gid=44
            )
    return files


def driver_of(card: FakeCard, machine: FakeMachine) -> str:
    """The kernel driver that is bound to a card: none where it is not loaded."""
    del card
    return "nvidia" if machine.driver else ""


def list_engine_files(engine: FakeEngine) -> dict[str, TapeFile | str]:
    """An Ollama server that listens on its usual port: process, socket, log, rights."""
    folder = f"/proc/{engine.pid}"
    groups = " ".join(str(one) for one in engine.groups)
    environment = "".join(f"{name}={value}\0" for name, value in engine.environment.items())
    ticks = int((NOW - BOOTED - 3600) * 100)
    socket = "0: 0100007F:2CAA 00000000:0000 0A 00000000:00000000 00:00000000 00000000   990        0 4242 1 0 100"
    return {
        "/proc/net/tcp": f"  sl  local_address rem_address   st\n   {socket}\n",
        folder: TapeFile(kind="directory", uid=engine.uid, gid=engine.uid),
        f"{folder}/cmdline": "/usr/local/bin/ollama\0serve\0",
        f"{folder}/environ": f"HOME=/srv/engine\0PATH=/usr/bin\0{environment}",
        f"{folder}/stat": f"{engine.pid} (ollama) S 1 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 8 0 {ticks} 1 1 0",
        f"{folder}/status": (
            f"Name:\tollama\nState:\tS\nPPid:\t1\nUid:\t{engine.uid} 990 990 990\nGid:\t990 990 990 990\n"
            f"Groups:\t{groups}\nCapEff:\t0000000000000000\n"
        ),
        f"{folder}/exe": TapeFile(kind="link", target="/usr/local/bin/ollama"),
        "/usr/local/bin/ollama": TapeFile(kind="file", mode=0o755, pieces=((0, b"ELF"),)),
        f"{folder}/cwd": TapeFile(kind="link", target="/"),
        f"{folder}/cgroup": "0::/user.slice\n",
        f"{folder}/uid_map": "0 0 4294967295\n",
        f"{folder}/limits": "Limit Soft Limit Hard Limit Units\nMax open files            65536 65536 files\n",
        f"{folder}/fd/1": TapeFile(kind="link", target="/var/log/engine.log"),
        f"{folder}/fd/2": TapeFile(kind="link", target="/var/log/engine.log"),
        f"{folder}/fd/3": TapeFile(kind="link", target="socket:[4242]"),
        "/var/log/engine.log": "".join(f"{line}\n" for line in engine.log),
        **_list_runner_files(engine),
        "/srv/engine": TapeFile(kind="directory", uid=990, gid=990, mode=0o755),
        "/srv/engine/.ollama": TapeFile(kind="directory", uid=990, gid=990, mode=0o755),
        "/srv/engine/.ollama/models": TapeFile(kind="directory", uid=990, gid=990, mode=0o755),
        "/srv/engine/.ollama/models/manifests": TapeFile(kind="directory", uid=990, gid=990, mode=0o755),
        "/srv/engine/.ollama/models/blobs": TapeFile(kind="directory", uid=990, gid=990, mode=0o755),
    }


def _list_runner_files(engine: FakeEngine) -> dict[str, TapeFile | str]:
    """The child that holds the loaded model, if one is loaded."""
    if engine.model_gpu_ratio is None:
        return {}
    pid = engine.pid + 1
    ticks = int((NOW - BOOTED - 1800) * 100)
    return {
        f"/proc/{pid}": TapeFile(kind="directory", uid=engine.uid, gid=engine.uid),
        f"/proc/{pid}/cmdline": "/usr/local/bin/ollama\0runner\0--model\0/srv/engine/.ollama/models/blobs/sha256-aa\0",
        f"/proc/{pid}/stat": f"{pid} (ollama) S {engine.pid} 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 8 0 {ticks} 1 1 0",
        f"/proc/{pid}/status": "Name:\tollama\nState:\tS\n",
    }
