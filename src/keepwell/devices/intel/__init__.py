"""Intel GPUs and NPUs: in processors and on cards."""

from keepwell.devices.intel.vendor import Intel
from keepwell.plugins.device import Device

DEVICE: Device = Intel()

__all__ = ["DEVICE", "Intel"]
