"""`keepwell up --print-unit` on a screen: the unit stands as it is."""

from __future__ import annotations

from rich.text import Text

from keepwell.app.serving.up_unit import UpReport


def render(report: UpReport) -> Text:
    """The unit."""
    return Text(report.unit.rstrip("\n"), no_wrap=True, overflow="ignore")
