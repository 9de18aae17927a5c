"""`keepwell agent --init`, `--show` and `--print-unit` on a screen: what can be pasted stands as it is."""

from __future__ import annotations

from rich.text import Text

from keepwell.app.agent import AgentReport
from keepwell.cli.words import clean


def render(report: AgentReport) -> Text:
    """The unit, or the entry for keepwell.toml with what to do with it."""
    if report.unit:
        return Text(report.unit.rstrip("\n"), no_wrap=True, overflow="ignore")
    token = clean(report.token_file)
    lines = [
        "# In keepwell.toml on the machine that asks:",
        report.entry.rstrip("\n"),
        "",
        f"# The token stands in {token} here, readable by its owner alone.",
        "# Copy that file to the path in `token` above, with mode 0600; it is shown nowhere.",
        "# Then: keepwell diagnose " + report.entry.split('"')[1],
    ]
    if report.loopback:
        lines.append("# It listens on this machine alone; --listen ADDRESS lets others in.")
    return Text("\n".join(lines), no_wrap=True, overflow="ignore")
