"""A child process that starts CUDA and prints one JSON document: `python -m keepwell.devices._cuda_child`.

Makes no context, allocates nothing. Variables that choose devices are taken out first: the question is what
the machine can do, not what this shell asked for. Imports nothing of keepwell.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time
from typing import Any

#: Where the driver's library is: by the loader's rules, and where WSL, NixOS and containers of some clouds put it.
LIBRARIES = (
    "libcuda.so.1",
    "/usr/lib/wsl/lib/libcuda.so.1",
    "/run/opengl-driver/lib/libcuda.so.1",
    "/usr/local/nvidia/lib64/libcuda.so.1",
)
CHOOSING = ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER")


def main() -> int:
    """Print `{"code", "devices", "version", "seconds"}` or `{"missing": reason}`; exit 0 when it could be printed."""
    for name in CHOOSING:
        os.environ.pop(name, None)
    json.dump(report(LIBRARIES), sys.stdout)
    return 0


def report(libraries: tuple[str, ...]) -> dict[str, Any]:
    """What cuInit says, through the first library that loads."""
    refusals = []
    for path in libraries:
        try:
            library = ctypes.CDLL(path)
        except OSError as error:
            refusals.append(str(error))
            continue
        return _initialise(library)
    return {"missing": "; ".join(refusals[:1])}


def _initialise(library: Any) -> dict[str, Any]:
    started = time.perf_counter()
    code = int(library.cuInit(0))
    seconds = time.perf_counter() - started
    version, devices = ctypes.c_int(0), ctypes.c_int(0)
    library.cuDriverGetVersion(ctypes.byref(version))
    if code == 0:
        code = int(library.cuDeviceGetCount(ctypes.byref(devices)))
    return {"code": code, "devices": devices.value, "version": version.value, "seconds": seconds}


if __name__ == "__main__":
    raise SystemExit(main())
