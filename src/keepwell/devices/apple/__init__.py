"""Apple GPUs: the one in an M-series chip, read by macOS's own tools."""

from keepwell.devices.apple.vendor import Apple
from keepwell.plugins.device import Device

DEVICE: Device = Apple()

__all__ = ["DEVICE", "Apple"]
