"""How containers are given GPUs of one maker: what a device plug-in says of itself so that nobody else names makers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Protocol, runtime_checkable

from keepwell.plugins.bus import load_plugins
from keepwell.plugins.device import Device, NodeRule, Selector


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """What a container's definition asks for to get GPUs of this maker; "" and () where that way does not exist.

    `driver` is the device driver of a reservation; `runtime` the container run-time's name in a daemon's settings and
    `runtime_program` its program; `kind` the kind of device in specifications (CDI). `nodes` are what is handed in as
    it is where there is no driver; `groups` may open them. `visible` is the variable that chooses devices for the
    run-time; `parts` the variable that chooses parts of the driver, `parts_needed` those without which nothing
    computes, and `parts_known` all there are. `images` are words in names of images made for this maker's devices.
    """

    driver: str = ""
    runtime: str = ""
    runtime_program: str = ""
    kind: str = ""
    nodes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    visible: str = ""
    parts: str = ""
    parts_needed: tuple[str, ...] = ()
    parts_known: tuple[str, ...] = ()
    images: tuple[str, ...] = ()


@runtime_checkable
class SharesWithContainers(Protocol):
    """A maker whose devices can be asked for in containers' definitions."""

    sharing: Sharing


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """A device plug-in as far as containers' definitions are concerned; see `Device` for its fields."""

    name: str
    title: str
    sharing: Sharing
    pci_vendors: tuple[str, ...] = ()
    nodes: tuple[NodeRule, ...] = ()
    selectors: tuple[Selector, ...] = ()


@cache
def load_makers() -> Mapping[str, Maker]:
    """Every maker whose devices containers can ask for, by its plug-in's name; those that come first in front."""
    found: dict[str, Maker] = {}
    for name, one in load_plugins().items():
        if isinstance(one, SharesWithContainers):
            found[name] = _maker(name, one, one.sharing)
    return found


def _maker(name: str, plugin: Device, sharing: Sharing) -> Maker:
    return Maker(
        name=name,
        title=plugin.title,
        sharing=sharing,
        pci_vendors=plugin.pci_vendors,
        nodes=plugin.nodes,
        selectors=plugin.selectors,
    )
