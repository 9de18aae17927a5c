"""What macOS tools print about memory, processor and mounts, parsed."""

from __future__ import annotations

import re

from keepwell.formats.mounts import Mount

_PAGE = re.compile(r"page size of (\d{3,6}) bytes")
_PAGES = re.compile(r'^"?([A-Za-z -]+?)"?:\s+(\d{1,15})\.?$', re.MULTILINE)
_SWAP = re.compile(r"(total|used|free) = (\d{1,12}(?:\.\d{1,4})?)M")
_MOUNT = re.compile(r"^(.+) on (/.*?) \(([^()]+)\)$")


def parse_vm_stat(text: str) -> int | None:
    """`vm_stat`: bytes that can be had without swapping (free, inactive, speculative and purgeable pages), or None."""
    page = _PAGE.search(text)
    if page is None:
        return None
    pages = {name.lower(): int(number) for name, number in _PAGES.findall(text)}
    wanted = ("pages free", "pages inactive", "pages speculative", "pages purgeable")
    if "pages free" not in pages:
        return None
    return sum(pages.get(name, 0) for name in wanted) * int(page[1])


def parse_swapusage(text: str) -> dict[str, int]:
    """`sysctl -n vm.swapusage`: total, used and free swap in bytes; {} if it is no such line."""
    return {name: int(float(number) * 1024 * 1024) for name, number in _SWAP.findall(text)}


def parse_mount_list(text: str) -> tuple[Mount, ...]:
    """`mount` of macOS: device, path and options; the kind is the first option. Other lines are left out."""
    found = (_MOUNT.match(line) for line in text.splitlines())
    return tuple(_mount(one[1], one[2], one[3]) for one in found if one is not None)


def _mount(device: str, path: str, words: str) -> Mount:
    kind, *options = [word.strip() for word in words.split(",")]
    flags = tuple("ro" * (word == "read-only") or word for word in options)
    return Mount(path=path, kind=kind, device=device, options=flags)
