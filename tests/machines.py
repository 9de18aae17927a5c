"""Machines in memory for tests: /proc, sockets, units and containers as the kernel and the tools write them."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping, Sequence

from keepwell.core.observation import Missing, Observation, Seen, Value
from keepwell.core.ref import Ref, node
from keepwell.plugins.place import Place
from keepwell.testing.clock import START, FakeClock
from keepwell.testing.node import RecordedNode
from keepwell.transport.base import Ran
from keepwell.transport.recorded.tape import TapeFile

BOOTED_AT = int(START) - 100_000

PASSWD = """root:x:0:0:root:/root:/bin/bash
ollama:x:997:996::/usr/share/ollama:/bin/false
mia:x:1000:1000:Mia,,,:/home/mia:/bin/bash
"""
GROUP = """root:x:0:
render:x:105:ollama
users:x:100:mia
ollama:x:996:mia
mia:x:1000:
"""

LIMITS = """Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max data size             unlimited            unlimited            bytes     
Max processes             96365                96365                processes 
Max open files            {files}                 524288               files     
Max locked memory         8388608              8388608              bytes     
Max address space         {space}            unlimited            bytes     
"""

EXEC = (
    "{{ path={program} ; argv[]={command} ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; "
    "code=(null) ; status=0/0 }}"
)


class Machine:
    """A Linux machine that is only data. Call `ready` after the last change."""

    def __init__(self) -> None:
        self.node = RecordedNode()
        self.files = self.node.files
        self.clock = FakeClock()
        self._sockets: list[str] = []
        self._ss: list[str] = []
        self._pids: list[int] = []
        self.files.put("/proc/stat", f"cpu  1 2 3\nbtime {BOOTED_AT}\nprocesses 4\n")
        self.files.put("/etc/passwd", PASSWD)
        self.files.put("/etc/group", GROUP)
        self.files.put("/etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost\n")
        self.process(1, ("/sbin/init",), parent=0)
        self.node.answer(("getent", "ahosts", "localhost"), "127.0.0.1 STREAM localhost\n::1 STREAM localhost\n")
        self.node.answer(("printenv", "-0"), "HOME=/root\0PATH=/bin\0")
        self.node.answer(("dmesg",), "[    1.000000] Linux version 6.1.0\n")

    def process(
        self,
        pid: int,
        argv: Sequence[str],
        *,
        parent: int = 1,
        uid: int = 0,
        gid: int = 0,
        groups: Sequence[int] = (),
        state: str = "S",
        environment: Mapping[str, str] | None = None,
        cgroup: str = "0::/",
        output: str = "",
        cwd: str = "/",
        age: float = 5000.0,
        files: str = "1024",
        space: str = "unlimited",
    ) -> None:
        """A process; `output` is the file that it holds open as standard output and error."""
        self._pids.append(pid)
        folder = f"/proc/{pid}"
        ticks = int((self.clock.now() - age - BOOTED_AT) * 100)
        name = argv[0].rpartition("/")[2][:15]
        rest = " ".join(["0"] * 13)
        self.files.put(folder, TapeFile(kind="directory", mode=0o555, uid=uid, gid=gid))
        self.files.put(f"{folder}/stat", f"{pid} ({name}) {state} {parent} {rest} 20 0 7 0 {ticks} 1000 200 {rest}\n")
        self.files.put(f"{folder}/cmdline", "\0".join(argv).encode() + b"\0")
        pairs = "\0".join(f"{key}={value}" for key, value in (environment or {}).items())
        self.files.put(f"{folder}/environ", pairs.encode() + b"\0")
        capabilities = "0" * 16
        if uid == 0:
            capabilities = "000001ffffffffff"
        self.files.put(
            f"{folder}/status",
            f"Name:\t{name}\nState:\t{state}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t{gid}\t{gid}\t{gid}\t{gid}\n"
            f"Groups:\t{' '.join(map(str, groups))} \nVmSize:\t  600000 kB\nVmRSS:\t   40000 kB\nVmSwap:\t      12 kB\n"
            f"CapEff:\t{capabilities}\n",
        )
        self.files.put(f"{folder}/cgroup", cgroup + "\n")
        self.files.put(f"{folder}/limits", LIMITS.format(files=files, space=space))
        self.files.put(f"{folder}/exe", TapeFile(kind="link", target=argv[0], leads_to=TapeFile(mode=0o755)))
        self.files.put(f"{folder}/cwd", TapeFile(kind="link", target=cwd, leads_to=TapeFile(kind="directory")))
        self.files.put(f"{folder}/task/{pid}", TapeFile(kind="directory"))
        for number in ("1", "2"):
            self._descriptor(f"{folder}/fd/{number}", output)

    def _descriptor(self, path: str, output: str) -> None:
        if output:
            self.files.put(path, TapeFile(kind="link", target=output))
        else:
            pipe = TapeFile(kind="socket")
            self.files.put(path, TapeFile(kind="link", target="socket:[99]", leads_to=pipe))

    def listen(self, pid: int, port: int, address: str = "127.0.0.1", *, hidden: bool = False, uid: int = 0) -> None:
        """A listening TCP socket of a process, in /proc/net and in what `ss` prints."""
        inode = 40_000 + len(self._sockets)
        place = " ".join((hex_address(address, port), hex_address("0.0.0.0", 0)))
        self._sockets.append(
            f"   {len(self._sockets)}: {place} 0A 00000000:00000000 00:00000000 00000000 {uid:5d}        0 {inode} 1 0"
        )
        users = f' users:(("x",pid={pid},fd=3))' * (not hidden)
        self._ss.append(f"LISTEN 0 4096 {address}:{port} 0.0.0.0:*{users} ino:{inode} sk:1 <->")

    def ready(self) -> RecordedNode:
        """The node as it stands."""
        header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        self.files.put("/proc/net/tcp", header + "\n".join(self._sockets) + "\n")
        self.node.answer(("ss", "-H", "-l", "-t", "-n", "-p", "-e"), "\n".join(self._ss) + "\n")
        return self.node

    def fails(self, argv: Sequence[str], code: int, error: str) -> None:
        """From now on a command ends with this code and these words."""
        self.node.answer(argv, Ran(argv=tuple(argv), code=code, stdout=b"", stderr=error.encode()))

    def containers(self, *inspected: Mapping[str, object], runtime: str = "docker") -> None:
        """What the container client lists and inspects."""
        ids = [str(one["Id"]) for one in inspected]
        self.node.answer((runtime, "ps", "-aq", "--no-trunc"), "\n".join(ids) + "\n")
        self.node.answer((runtime, "inspect", *ids), json.dumps(list(inspected)))

    def place(self, *seen: Observation, since_seconds: float = 3600.0) -> Place:
        """Where a probe of this node looks."""
        return Place(
            node=node("node"),
            transport=self.ready(),
            clock=self.clock,
            seen=Seen(seen),
            since_seconds=since_seconds,
        )


def hex_address(address: str, port: int) -> str:
    """An IPv4 address and port as /proc/net/tcp writes them on a little-endian machine."""
    (number,) = struct.unpack("<I", socket.inet_aton(address))
    return f"{number:08X}:{port:04X}"


def unit_block(unit: str, command: str, **more: str) -> str:
    """One block of `systemctl show`, for an active and enabled unit unless said otherwise."""
    fields = {
        "MainPID": "0",
        "NRestarts": "0",
        "ExecMainStatus": "0",
        "ExecMainCode": "0",
        "User": "",
        "DropInPaths": "",
        "EnvironmentFiles": "",
        "Environment": "",
        "Id": unit,
        "LoadState": "loaded",
        "ActiveState": "active",
        "SubState": "running",
        "Result": "success",
        "FragmentPath": f"/etc/systemd/system/{unit}",
        "UnitFileState": "enabled",
        "NeedDaemonReload": "no",
        "ExecStart": EXEC.format(program=command.split()[0], command=command),
    }
    return "\n".join(f"{key}={value}" for key, value in (fields | more).items()) + "\n"


def container(name: str, image: str, **more: object) -> dict[str, object]:
    """One container as `docker inspect` prints it, running; `state`, `host`, `config` and `ports` change parts."""
    state = {"Status": "running", "Pid": 0, "ExitCode": 0, "OOMKilled": False, "Error": ""}
    host: dict[str, object] = {"NetworkMode": "bridge", "RestartPolicy": {"Name": "no"}, "Runtime": "runc", "Memory": 0}
    config: dict[str, object] = {"Image": image, "Env": ["PATH=/bin"], "User": "", "Labels": {}}
    parts = {"state": state, "host": host, "config": config}
    for key, part in parts.items():
        extra = more.get(key)
        if isinstance(extra, Mapping):
            part.update(extra)
    return {
        "Id": name.encode().hex().ljust(64, "0"),
        "Name": f"/{name}",
        "RestartCount": more.get("restarts", 0),
        "Path": "/bin/ollama",
        "Args": ["serve"],
        "State": state,
        "HostConfig": host,
        "Config": config,
        "NetworkSettings": {
            "IPAddress": "172.17.0.2",
            "Networks": {"bridge": {"IPAddress": "172.17.0.2"}},
            "Ports": more.get("ports", {"11434/tcp": [{"HostIp": "0.0.0.0", "HostPort": "11434"}]}),
        },
    }


def about(name: str, value: Value | Missing, *, subject: Ref | None = None, at: float = START) -> Observation:
    """An observation that a probe or check needs beforehand."""
    return Observation(subject=subject or node("node"), name=name, value=value, at=at, source="test")
