"""A row a request, for a spreadsheet: `keepwell bench --csv FILE`."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from keepwell.bench.load_words import render_load
from keepwell.bench.result import OUTCOMES, Result, Row
from keepwell.core.errors import AccessError

#: Columns beside those of a request.
_FIRST = ("result", "load")


def write_csv(path: Path, results: Sequence[Result]) -> None:
    """Write it whole or not at all. Raises AccessError."""
    half = path.with_name(f"{path.name}.part")
    try:
        half.write_text(render_csv(results), encoding="utf-8", newline="")
        half.replace(path)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise AccessError(f"the table cannot be written: {error.strerror}", where=str(path)) from error


def render_csv(results: Iterable[Result]) -> str:
    """A head, then a row a request in seconds from the begin of its stretch; empty where there is no number."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow((*_FIRST, *Row._fields))
    for one in results:
        for row in one.rows:
            writer.writerow((one.id, render_load(one.load), *_cells(row)))
    return text.getvalue()


def _cells(row: Row) -> Iterator[str]:
    for name, value in zip(Row._fields, row, strict=True):
        if name == "outcome":
            yield OUTCOMES[int(value)]
        elif math.isnan(value):
            yield ""
        else:
            yield f"{value:.9g}"
