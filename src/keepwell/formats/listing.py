"""Files as `ls -l` lists them, and paths that programs say they were refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_ROW = re.compile(
    r"^(?P<mode>[bcdlps-][r-][w-][xsS-][r-][w-][xsS-][r-][w-][xtT-])[.+@]?\s+\d{1,6}\s+(?P<owner>[\w.$@-]{1,40})\s+"
    r"(?P<group>[\w.$@-]{1,40})\s+(?:(?P<major>\d{1,4}),\s+\d{1,8}|(?P<size>[\d.,]{1,18}[KMGT]?))\s+"
    r"(?P<when>[A-Za-z]{3}\s+\d{1,2}\s+(?:\d\d:\d\d|\d{4})|\d{1,2}\s+[A-Za-z]{3}\s+(?:\d\d:\d\d|\d{4})"
    r"|\d{4}-\d\d-\d\d \d\d:\d\d(?::\S+ \S+)?|\d\d-\d\d \d\d:\d\d|\d{1,2}月\s+\d{1,2}日?\s+\d\d:\d\d)"
    r"\s+(?P<name>\S.{0,300})$"
)
_HEAD = re.compile(r"^(?P<folder>/\S{1,300}):$")
_DENIED = tuple(
    re.compile(text, re.I)
    for text in (
        r"(?:mkdir|open|stat|read|write|readlink|chmod|rename|remove|unlink|lstat"
        r"|exec) (?P<path>/[^:\s'\"]{1,300})(?: \S+)?: permission denied",
        r"permission denied:? ['\"(]?(?P<path>/[^:\s'\")]{1,300})",
        r"['\"](?P<path>/[^:'\"]{1,300})['\"]:? permission denied",
        r"unable to open (?P<path>/\S{1,120}) .{0,40}permission denied",
        r"(?P<path>/[^:\s'\"]{1,300}): permission denied",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a list: path (joined with its folder where that is told), mode as ls writes it, owner, group."""

    path: str
    mode: str
    owner: str
    group: str
    size: str = ""

    @property
    def kind(self) -> str:
        """folder, file, link, device or other."""
        return {"d": "folder", "-": "file", "l": "link", "c": "device", "b": "device"}.get(self.mode[0], "other")


def parse_folder(line: str) -> str:
    """The folder that a heading of a list names (`/path:`), or ""."""
    found = _HEAD.match(line)
    if found is None:
        return ""
    return found["folder"]


def parse_entry(line: str, folder: str = "") -> Entry | None:
    """A line of `ls -l`, or None; a name that is no whole path lies in `folder`."""
    found = _ROW.match(line)
    if found is None:
        return None
    name = found["name"].partition(" -> ")[0].rstrip()
    path = name
    if not name.startswith("/") and folder:
        path = f"{folder.rstrip('/')}/{name}"
        if name == ".":
            path = folder.rstrip("/") or "/"
    return Entry(path=path, mode=found["mode"], owner=found["owner"], group=found["group"], size=found["size"] or "")


def find_denied(line: str) -> Iterator[str]:
    """Paths that a line says were refused, each once, in order."""
    told: dict[str, None] = {}
    if "denied" not in line.lower():
        return
    for pattern in _DENIED:
        for found in pattern.finditer(line):
            told[found["path"].rstrip(".,;/") or "/"] = None
    yield from told
