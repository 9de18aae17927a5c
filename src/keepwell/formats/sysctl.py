"""Kernel settings as sysctl.d(5) writes them: read, and one value set with every other byte kept.

A key's parts are told apart by dots; where a slash comes first, by slashes, and then a dot is part of a name (an
interface like eth0.100). Inside keepwell a key is its path below /proc/sys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE = re.compile(
    r"(?P<before>[ \t]*-?[ \t]*)(?P<key>[^\s=#;-][^=\s]*)(?P<equals>[ \t]*=[ \t]*)(?P<value>.*)", re.DOTALL
)
_PART = re.compile(r"[A-Za-z0-9_.@:*-]+\Z")
_SWAP = str.maketrans("./", "/.")


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelSetting:
    """One line: the path below /proc/sys, the value as it is written, and the number of the line."""

    key: str
    value: str
    line: int


def parse_key(text: str) -> str:
    """The path below /proc/sys of a key as people write it; ValueError for what is none."""
    found = re.search(r"[./]", text)
    path = text
    if found is None:
        raise ValueError(f'not a key like "vm.swappiness": {text!r}')
    if found[0] == ".":
        path = text.translate(_SWAP)
    parts = path.split("/")
    if any(not _PART.match(part) or part.strip(".") == "" for part in parts):
        raise ValueError(f'not a key like "vm.swappiness": {text!r}')
    return path


def render_key(path: str) -> str:
    """A key as people write it, from its path below /proc/sys."""
    if "." in path:
        return path
    return path.replace("/", ".")


def parse_sysctl(content: bytes) -> tuple[KernelSetting, ...]:
    """Every setting of a file in order; comments and lines that cannot be read are left out."""
    found: list[KernelSetting] = []
    for number, line in enumerate(_lines(content), start=1):
        key = _key_of(line)
        if key:
            match = _LINE.match(line.rstrip("\r\n"))
            assert match is not None
            found.append(KernelSetting(key=key, value=match["value"].strip(), line=number))
    return tuple(found)


def set_value(content: bytes, key: str, value: str) -> bytes:
    """The file with this setting: the last line that sets it is changed, else a line is put at the end.

    `key` is the path below /proc/sys. The same bytes where it is so already; ValueError for a value of several lines.
    """
    if "\n" in value or "\r" in value or "\0" in value:
        raise ValueError(f"a value of several lines cannot be written: {render_key(key)}")
    lines = _lines(content)
    places = [place for place, line in enumerate(lines) if _key_of(line) == key]
    if not places:
        return _added(content, f"{render_key(key)} = {value}")
    line = lines[places[-1]]
    bare = line.rstrip("\r\n")
    match = _LINE.match(bare)
    assert match is not None
    if same_value(match["value"], value):
        return content
    lines[places[-1]] = match["before"] + match["key"] + match["equals"] + value + line[len(bare) :]
    return "".join(lines).encode("latin-1")


def same_value(one: str, other: str) -> bool:
    """Whether two values are the same to the kernel, which writes tabs between numbers where people write blanks."""
    return one.split() == other.split()


def _added(content: bytes, line: str) -> bytes:
    text = content.decode("latin-1")
    end = "\n"
    if "\r\n" in text:
        end = "\r\n"
    gap = end * (text != "" and not text.endswith("\n"))
    return (text + gap + line + end).encode("latin-1")


def _key_of(line: str) -> str:
    """The path of the key that a line sets, "" for none."""
    match = _LINE.match(line.rstrip("\r\n"))
    if match is None:
        return ""
    try:
        return parse_key(match["key"])
    except ValueError:
        return ""


def _lines(content: bytes) -> list[str]:
    """Lines with their ends; only a line feed ends one."""
    return re.findall(r"[^\n]*\n|[^\n]+\Z", content.decode("latin-1"))
