"""What a made machine is: hardware, driver, engines, disks, memory, network, and what its logs hold.

A fault changes this; `render` makes of it what probes read. All times are seconds before the instant of the look.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from keepwell.testing.fake_gpu.linux import GIB
from keepwell.testing.fake_gpu.machine import FakeMachine
from keepwell.testing.fake_state import FakeModel, FakeState
from keepwell.transport.base import Ran
from keepwell.transport.recorded.tape import Refusal, TapeFile

#: A line of a log: seconds before the look, text.
Logged = tuple[float, str]


@dataclass(slots=True, kw_only=True)
class MadeDisk:
    """A file system: where it is mounted, from what, its room."""

    path: str
    device: str = "/dev/nvme0n1p2"
    kind: str = "ext4"
    options: str = "rw,relatime"
    total_bytes: int = 2_000 * GIB
    free_bytes: int = 900 * GIB
    inodes: int = 30_000_000
    inodes_free: int = 29_000_000


@dataclass(slots=True, kw_only=True)
class MadeLink:
    """A network interface with its counters; `kind` is ethernet, bridge, or loopback."""

    name: str
    address: str = ""
    up: bool = True
    mtu: int = 1500
    mbit_per_s: int = 1000
    duplex: str = "full"
    kind: str = "ethernet"
    master: str = ""
    packets: int = 48_000_000
    errors: int = 0
    drops: int = 12


@dataclass(slots=True, kw_only=True)
class MadeProcess:
    """A process that is no engine."""

    pid: int
    argv: tuple[str, ...]
    uid: int = 1000
    listens: int = 0
    age_seconds: float = 50_000.0
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class MadeUnit:
    """The systemd unit of an engine, as `systemctl show` tells of it."""

    name: str
    active: str = "active"
    sub: str = "running"
    result: str = "success"
    exit_status: int = 0
    exit_code: int = 0
    restarts: int = 0
    need_reload: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    drop_ins: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class MadeContainer:
    """The container of an engine, as `docker inspect` tells of it, and what is inside."""

    name: str
    image: str
    inner_port: int
    gpus: bool = True
    runtime: str = "runc"
    state: str = "running"
    exit_code: int = 0
    oom_killed: bool = False
    error: str = ""
    library: str = ""
    device_nodes: bool = True
    shm_total_bytes: int = 8 * GIB
    shm_free_bytes: int = 8 * GIB
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class MadeEngine:
    """An engine: how it is asked, its process, its supervisor (a unit, a container, or none), its log.

    `wire` is what its port answers from, `flavour` the name of its wire. `mute`: it takes connections and never
    answers (a process that is stopped, state T). `runner` is the child that holds the loaded model, if it has one.
    """

    flavour: str
    argv: tuple[str, ...]
    port: int
    host: str = "127.0.0.1"
    environment: dict[str, str] = field(default_factory=dict)
    pid: int = 4711
    uid: int = 990
    user: str = "engine"
    groups: tuple[int, ...] = (990, 44, 993)
    state: str = "S"
    mute: bool = False
    age_seconds: float = 40_000.0
    running: bool = True
    runner: bool = False
    runner_state: str = "S"
    model_path: str = ""
    wire: FakeState = field(default_factory=lambda: FakeState(models=(FakeModel(),)))
    unit: MadeUnit | None = None
    container: MadeContainer | None = None
    folder: str = "/srv/engine"
    log: list[Logged] = field(default_factory=list)
    open_files: int = 65_536
    open_files_used: int = 24
    address_space_bytes: int = 0
    memory_bytes: int = 2 * GIB
    swapped_bytes: int = 0
    threads: int = 8
    memory_max_bytes: int = 0
    oom_kills: int = 0
    cpu_quota: float = 0.0

    @property
    def url(self) -> str:
        """Where clients ask it."""
        host = {"0.0.0.0": "127.0.0.1"}.get(self.host, self.host)
        return f"http://{host}:{self.port}"


@dataclass(slots=True, kw_only=True)
class MadeState:
    """A whole machine. `extra` are files that are laid over all others last (None takes one away); `commands` likewise.

    `changed` are functions that change the finished files, for what no field says.
    """

    machine: FakeMachine
    engines: list[MadeEngine] = field(default_factory=list)
    processes: list[MadeProcess] = field(default_factory=list)
    disks: list[MadeDisk] = field(default_factory=lambda: [MadeDisk(path="/")])
    links: list[MadeLink] = field(default_factory=list)
    kernel: list[Logged] = field(default_factory=list)
    journal: list[Logged] = field(default_factory=list)
    packages: list[tuple[float, str]] = field(default_factory=list)
    booted_seconds: float = 900_000.0
    memory_available_bytes: int = 0
    swap_total_bytes: int = 8 * GIB
    swap_used_bytes: int = 0
    memory_pressure: tuple[float, float] = (0.0, 0.0)
    inotify_limit: int = 1024
    inotify_used: int = 40
    localhost: tuple[str, ...] = ("127.0.0.1", "::1")
    shell: dict[str, str] = field(default_factory=lambda: {"HOME": "/root", "PATH": "/usr/bin:/bin"})
    systemd: bool = True
    docker: bool = False
    extra: dict[str, TapeFile | str | None] = field(default_factory=dict)
    commands: dict[tuple[str, ...], Ran | Refusal | str] = field(default_factory=dict)
    changed: list[Callable[[dict[str, TapeFile | str]], None]] = field(default_factory=list)
