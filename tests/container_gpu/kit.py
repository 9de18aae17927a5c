"""A made node with GPUs: names in /dev as files, numbers of makers, and programs that say which containers run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from keepwell.plugins.container_gpu.ground import Ground
from keepwell.plugins.device_sharing import load_makers
from keepwell.testing.rooted import RootedNode
from keepwell.transport.base import Ran

MAJORS = """Character devices:
  1 mem
195 nvidia
195 nvidiactl
226 drm
235 kfd
508 nvidia-uvm

Block devices:
  8 sd
"""
NODES = {
    "nvidia": ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools"),
    "amd": ("kfd", "dri/renderD128"),
    "intel": ("dri/renderD128",),
}
VENDORS = {"nvidia": "0x10de", "amd": "0x1002", "intel": "0x8086"}
DEVICES = {
    "/dev/nvidia0": "195:0",
    "/dev/nvidia1": "195:1",
    "/dev/nvidiactl": "195:255",
    "/dev/nvidia-uvm": "508:0",
    "/dev/nvidia-uvm-tools": "508:1",
    "/dev/kfd": "235:0",
    "/dev/dri/renderD128": "226:128",
}


def make_ground(*makers: str, release: str = "", kinds: frozenset[str] | None = None, runtimes: str = "runc") -> Ground:
    """The ground of a node with two GPUs of a maker that counts them, one of others."""
    known = load_makers()
    nodes = {f"/dev/{name}": DEVICES[f"/dev/{name}"] for one in makers for name in NODES[one]}
    guarded = frozenset(path for path in nodes if not path.startswith("/dev/nvidia"))
    return Ground(
        makers=tuple(known[one] for one in makers),
        counts={"nvidia": 2},
        runtimes=frozenset(runtimes.split()),
        kinds=kinds,
        majors={"nvidia": 195, "nvidiactl": 195, "drm": 226, "kfd": 235, "nvidia-uvm": 508},
        device_nodes=nodes,
        guarded=guarded,
        groups=(105,) * bool(guarded),
        release=release,
    )


def make_node(root: Path, *makers: str, containers: str = "", release: str = "") -> RootedNode:
    """A node below a folder; `containers` is what `docker ps` prints of Compose's containers."""
    for one in makers:
        for name in NODES[one]:
            path = root / "dev" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
            path.chmod(0o666)
        vendor = root / "sys/class/drm" / f"card{len(makers)}" / "device" / "vendor"
        vendor.parent.mkdir(parents=True, exist_ok=True)
        vendor.write_text(VENDORS[one] + "\n")
    (root / "proc").mkdir()
    (root / "proc/devices").write_text(MAJORS)

    def docker(argv: Sequence[str], at: Path) -> Ran:
        del at
        return Ran(argv=tuple(argv), code=0, stdout=containers.encode() * (argv[1] == "ps"), stderr=b"")

    def silent(argv: Sequence[str], at: Path) -> Ran:
        del at
        said = {"pveversion": f"pve-manager/{release}/abc (running kernel: 6.8)\n", "pct": "status: running\n"}
        return Ran(argv=tuple(argv), code=0, stdout=said.get(argv[0], "").encode(), stderr=b"")

    programs = {"docker": docker, "systemctl": silent, "pct": silent}
    if release:
        programs["pveversion"] = silent
    return RootedNode(root, programs=programs)


def write(node: RootedNode, path: str, text: str) -> Path:
    """A file of the node."""
    at = Path(node.at(path))
    at.parent.mkdir(parents=True, exist_ok=True)
    at.write_bytes(text.encode())
    return at
