"""What a package is to keepwell, by its name: kernel, driver, container runtime, engine."""

from __future__ import annotations

from functools import lru_cache

from keepwell.plugins.bus import load_plugins
from keepwell.plugins.recognise import engine_of_name, load_engines

#: Beginnings of names of kernel packages, by distribution; one that is the whole name ends in a blank.
KERNELS = (
    "linux-image-",
    "kernel-core ",
    "kernel ",
    "linux ",
    "linux-lts ",
    "linux-zen ",
    "proxmox-kernel-",
    "pve-kernel-",
)
#: Names whose topic is remembered: the history of a node has each many times, and a fleet the same ones.
NAMES = 4096
RUNTIMES = ("docker", "containerd", "podman", "runc", "moby-engine", "crun")


@lru_cache(NAMES)
def topic_of_package(package: str) -> str:
    """What a package is to us: kernel, driver, container-toolkit, container, engine, or "" for none of these."""
    if f"{package} ".startswith(KERNELS):
        return "kernel"
    if package.startswith(tuple(prefix for one in load_plugins().values() for prefix in one.packages)):
        if "container" in package:
            return "container-toolkit"
        return "driver"
    if package.startswith(RUNTIMES):
        return "container"
    if engine_of_name(package, load_engines()):
        return "engine"
    return ""
