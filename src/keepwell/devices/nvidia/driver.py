"""NVIDIA's driver from files alone: loaded module, library that the loader would pick, DKMS, what is on disk.

None of these files wakes a sleeping card; /proc/driver/nvidia/gpus is left alone.
"""

from __future__ import annotations

import posixpath
import re

from keepwell.core.errors import AccessError
from keepwell.devices.nvidia.errors import load
from keepwell.plugins.device import Driver, Ground
from keepwell.transport.base import Transport

#: Kernel modules in the order in which they depend on each other.
MODULES = ("nvidia", "nvidia_uvm", "nvidia_modeset", "nvidia_drm", "nvidia_peermem")
#: Free drivers that take the card first.
RIVALS = ("nouveau", "nova_core", "nova_drm", "nvidiafb")
SONAMES = ("libcuda.so.1", "libnvidia-ml.so.1")
#: Where the libraries lie when the loader's cache does not name them: distributions, containers, NixOS, WSL.
FOLDERS = (
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/nvidia/lib64",
    "/run/opengl-driver/lib",
    "/usr/lib/wsl/lib",
)
WSL_FOLDER = "/usr/lib/wsl/"
#: Links from a library's name to its file: alternatives and merged /usr make three or four.
LINKS_MAX = 6
DKMS = "/var/lib/dkms"

_VERSION_LINE = re.compile(r"Kernel Module(?: for \S+)?\s+(\d+(?:\.\d+)+)")
_LIBRARY_FILE = re.compile(r"\.so\.(\d+\.\d+(?:\.\d+)?)$")


async def look_at_driver(ground: Ground, transport: Transport) -> Driver:
    """What is loaded and installed; what cannot be read counts as not there."""
    version_file = await _text("/proc/driver/nvidia/version", transport)
    module, flavour = parse_version_file(version_file)
    if not module:
        module = (await _text("/sys/module/nvidia/version", transport)).strip()
    libraries = await _libraries(ground, transport)
    library = "".join(list(libraries.values())[:1])
    return Driver(
        module=module,
        library=library,
        libraries=libraries,
        api=newest_cuda(module or library),
        flavour=flavour,
        loaded=tuple(name for name in MODULES if name in ground.modules),
        rivals=tuple(name for name in RIVALS if name in ground.modules),
        module_file="".join([path for path in ground.module_files if is_module_file(path)][:1]),
        built_for=await _built_for(transport),
        problem=await _shadowed(libraries, transport),
    )


def parse_version_file(text: str) -> tuple[str, str]:
    """/proc/driver/nvidia/version: the module's version and "open" or "proprietary"; "" twice if it is neither."""
    first = text.partition("\n")[0]
    found = _VERSION_LINE.search(first)
    if found is None:
        return "", ""
    if "Open Kernel Module" in first:
        return found[1], "open"
    return found[1], "proprietary"


def parse_library_file(name: str) -> str:
    """The version in a file name such as libcuda.so.550.54.14; "" if it has none."""
    found = _LIBRARY_FILE.search(name)
    if found is None:
        return ""
    return found[1]


def is_module_file(path: str) -> bool:
    """True if a path of modules.dep is the driver's main module, in any compression."""
    return re.match(r"(?:nvidia|nvidia-current)\.ko(?:\.\w+)?$", posixpath.basename(path)) is not None


def newest_cuda(driver: str) -> str:
    """The newest CUDA that a driver supports, by the release that it first came with; "" if unknown or older."""
    mine = _numbers(driver)
    if not mine:
        return ""
    fitting = [row["cuda"] for row in load()["toolkit"] if mine >= _numbers(row["driver"])]
    return "".join(fitting[:1])


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal() and len(part) < 9)


async def _libraries(ground: Ground, transport: Transport) -> dict[str, str]:
    """Path of each library that the loader would pick, with the version of the file behind it ("" if untold)."""
    found: dict[str, str] = {}
    for soname in SONAMES:
        known = [path for path in ground.libraries if posixpath.basename(path) == soname and "i386" not in path]
        for path in [*known, *(f"{folder}/{soname}" for folder in FOLDERS)]:
            version = await _version_behind(path, transport)
            if version is not None:
                found[path] = version
                break
    return found


async def _version_behind(path: str, transport: Transport) -> str | None:
    try:
        await transport.stat(path)
    except AccessError:
        return None
    for _ in range(LINKS_MAX):
        version = parse_library_file(path)
        if version:
            return version
        try:
            target = await transport.link(path)
        except AccessError:
            return ""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    return ""


async def _shadowed(libraries: dict[str, str], transport: Transport) -> str:
    """In WSL the library must be the one that Windows lends; another one before it finds no card."""
    picked = [path for path in libraries if not path.startswith(WSL_FOLDER)]
    if not picked:
        return ""
    try:
        await transport.stat(f"{WSL_FOLDER}lib/libcuda.so.1")
    except AccessError:
        return ""
    for path in picked:
        try:
            target = await transport.link(path)
        except AccessError:
            target = ""
        if not target.startswith(WSL_FOLDER):
            return f"{path} hides the library that Windows lends in {WSL_FOLDER}lib"
    return ""


async def _built_for(transport: Transport) -> tuple[str, ...]:
    """Kernels for which DKMS has built the module."""
    kernels: set[str] = set()
    for name in await _names(DKMS, transport):
        if not name.startswith("nvidia"):
            continue
        for version in await _names(f"{DKMS}/{name}", transport):
            kernels.update(await _names(f"{DKMS}/{name}/{version}", transport))
    return tuple(sorted(kernels - {"source", "build"}))


async def _names(folder: str, transport: Transport) -> tuple[str, ...]:
    try:
        return await transport.list(folder)
    except AccessError:
        return ()


async def _text(path: str, transport: Transport) -> str:
    try:
        return (await transport.read(path)).decode("utf-8", "replace")
    except AccessError:
        return ""
