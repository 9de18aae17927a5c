"""What was seen of a node, made into the ground that containers' definitions must fit. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from keepwell.formats.device_nodes import parse_majors
from keepwell.plugins.container_gpu.daemon import name_runtimes
from keepwell.plugins.container_gpu.ground import Ground
from keepwell.plugins.device_sharing import Maker, load_makers
from keepwell.transport.base import Stat

#: Folders whose names tell which makers' devices are there, and where device nodes lie.
DEV, DRI = "/dev", "/dev/dri"
#: Where the kernel lists what it drives as graphics; below each, `device/vendor` names the maker by its number on PCI.
GRAPHICS = "/sys/class/drm"
MAJORS = "/proc/devices"
#: Folders of specifications (CDI); the second is a link to /run on most systems, and cleared at boot.
SPECIFICATIONS = ("/etc/cdi", "/var/run/cdi")
_CARD = re.compile(r"(card|renderD)\d+\Z")
_KIND = re.compile(r"^[{ \t]*\"?kind\"?\s*:\s*[\"']?([A-Za-z0-9._-]+/[A-Za-z0-9._-]+)", re.M)
#: Bits that let everybody read and write.
EVERYBODY = 0o006


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What was seen: names in /dev and /dev/dri, PCI vendors of graphics (lower-case hex), what `stat` says of nodes,
    texts of /proc/devices, of the daemon's settings and of specifications by path. None where nobody could look.
    """

    dev: tuple[str, ...] = ()
    dri: tuple[str, ...] = ()
    vendors: tuple[str, ...] = ()
    stats: Mapping[str, Stat] = field(default_factory=dict)
    majors: str = ""
    daemon: str | None = None
    specifications: Mapping[str, str] | None = None
    release: str = ""


def make_ground(sight: Sight) -> Ground:
    """The ground that this shows."""
    makers = tuple(one for one in load_makers().values() if _is_there(one, sight))
    nodes = {path: "" for one in makers for path in find_nodes(one, sight.dev, sight.dri)}
    nodes |= {path: sight.stats[path].device for path in nodes if path in sight.stats}
    guarded = [path for path in nodes if path in sight.stats and sight.stats[path].mode & EVERYBODY != EVERYBODY]
    groups = sorted({sight.stats[path].gid for path in guarded} - {0})
    runtimes = None
    if sight.daemon is not None:
        runtimes = name_runtimes(sight.daemon)
    kinds = None
    if sight.specifications is not None:
        kinds = frozenset(kind for text in sight.specifications.values() for kind in _KIND.findall(text))
    return Ground(
        makers=makers,
        counts={one.name: _count(one, sight) for one in makers},
        runtimes=runtimes,
        kinds=kinds,
        majors=parse_majors(sight.majors),
        device_nodes=nodes,
        guarded=frozenset(guarded),
        groups=tuple(groups),
        release=sight.release,
    )


def find_nodes(maker: Maker, dev: Iterable[str], dri: Iterable[str]) -> tuple[str, ...]:
    """The maker's device nodes among the names in these two folders."""
    listed = {DEV: tuple(dev), DRI: tuple(dri)}
    found = [
        f"{rule.folder}/{name}"
        for rule in maker.nodes
        for name in listed.get(rule.folder, ())
        if re.fullmatch(rule.pattern, name)
    ]
    return tuple(dict.fromkeys(found))


def is_graphics(name: str) -> bool:
    """Whether a name in /sys/class/drm is a device's own, and no connector's."""
    return _CARD.match(name) is not None


def parse_vendor(text: str) -> str:
    """The number on PCI as plug-ins have it: "0x10DE" is "10de"."""
    return text.strip().lower().removeprefix("0x")


def parse_release(text: str) -> str:
    """The release in what `pveversion` prints: "pve-manager/8.2.4/faa83925c9641325 (running kernel: ...)"."""
    found = re.match(r"\s*pve-manager/(\d+(?:\.\d+)*)", text)
    if found is None:
        return ""
    return found[1]


def _is_there(maker: Maker, sight: Sight) -> bool:
    """By its number on PCI, or by a node that only its driver makes."""
    own = [rule for rule in maker.nodes if rule.folder == DEV and rule.required]
    by_node = any(re.fullmatch(rule.pattern, name) for rule in own for name in sight.dev)
    return by_node or bool(set(maker.pci_vendors) & set(sight.vendors))


def _count(maker: Maker, sight: Sight) -> int:
    """How many devices: by their own numbered nodes, else by their render nodes; 0 where that does not tell."""
    own = [rule for rule in maker.nodes if rule.folder == DEV and "\\d" in rule.pattern]
    return sum(1 for rule in own for name in sight.dev if re.fullmatch(rule.pattern, name))
