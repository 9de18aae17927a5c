"""`keepwell issues test` on a screen: what is broken, and which two files are at odds."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.lessons.catalogue_test import Broken, TestReport
from keepwell.core.words import clean


def render_test(report: TestReport) -> RenderableType:
    """Each broken case or incident with both issue files, then the count."""
    lines = [line for one in report.broken for line in _broken(one)]
    lines += [Text(f"! {clean(one, 2000)}", style="yellow") for one in report.problems]
    counts = f"{report.cases} cases and {report.incidents} incidents in {report.seconds:.1f} s"
    if report.skipped:
        counts += f", {report.skipped} older bundles left out"
    if report.broken:
        lines.append(Text(f"✗ {len(report.broken)} broken of {counts}", style="bold red"))
    else:
        lines.append(Text.assemble(("✓ ", "green"), f"All hold: {counts}"))
    return Group(*lines)


def _broken(one: Broken) -> list[Text]:
    files = " and ".join(f"{name}.toml" for name in dict.fromkeys((one.issue, one.taken_by)) if name)
    lines = [Text.assemble((f"✗ {clean(one.name)}", "bold"), f"  see {files}")]
    lines += [Text(f"    {clean(line, 2000)}") for line in one.how.split("\n")]
    if one.learned:
        lines.append(Text("    it holds without what was learned: keepwell learned shows what moved", style="dim"))
    return lines
