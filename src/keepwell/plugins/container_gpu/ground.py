"""What a node has that containers' definitions must fit, and what a definition gets wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from keepwell.plugins.device_sharing import Maker

#: Kinds of files: a compose file, a Docker daemon's settings, a Quadlet of Podman, a system container of LXC.
FileKind: TypeAlias = Literal["compose", "docker", "podman", "lxc"]
#: How bad a mistake is: no GPU, or no start; or something that will bite.
Weight: TypeAlias = Literal["critical", "warning"]
ALL = "all"
UNDESCRIBED = "no specification below /etc/cdi or /var/run/cdi describes {kind}: the container does not start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the node has: the makers of its GPUs (the first is meant where nobody says which) and how many of each.

    `runtimes` are those that the Docker daemon's settings name and `kinds` the kinds of devices that specifications
    describe (CDI); None where nobody looked. `majors` are those of /proc/devices; `device_nodes` are GPU nodes below
    /dev with "major:minor"; of them not everybody may open those that are `guarded`, but members of `groups` (numbers).
    `release` is the Proxmox release, "" where it is none.
    """

    makers: tuple[Maker, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    runtimes: frozenset[str] | None = None
    kinds: frozenset[str] | None = None
    majors: Mapping[str, int] = field(default_factory=dict)
    device_nodes: Mapping[str, str] = field(default_factory=dict)
    guarded: frozenset[str] = frozenset()
    groups: tuple[int, ...] = ()
    release: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """What is wrong in a file: its kind, the line (from 1), about which service ("" for the file), in words.

    `mended` is the whole text with this one thing set right; "" where that cannot be told, or not by a machine.
    """

    kind: str
    line: int
    words: str
    service: str = ""
    weight: Weight = "critical"
    mended: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a container is wished to have: devices of one maker, all (()) or these, with these capabilities."""

    maker: Maker
    devices: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ("gpu",)


class CannotAsk(ValueError):
    """The definition cannot be changed by a machine so that it asks for this; says why and what to do instead."""


def is_undescribed(kind: str, ground: Ground) -> bool:
    """Whether a kind of device ("maker.example/gpu") is named that none of the node's specifications describes."""
    named = "/" in kind and not kind.startswith("/")
    return named and ground.kinds is not None and kind not in ground.kinds


def file_kind(word: str) -> FileKind | None:
    """The kind of file of this name, else None."""
    return {str(one): one for one in get_args(FileKind)}.get(word)
