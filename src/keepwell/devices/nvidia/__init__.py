"""NVIDIA GPUs: cards on PCI, in WSL and in Tegra chips."""

from keepwell.devices.nvidia.vendor import Nvidia
from keepwell.plugins.device import Device

DEVICE: Device = Nvidia()

__all__ = ["DEVICE", "Nvidia"]
