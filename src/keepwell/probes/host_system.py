"""The operating system: kernel, distribution, what runs first, container or virtual machine, Secure Boot."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Observation, Value, failed
from keepwell.formats.system import guess_container, parse_os_release
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Transport

UNAME = ("uname", "-srm")
SW_VERS = ("sw_vers", "-productVersion")
#: One byte behind four of attributes: 1 when the firmware checks signatures (UEFI specification, 3.3).
SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
CONTAINER_FILES = (
    "/.dockerenv",
    "/run/.containerenv",
    "/run/systemd/container",
    "/proc/1/environ",
    "/proc/1/cgroup",
)
#: Words of a machine's maker or product, and the hypervisor that writes them.
MAKERS: tuple[tuple[str, str], ...] = (
    ("qemu", "kvm"),
    ("kvm", "kvm"),
    ("vmware", "vmware"),
    ("virtualbox", "virtualbox"),
    ("innotek", "virtualbox"),
    ("virtual machine", "hyper-v"),
    ("xen", "xen"),
    ("amazon ec2", "kvm"),
    ("google compute engine", "kvm"),
    ("bochs", "kvm"),
    ("parallels", "parallels"),
)


class HostSystem:
    """Gives host.system."""

    level = 2
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.03
    gives: tuple[str, ...] = ("host.system",)
    needs: tuple[str, ...] = ()

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation; what is not told is left out of the mapping."""
        try:
            ran = await place.transport.run(UNAME)
        except AccessError as error:
            return [place.saw("host.system", failed(error), "uname -srm")]
        kernel, release, machine = (*ran.text.split(), "", "", "")[:3]
        found: dict[str, Value] = {"kernel": kernel, "release": release, "machine": machine}
        found["distribution"] = await _distribution(kernel, place.transport)
        found["init"] = (await _text("/proc/1/comm", place.transport)).strip()
        found["container"] = await _container(place.transport)
        found["virtual"] = await _virtual(release, place.transport)
        found["boot_id"] = (await _text("/proc/sys/kernel/random/boot_id", place.transport)).strip()
        found["lockdown"] = parse_choice(await _text("/sys/kernel/security/lockdown", place.transport))
        shown = {key: value for key, value in found.items() if value != ""}
        return [place.saw("host.system", shown | await _secure_boot(place.transport), "uname -srm, /etc/os-release")]


def parse_choice(text: str) -> str:
    """The word in brackets of "none [integrity] confidentiality"; "" if there is none."""
    return text.partition("[")[2].partition("]")[0].strip()


def guess_virtual(release: str, cpuinfo: str, told: Iterable[str]) -> str:
    """The hypervisor that we run under: "wsl", a name by what the machine calls itself, "vm", or "" for none."""
    if "microsoft" in release.lower():
        return "wsl"
    words = " ".join(told).lower()
    for word, name in MAKERS:
        if word in words:
            return name
    if " hypervisor" in cpuinfo:
        return "vm"
    return ""


async def _distribution(kernel: str, transport: Transport) -> str:
    if kernel == "Darwin":
        try:
            return f"macOS {(await transport.run(SW_VERS)).text.strip()}"
        except AccessError:
            return "macOS"
    release = parse_os_release(await _text("/etc/os-release", transport))
    return release.get("PRETTY_NAME") or release.get("NAME") or ""


async def _container(transport: Transport) -> str:
    files: dict[str, str] = {}
    for path in CONTAINER_FILES:
        try:
            files[path] = (await transport.read(path)).decode("utf-8", "replace")
        except AccessError:
            continue
    return guess_container(files)


async def _virtual(release: str, transport: Transport) -> str:
    told = [await _text(f"/sys/class/dmi/id/{name}", transport) for name in ("sys_vendor", "product_name")]
    return guess_virtual(release, await _text("/proc/cpuinfo", transport), told)


async def _secure_boot(transport: Transport) -> dict[str, Value]:
    try:
        content = await transport.read(SECURE_BOOT)
    except AccessError:
        return {}
    if len(content) != 5:
        return {}
    return {"secure_boot": content[4] == 1}


async def _text(path: str, transport: Transport) -> str:
    try:
        return (await transport.read(path)).decode("utf-8", "replace")
    except AccessError:
        return ""


PROBE = HostSystem()
