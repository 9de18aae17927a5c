"""`keepwell export ...` on a screen: the text as it is, or which files were written."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.exporting import ExportReport
from keepwell.cli.words import clean

#: Lines are not broken: what is shown can be piped into a file.
AS_IT_IS = True


def render(report: ExportReport) -> RenderableType:
    """What can be pasted stands as it is."""
    if report.text:
        return Text(report.text.rstrip("\n"), no_wrap=True, overflow="ignore")
    if report.choices:
        table = Table(box=None, pad_edge=False, caption=report.hint, caption_justify="left")
        for title in ("board", "shows"):
            table.add_column(title)
        for row in report.choices:
            table.add_row(*row)
        return table
    counted = f" ({report.rows} rows)" * report.what.startswith(("csv", "parquet"))
    return Text("\n".join(f"{clean(one)}{counted}" for one in report.files))
