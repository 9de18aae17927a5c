"""`keepwell demo` on a screen: the steps were told as they happened, so only the end is left."""

from __future__ import annotations

from rich.text import Text

from keepwell.app.demo_report import DemoReport


def render(report: DemoReport) -> Text:
    """The last line."""
    return Text(f"\nThat was the whole loop, in {report.seconds:.0f} s. On your own engines: keepwell diagnose")
