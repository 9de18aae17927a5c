"""Scores the catalogue on a file of labelled incidents, and draws how true its confidences are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from keepwell.app.catalogue import get_catalogue
from keepwell.app.lessons.evaluation_report import EvaluationReport
from keepwell.app.operation import Caller
from keepwell.core.errors import ConfigurationError
from keepwell.learning.comparing import Way, compare_ways
from keepwell.learning.diagram import draw_reliability
from keepwell.learning.labelled import parse_labelled
from keepwell.learning.measure import Figures

#: Largest file that is read: some ten thousand incidents, so that a wrong file is refused.
FILE_BYTES = 64 * 1024 * 1024
#: Head of the table, on a page and on a screen.
HEAD = ("way", "top-1", "top-3", "family", "Brier (constant)", "ECE (if true)", "sure", "sure and wrong")


def evaluate_file(caller: Caller, path: str, *, folds: int, svg: str) -> EvaluationReport:
    """Figures of each way to answer the incidents in a file; the diagram of the first is written where it is asked for.

    Costs some 50 ms an incident, and a minute or two more for each 100 with `folds`. Raises ConfigurationError for a
    file that is not there or holds none.
    """
    incidents = parse_labelled(_read(path).splitlines(), path)
    ways = compare_ways(get_catalogue(caller.state), incidents, folds, partial(_tell, caller))
    written = [_write(name, _svg(ways)) for name in (svg,) if name]
    return EvaluationReport(path=path, incidents=len(incidents), folds=folds, ways=tuple(ways), written=tuple(written))


def list_rows(ways: Sequence[Way]) -> list[tuple[str, ...]]:
    """The table of figures, without its head."""
    return [(one.name, *_cells(one.figures)) for one in ways]


def draw_way(way: Way) -> str:
    """The reliability diagram of one way, as SVG."""
    return draw_reliability(way.figures.bins, f"{way.name}: n = {way.figures.incidents}")


def _cells(figures: Figures) -> tuple[str, ...]:
    low, high = figures.ece_perfect
    return (
        f"{figures.top1.share:.1%}",
        f"{figures.top3.share:.1%}",
        f"{figures.family.share:.1%}",
        f"{figures.brier:.3f} ({figures.brier_constant:.3f})",
        f"{figures.ece:.3f} ({low:.3f} to {high:.3f})",
        f"{figures.sure.share:.1%}",
        f"{figures.sure_and_wrong.share:.1%}",
    )


def _tell(caller: Caller, text: str) -> None:
    caller.progress(text, 0, 1)


def _svg(ways: Sequence[Way]) -> str:
    return draw_way(ways[0])


def _read(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(FILE_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > FILE_BYTES:
        raise ConfigurationError(f"{path} is larger than {FILE_BYTES} bytes", hint="give JSON lines of incidents")
    return content.decode("utf-8", "replace")


def _write(path: str, content: str) -> str:
    try:
        Path(path).write_text(content, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error
    return path
