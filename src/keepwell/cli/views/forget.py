"""`keepwell forget` on a screen."""

from __future__ import annotations

from rich.text import Text

from keepwell.app.forgetting import ForgetReport
from keepwell.cli.words import clean


def render(report: ForgetReport) -> Text:
    """One line."""
    return Text(f"Forgotten: {clean(report.url)}. It is remembered again when it is seen to serve.")
