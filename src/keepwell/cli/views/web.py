"""`keepwell web` on a screen: the address, and the link that signs in."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.web_address import WebReport
from keepwell.cli.words import clean


def render(report: WebReport) -> RenderableType:
    """Each on a line of its own, so that a terminal can open it."""
    minutes = f"{report.seconds / 60:.0f} minutes"
    return Group(
        Text.assemble("pages    ", (clean(report.url), "bold")),
        Text(f"sign in  {clean(report.sign_in)}", no_wrap=True, overflow="ignore"),
        Text(f"         as the owner; good once, for {minutes}", style="dim"),
    )
