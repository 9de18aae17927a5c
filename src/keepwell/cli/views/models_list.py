"""`keepwell models list` on a screen: a line for each model."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.stores.report import ModelsReport
from keepwell.cli.words import clean, size


def render(report: ModelsReport) -> RenderableType:
    """All models by store, and the stores that could not be looked at."""
    parts: list[RenderableType] = []
    folder = ""
    table = _table()
    for one in report.models:
        if one.folder != folder:
            table = _table()
            folder = one.folder
            parts += [Text.assemble((clean(one.engine), "bold"), f"  {clean(folder)}"), table]
        shared = size(one.bytes_shared) * bool(one.bytes_shared)
        table.add_row(clean(one.model), size(one.bytes_taken), shared, str(one.files), ", ".join(one.faults))
    parts += [Text(f"? {clean(title)}  {clean(reason)}", style="cyan") for title, reason in report.unseen]
    if not parts:
        parts.append(Text("No models in a store here. Name a folder: keepwell models list ./"))
    return Group(*parts)


def _table() -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("model", "size", "of it shared", "files", "wrong"):
        table.add_column(name)
    return table
