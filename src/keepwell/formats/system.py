"""What kind of machine this is: os-release, /proc/cpuinfo, names from pci.ids."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_QUOTED = re.compile(r"""^(["'])(.*)\1$""")


def parse_os_release(text: str) -> dict[str, str]:
    """/etc/os-release: variable to value, quotes taken off; lines of another shape are left out."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and name and not name.startswith("#"):
            found[name] = _QUOTED.sub(r"\2", value.strip())
    return found


def parse_cpuinfo(text: str) -> tuple[str, int, tuple[str, ...]]:
    """/proc/cpuinfo: model ("" if untold), number of logical processors, and the flags of the first, sorted."""
    fields: dict[str, str] = {}
    count = 0
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        key = name.strip()
        if not colon:
            continue
        count += key == "processor"
        fields.setdefault(key, value.strip())
    model = fields.get("model name") or fields.get("Hardware") or fields.get("cpu model") or ""
    flags = fields.get("flags") or fields.get("Features") or ""
    return model, count, tuple(sorted(set(flags.split())))


def parse_pci_names(text: str, wanted: Iterable[str]) -> dict[str, str]:
    """pci.ids: name of each "vendor:device" (lower-case hex) that is wanted and known.

    Sections begin with the vendor at the start of a line; devices are indented by one tab.
    """
    found: dict[str, str] = {}
    for one in wanted:
        vendor, _, device = one.partition(":")
        start = f"\n{text}".find(f"\n{vendor}  ")
        if not vendor or not device or start < 0:
            continue
        end = _section_end(text, start + 1)
        line = text.find(f"\n\t{device}  ", start, end)
        if line >= 0:
            found[one] = text[line + len(device) + 4 :].partition("\n")[0].strip()
    return found


def _section_end(text: str, start: int) -> int:
    following = re.compile(r"^[0-9a-fA-F]", re.MULTILINE).search(text, text.find("\n", start) + 1)
    if following is None or text.find("\n", start) < 0:
        return len(text)
    return following.start()


def guess_container(files: Mapping[str, str]) -> str:
    """The kind of container that we are in, from files that tell; "" for none.

    `files` maps a path to its text, and holds only those that exist: /.dockerenv, /run/.containerenv,
    /run/systemd/container, /proc/1/environ, /proc/1/cgroup.
    """
    told = files.get("/run/systemd/container", "").strip()
    if told:
        return told
    for piece in files.get("/proc/1/environ", "").split("\0"):
        name, _, value = piece.partition("=")
        if name == "container" and value:
            return value
    if "/.dockerenv" in files:
        return "docker"
    if "/run/.containerenv" in files:
        return "podman"
    groups = files.get("/proc/1/cgroup", "")
    for word in ("kubepods", "docker", "lxc", "libpod"):
        if f"/{word}" in groups:
            return word
    return ""
