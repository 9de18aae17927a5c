"""The kernel's words: GPU errors of dmesg, the running release of uname, and what modules were built for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from keepwell.core.observation import Value
from keepwell.core.text import cut_text, escape_controls
from keepwell.formats.transcript import Line, Transcript
from keepwell.plugins.bus import load_plugins
from keepwell.plugins.device import DeviceError, KnowsErrors
from keepwell.plugins.pasted import Told

#: Characters of an error's line that are kept.
SAID_CHARS = 300
_STAMP = re.compile(r"^(?:<\d{1,3}>)?\[?\s{0,8}(?:\d{1,12}\.\d{1,9}|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d:]{8,20})\] ")
_UNAME = re.compile(
    r"^Linux \S{1,80} (?P<release>\d\.\d{1,3}[\w.+-]{0,60}) #\d|^(?P<short>\d\.\d{1,3}\.\d{1,4}-[\w.+-]{1,60})$"
)
_BUILT = re.compile(
    r"/lib/modules/(?P<path>\d\.\d{1,3}[\w.+-]{0,60})/\S{0,200}\.ko\b"
    r"|^\S{1,40}[/,] ?[\d.]{2,20}, (?P<dkms>\d\.\d{1,3}[\w.+-]{1,60}), \S+: installed"
)


class Kernel:
    """Gives device.errors and text.versions (kernel, kernel-built)."""

    hints = ("nvrm", "xid", "kernel", "linux", "amdgpu", "drm", "/lib/modules", "dkms", "installed", "-generic")
    gives = ("device.errors", "text.versions")

    def read(self, text: Transcript) -> Iterable[Told]:
        """Every error that a device plug-in knows, and every release of a kernel."""
        found = list(_errors(text.lines))
        if found:
            rows = tuple(row for _, row in found)
            yield Told(name="device.errors", value=rows, lines=tuple(number for number, _ in found))
        versions = list(_versions(text))
        if versions:
            lines = tuple(number for row in versions if isinstance(number := row["line"], int))
            yield Told(name="text.versions", value=tuple(versions), lines=lines)


def _errors(lines: Iterable[Line]) -> Iterator[tuple[int, Value]]:
    readers = [one for one in load_plugins().values() if isinstance(one, KnowsErrors)]
    for line in lines:
        plain = _STAMP.sub("", line.text)
        for reader in readers:
            error = reader.parse_error(plain)
            if error is not None:
                yield line.number, _row(reader.title, error, plain)
                break


def _row(vendor: str, error: DeviceError, text: str) -> dict[str, Value]:
    return {
        "vendor": vendor,
        "kind": error.kind,
        "code": error.code,
        "name": error.name,
        "meaning": error.meaning,
        "action": error.action,
        "again": error.again,
        "severity": error.severity,
        "lasting": error.lasting,
        "echo": error.echo,
        "pci": error.pci,
        "pid": error.pid,
        "program": error.program,
        "at": 0.0,
        "text": cut_text(escape_controls(text), SAID_CHARS),
        "count": 1,
    }


def _versions(text: Transcript) -> Iterator[dict[str, Value]]:
    for line in text.lines:
        running = _UNAME.match(line.text)
        if running is not None:
            release = running["release"] or running["short"]
            yield {"what": "kernel", "version": release, "where": "", "line": line.number}
        built = _BUILT.search(line.text)
        if built is not None:
            release = built["path"] or built["dkms"]
            yield {"what": "kernel-built", "version": release, "where": "", "line": line.number}


PASTED = Kernel()
