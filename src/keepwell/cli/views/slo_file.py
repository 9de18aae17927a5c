"""`keepwell import slo` and `export slo` on a screen: the text as it is."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from keepwell.app.objective_files import ObjectiveFileReport

#: Lines are not broken: what is shown can be piped into a file.
AS_IT_IS = True


def render(report: ObjectiveFileReport) -> RenderableType:
    """The text; without one, why there is none, as a comment of that file."""
    if report.text:
        return Text(report.text.rstrip("\n"), no_wrap=True, overflow="ignore")
    return Text("\n".join(f"# {one}" for one in report.notes or ("no objective is declared",)), no_wrap=True)
