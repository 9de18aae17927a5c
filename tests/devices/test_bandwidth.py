"""Memory bandwidth by the names that drivers tell."""

from __future__ import annotations

import pytest

from keepwell.plugins import registry
from keepwell.plugins.device import KnowsBandwidth

NAMES: tuple[tuple[str, str, float | None], ...] = (
    ("nvidia", "NVIDIA GeForce RTX 4090", 1008),
    ("nvidia", "NVIDIA GeForce RTX 4090 Laptop GPU", 576),
    ("nvidia", "NVIDIA GeForce RTX 3050 Laptop GPU", None),
    ("nvidia", "NVIDIA GeForce RTX 4070 Ti SUPER", 672),
    ("nvidia", "NVIDIA GeForce RTX 4070 Ti", 504),
    ("nvidia", "NVIDIA H100 80GB HBM3", 3350),
    ("nvidia", "NVIDIA H100 PCIe", 2039),
    ("nvidia", "NVIDIA A100-SXM4-40GB", 1555),
    ("nvidia", "NVIDIA A10", 600),
    ("nvidia", "NVIDIA GB10", 273),
    ("nvidia", "NVIDIA GeForce GTX 960", None),
    ("nvidia", "", None),
    ("amd", "AMD Radeon RX 7900 XTX", 960),
    ("amd", "AMD Instinct MI300X", 5300),
    ("intel", "Intel(R) Arc(TM) A770 Graphics", 512),
    ("apple", "Apple M1", 68),
    ("apple", "Apple M2 Max", 400),
    ("apple", "Apple M9 Ultra", None),
)


@pytest.mark.parametrize(("vendor", "name", "gigabytes"), NAMES)
def test_names_of_cards(vendor: str, name: str, gigabytes: float | None) -> None:
    plugin = registry.load("devices", vendor)
    assert isinstance(plugin, KnowsBandwidth)
    found = plugin.bandwidth(name)
    if gigabytes is None:
        assert found is None
    else:
        assert found is not None
        assert found.bytes_per_second == gigabytes * 1e9
        assert found.source
