"""Drillcard: a vendor that exists only in this drill."""

from __future__ import annotations

from keepwell.plugins.device import Device, DeviceKind, NodeRule, Selector


class _Drillcard:
    """The adapter."""

    title = "Drillcard"
    rank = 90
    pci_vendors: tuple[str, ...] = ("d211",)
    drivers: tuple[str, ...] = ("drillcard",)
    nodes: tuple[NodeRule, ...] = ()
    selectors: tuple[Selector, ...] = ()
    packages: tuple[str, ...] = ()

    def kind(self, pci: str, pci_class: str) -> DeviceKind:
        """Always a card."""
        return "discrete"


DEVICE: Device = _Drillcard()
