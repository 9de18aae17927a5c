"""`keepwell discover` on a screen: what answers at which address, then lines for keepwell.toml."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.discovering import DiscoverReport, FoundHost
from keepwell.cli.words import clean, sign
from keepwell.core.finding import Status
from keepwell.core.observation import Missing


def render(report: DiscoverReport) -> RenderableType:
    """One block an address, the entries, and how far the look came."""
    parts: list[RenderableType] = [_host(one) for one in report.hosts]
    if not report.hosts:
        parts.append(Text(f"Nothing that keepwell knows answers in {report.cidr}."))
    if report.entries:
        parts += [Text("\nFor keepwell.toml:", style="bold"), Text(clean_lines(report.entries))]
    if isinstance(report.names, Missing):
        parts.append(Text(clean(report.names.reason), style="dim"))
    return Group(*parts, _end(report))


def clean_lines(text: str) -> str:
    """Several lines, each made safe to print."""
    return "\n".join(clean(line, 2000) for line in text.splitlines())


def _host(host: FoundHost) -> Text:
    lines = [Text.assemble((clean(host.address), "bold"), f"  {clean(host.name)}" * bool(host.name))]
    for one in (*host.engines, *host.services):
        line = Text.assemble("  ", sign(Status.OK), f" {clean(one.title)}")
        line.append(f" {clean(one.version, 40)}" * bool(one.version))
        lines.append(line.append(f"  {clean(one.url)}"))
    if host.other_ports:
        shown = ", ".join(map(str, host.other_ports))
        lines.append(Text(f"  open, and nothing that is known: {shown}", style="dim"))
    return Text("\n").join(lines)


def _end(report: DiscoverReport) -> Text:
    words = f"{report.answering} of {report.addresses} addresses answer, {len(report.ports)} ports asked"
    state = ""
    if report.interrupted:
        state = "; stopped by Ctrl-C, the rest was not looked at"
    elif not report.complete:
        state = "; the time was over before all was asked: --timeout 60s looks longer"
    return Text(f"{words}, {report.seconds:.1f} s{state}", style={True: "dim"}.get(report.complete, "yellow"))
