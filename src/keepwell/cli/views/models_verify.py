"""`keepwell models verify` on a screen: a line for each store, then its faults, worst first."""

from __future__ import annotations

import re

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from keepwell.app.stores.report import VerifiedStore, VerifyReport
from keepwell.cli.words import clean, sign, size
from keepwell.conform.models.judge import Fault
from keepwell.core.finding import Status

#: Faults of one store that are shown; the JSON form has all.
SHOWN = 40
#: A digest in a name; its first digits tell it from others.
_DIGEST = re.compile(r"([0-9a-f]{12})(?:[0-9a-f]{28}|[0-9a-f]{52})(?![0-9a-f])")


def render(report: VerifyReport) -> RenderableType:
    """All stores, and how fast they were read."""
    if not report.stores:
        return Text("No model store found: no engine serves here or ought to. Name a folder: keepwell models verify ./")
    lines: list[RenderableType] = []
    for one in report.stores:
        lines += _store(one)
    read = sum(one.bytes_read for one in report.stores)
    if read:
        speed = size(read / max(report.read_seconds, 0.001))
        cores = f"{report.cores} cores" * (report.cores > 1) or "1 core"
        lines.append(Text(f"read {size(read)} in {report.read_seconds:.1f} s: {speed}/s on {cores}", style="dim"))
    lines += [Text(f"fetch what is missing: {clean(line)}", style="dim") for one in report.stores for line in one.fetch]
    if any(one.can_go for one in report.stores):
        lines.append(Text("set aside what is broken or left over: keepwell models clean", style="dim"))
    return Group(*lines)


def _store(one: VerifiedStore) -> list[RenderableType]:
    if one.unseen:
        return [Text.assemble(sign(Status.UNKNOWN), f" {clean(one.title)}  {clean(one.folder)}  {clean(one.unseen)}")]
    worst = max((fault.status for fault in one.faults), default=Status.OK)
    counts = f"{one.models} models, {one.files} files, {size(one.bytes_taken)}"
    lines: list[RenderableType] = [
        Text.assemble(sign(worst), (f" {clean(one.title)}", "bold"), f"  {clean(one.folder)}  {counts}")
    ]
    lines += [_fault(fault, one.folder) for fault in one.faults[:SHOWN]]
    if len(one.faults) > SHOWN:
        lines.append(_line(Text(f"and {len(one.faults) - SHOWN} more (--json shows all)", style="dim")))
    if not one.faults:
        lines.append(_line(Text("every byte is as it should be", style="green")))
    return lines


def _fault(fault: Fault, folder: str) -> RenderableType:
    path = _DIGEST.sub(r"\1…", clean(fault.path.removeprefix(f"{folder}/")))
    words = f" {fault.kind:<16} {path}  {size(fault.bytes_taken)}  {clean(fault.detail)}"
    if fault.models:
        words += f"  ({clean(', '.join(fault.models), 100)})"
    words += "  changed within the hour: left alone" * fault.fresh
    return _line(Text.assemble(sign(fault.status), words))


def _line(text: Text) -> RenderableType:
    return Padding(text, (0, 0, 0, 2), expand=False)
