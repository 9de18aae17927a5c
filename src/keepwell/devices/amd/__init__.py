"""AMD GPUs: cards and the ones in processors, through the amdgpu driver."""

from keepwell.devices.amd.vendor import Amd
from keepwell.plugins.device import Device

DEVICE: Device = Amd()

__all__ = ["DEVICE", "Amd"]
