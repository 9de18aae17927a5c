"""Where NVML's library is, loaded without NVIDIA's Python binding, which costs 40 ms and 4 MB. Imports nothing."""

from __future__ import annotations

import contextlib
import ctypes

SONAME = "libnvidia-ml.so.1"
#: Folders that hold the library where the loader's own rules do not find it: WSL, NixOS, containers of some clouds.
FOLDERS = ("/usr/lib/wsl/lib", "/run/opengl-driver/lib", "/usr/local/nvidia/lib64")
PATHS = (SONAME, *(f"{folder}/{SONAME}" for folder in FOLDERS))


def load_library(paths: tuple[str, ...] = PATHS) -> str:
    """Load the first of these that there is, and give its path, "" if there is none.

    The binding asks for the bare name later; the loader then takes the one that is loaded already.
    """
    for path in paths:
        with contextlib.suppress(OSError):
            ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
            return path
    return ""
