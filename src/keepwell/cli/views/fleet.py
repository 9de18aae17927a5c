"""Several nodes on a screen: one compact row each, what depends on what, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.report import DevicePicture, EnginePicture, NeedPicture, NodePicture, StatusReport
from keepwell.app.unreached import Unreached
from keepwell.cli.words import clean, sign, size
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing
from keepwell.core.ref import Ref

#: Findings of one node that are told; `keepwell diagnose NODE` tells them all.
FINDINGS_SHOWN = 3
#: Engines of one node that are told, the worst first.
ENGINES_SHOWN = 4
#: Lines of what depends on what, those that lead nowhere first; more are a diagram, not a screen.
NEEDS_SHOWN = 12


def render_fleet(report: StatusReport) -> list[RenderableType]:
    """One row a node, the unreached among them with the reason; then dependencies, then what is wrong, by node."""
    table = Table(box=None, padding=(0, 1), show_edge=False, expand=False, header_style="dim", pad_edge=False)
    table.add_column("", width=1)
    table.add_column("node", no_wrap=True, max_width=18, overflow="ellipsis")
    table.add_column("GPUs", max_width=24, overflow="fold")
    table.add_column("engines", overflow="fold")
    table.add_column("services", overflow="fold")
    for one in report.nodes:
        bad = [finding for finding in report.findings if finding.bad and finding.subject.node == one.ref.name]
        worst = max((finding.status for finding in bad), default=Status.OK)
        table.add_row(sign(worst), clean(one.ref.name, 40), _devices(one.devices), _engines(one), _services(one))
    for lost in report.unreached:
        table.add_row(
            sign(Status.UNKNOWN), clean(lost.node, 40), Text("not reached", style="cyan"), clean(lost.what, 60), ""
        )
    return [table, Text(), _sum(report), *_wrong(report), *_dependence(report)]


def _dependence(report: StatusReport) -> list[RenderableType]:
    lines = list(_needs(report.nodes))
    if not lines:
        return []
    parts: list[RenderableType] = [Text("Depends on:", style="bold"), *lines[:NEEDS_SHOWN]]
    if len(lines) > NEEDS_SHOWN:
        parts.append(Text(f"  and {len(lines) - NEEDS_SHOWN} more (--json lists all)", style="dim"))
    return parts


def _devices(devices: Iterable[DevicePicture]) -> Text:
    """GPUs by name with how many of each, and how much of their memory is used."""
    groups: dict[str, list[DevicePicture]] = {}
    for one in devices:
        groups.setdefault(one.name, []).append(one)
    rows: list[str] = []
    for name, members in groups.items():
        count = f"{len(members)} × " * (len(members) > 1)
        rows.append(f"{count}{clean(_short(name), 22)}{_memory(members)}")
    return Text("\n".join(rows) or "–", style={True: "", False: "dim"}[bool(rows)])


def _short(name: str) -> str:
    """A device's name without its maker's and family's, which are the same in all rows."""
    for word in ("NVIDIA ", "GeForce ", "AMD ", "Radeon ", "Intel(R) ", "Graphics"):
        name = name.replace(word, "")
    return name.strip()


def _memory(devices: Iterable[DevicePicture]) -> str:
    used = total = 0.0
    for one in devices:
        if isinstance(one.memory_used_bytes, Missing) or isinstance(one.memory_total_bytes, Missing):
            return ""
        used, total = used + one.memory_used_bytes, total + one.memory_total_bytes
    if not total:
        return ""
    said, unit = size(total).split(" ")
    return f" {used / total * float(said):.3g}/{said} {unit}"


def _engines(node: NodePicture) -> Text:
    """Each engine with its sign and how many models it holds in memory."""
    lines: list[Text] = []
    ordered = sorted(node.engines, key=_worst_first)
    for one in ordered[:ENGINES_SHOWN]:
        line = Text.assemble(sign(one.status), f" {clean(one.title, 24)}")
        if one.ref.name.partition(":")[2]:
            line.append(f":{clean(one.ref.name.partition(':')[2], 6)}", style="dim")
        if not isinstance(one.loaded, Missing) and one.loaded:
            line.append(f" {', '.join(clean(model.name, 24) for model in one.loaded[:2])}", style="dim")
            line.append(f" +{len(one.loaded) - 2}" * (len(one.loaded) > 2), style="dim")
        lines.append(line)
    if not lines:
        return Text("none", style="dim")
    if len(ordered) > ENGINES_SHOWN:
        rest = ordered[ENGINES_SHOWN:]
        lines.append(Text(f"and {len(rest)} more, {_bad(one.status for one in rest)} not well", style="dim"))
    return Text("\n").join(lines)


def _worst_first(one: EnginePicture) -> tuple[int, str]:
    return -one.status, str(one.ref)


def _services(node: NodePicture) -> Text:
    """How many are well, and those that are not by name."""
    bad = [one for one in node.services if one.status >= Status.WARNING]
    well = len(node.services) - len(bad)
    lines = [Text.assemble(sign(Status.OK), f" {well} well")] * bool(well)
    lines += [Text.assemble(sign(one.status), f" {clean(one.title, 22)}") for one in bad]
    if not lines:
        return Text("–", style="dim")
    return Text("\n").join(lines)


def _sum(report: StatusReport) -> Text:
    engines = [one for node in report.nodes for one in node.engines]
    services = [one for node in report.nodes for one in node.services]
    devices = sum(len(node.devices) for node in report.nodes)
    words = [f"{len(report.nodes)} node{'s' * (len(report.nodes) != 1)}", f"{devices} GPU{'s' * (devices != 1)}"]
    words.append(f"{len(engines)} engines, {_bad(one.status for one in engines)} not well")
    words.append(f"{len(services)} services, {_bad(one.status for one in services)} not well")
    return Text(" · ".join([*words, f"{len(report.unreached)} not reached"]), style="dim")


def _bad(states: Iterable[Status]) -> int:
    return sum(one >= Status.WARNING for one in states)


def _needs(nodes: Sequence[NodePicture]) -> Iterator[Text]:
    """What each service depends on, those first that lead nowhere or to something that is not well."""
    states = {str(one.ref): one.status for node in nodes for one in node.engines}
    states |= {str(one.ref): one.status for node in nodes for one in node.services}
    found: list[tuple[int, Ref, NeedPicture]] = []
    for one in [one for node in nodes for one in node.services]:
        for need in one.needs:
            reached = {"no": Status.WARNING}.get(need.reach, Status.OK)
            found.append((-max(reached, states.get(need.target, Status.OK)), one.ref, need))
    for badness, ref, need in sorted(found, key=itemgetter(0)):
        target = need.target.partition(":")[2] or need.url or need.setting
        line = Text.assemble("  ", sign(Status(-badness)))
        line.append(f" {clean(ref.node, 30)}/{clean(ref.name, 40)} → {clean(target, 60)}")
        line.append(f"  {clean(need.setting, 60)}", style="dim")
        yield line


def _wrong(report: StatusReport) -> list[RenderableType]:
    parts: list[RenderableType] = []
    for node in report.nodes:
        bad = [one for one in report.findings if one.bad and one.subject.node == node.ref.name]
        if bad:
            parts.append(Text.assemble((clean(node.ref.name, 60), "bold")))
            parts += [_finding(one) for one in bad[:FINDINGS_SHOWN]]
            if len(bad) > FINDINGS_SHOWN:
                more = f"  and {len(bad) - FINDINGS_SHOWN} more: keepwell diagnose {clean(node.ref.name, 60)}"
                parts.append(Text(more, style="dim"))
    return parts + [_lost(one) for one in report.unreached]


def _finding(one: Finding) -> Text:
    return Text.assemble("  ", sign(one.status), f" {clean(one.message)}", (f"  {one.check}", "dim"))


def _lost(one: Unreached) -> Text:
    line = Text.assemble((clean(one.node, 60), "bold"), " was not reached: ", clean(one.what, 300))
    if one.hint:
        line.append(f"\n  next: {clean(one.hint, 400)}")
    return line
