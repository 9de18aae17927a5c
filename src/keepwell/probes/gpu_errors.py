"""GPU errors that the kernel has logged since boot, with what they mean, as the device plug-ins read them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from keepwell.core.errors import AccessError, NotThere
from keepwell.core.observation import Missing, Observation, Value, absent, failed
from keepwell.core.text import cut_text, escape_controls
from keepwell.formats.kernel_log import parse_kernel_journal, parse_kernel_ring
from keepwell.formats.procfs import parse_boot_time
from keepwell.plugins.bus import load_plugins
from keepwell.plugins.device import DeviceError, KnowsErrors
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Transport

#: Lines of this boot that are read, the newest: the driver's first words are among them on most machines.
JOURNAL = ("journalctl", "-k", "--no-pager", "-o", "short-unix", "-n", "20000")
JOURNAL_BYTES = 16 * 1024 * 1024
#: Characters of a line that are kept.
LINE_CHARACTERS = 300
#: Different errors that are kept, the newest.
ERRORS_MAX = 50

#: What the kernel says when it will not load a module that nobody whom it trusts has signed (kernel/module/signing.c,
#: security/lockdown).
_REFUSED = re.compile(
    r"Loading of (?:unsigned module|module with (?:unavailable key|unsupported crypto)) is rejected"
    r"|Lockdown: .*unsigned module loading is restricted"
    r"|PKCS#7 signature not signed with a trusted key"
)
MODULE_REFUSED = DeviceError(
    kind="module",
    code="refused",
    meaning="the kernel refused a module that is not signed with a key that it trusts",
    action="Sign the module and enrol the key (mokutil --import), or turn Secure Boot off.",
    severity="note",
    lasting=True,
)


class GpuErrors:
    """Gives device.errors: one row for each code and device with its number, time and newest line; () if none."""

    level = 2
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.1
    gives: tuple[str, ...] = ("device.errors",)
    needs: tuple[str, ...] = ()

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation; failed when the kernel's log may not be read."""
        lines, source = await _read(place.transport)
        if isinstance(lines, Missing):
            return [place.saw("device.errors", lines, source)]
        return [place.saw("device.errors", collect_errors(lines), source)]


def collect_errors(lines: Iterable[tuple[float, str]]) -> tuple[Value, ...]:
    """Rows of device.errors from lines with their time, in the order in which each was last seen."""
    readers = [(one.title, one) for one in load_plugins().values() if isinstance(one, KnowsErrors)]
    found: dict[tuple[str, ...], Mapping[str, Value]] = {}
    counts: dict[tuple[str, ...], int] = {}
    for at, text in lines:
        vendor, error = _error_in(text, readers)
        if error is None:
            continue
        key = (vendor, error.kind, error.code, error.pci)
        counts[key] = counts.get(key, 0) + 1
        found.pop(key, None)
        found[key] = render_error(vendor, error, at, text) | {"count": counts[key]}
    return tuple(found.values())[-ERRORS_MAX:]


def _error_in(text: str, readers: Iterable[tuple[str, KnowsErrors]]) -> tuple[str, DeviceError | None]:
    if _REFUSED.search(text):
        return "", MODULE_REFUSED
    for vendor, reader in readers:
        error = reader.parse_error(text)
        if error is not None:
            return vendor, error
    return "", None


def render_error(vendor: str, error: DeviceError, at: float, text: str) -> dict[str, Value]:
    """A row of device.errors."""
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
        "at": at,
        "text": cut_text(escape_controls(text), LINE_CHARACTERS),
    }


async def _read(transport: Transport) -> tuple[tuple[tuple[float, str], ...] | Missing, str]:
    try:
        ran = await transport.run(JOURNAL, max_bytes=JOURNAL_BYTES)
        lines = parse_kernel_journal(ran.text)
        if ran.code == 0 and lines:
            return lines, "journalctl -k"
    except AccessError:
        pass  # no journal here, or it does not answer: the kernel's own buffer is asked
    try:
        ran = await transport.run(("dmesg",))
        if ran.code != 0:
            return failed(f"dmesg says: {ran.stderr.decode('utf-8', 'replace').strip()}"), "dmesg"
        booted_at = parse_boot_time((await transport.read("/proc/stat")).decode("ascii", "replace"))
    except NotThere:
        return absent("neither journalctl nor dmesg is there"), "dmesg"
    except (AccessError, ValueError) as error:
        return failed(str(error)), "dmesg"
    return parse_kernel_ring(ran.text, booted_at), "dmesg"


PROBE = GpuErrors()
