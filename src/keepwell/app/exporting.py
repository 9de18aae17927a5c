"""What leaves as files: requests and series as CSV or Parquet, dashboards for Grafana, rules for Prometheus."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from keepwell.app.operation import Caller, untold
from keepwell.core.errors import AccessError, ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """The answer of `export`: what was written, to which files, and how many rows there were; or `text`, to be shown
    as it is; or what there is to choose from.
    """

    what: str
    files: tuple[str, ...] = ()
    rows: int = 0
    text: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    hint: str = ""

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.export/1"

    @property
    def exit_code(self) -> int:
        """Always 0."""
        return 0


def export_rules(out: str) -> ExportReport:
    """The rules for Prometheus, into a file or to be shown."""
    from keepwell.export.rules import render_rules

    text = render_rules()
    if not out:
        return ExportReport(what="rules", text=text)
    return ExportReport(what="rules", files=(write_file(Path(out), _text_of(text)),))


def export_grafana(name: str, out: str) -> ExportReport:
    """One dashboard, to be shown or into the folder; or all of them into the folder, with what Grafana needs to find
    them. Raises ConfigurationError for a name that there is not.
    """
    from keepwell.export.boards import get_boards
    from keepwell.export.grafana import render_board, render_provider

    boards = get_boards()
    if name and name not in boards:
        raise ConfigurationError(f"there is no dashboard {name!r}", hint=f"one of {', '.join(boards)}")
    texts = {f"{one.uid}.json": json.dumps(render_board(one), indent=2) + "\n" for one in boards.values()}
    if name and not out:
        return ExportReport(what="grafana", text=texts[f"{boards[name].uid}.json"])
    if not out:
        choices = tuple((word, one.help) for word, one in boards.items())
        hint = "keepwell export grafana fleet prints one of them, --out FOLDER writes all"
        return ExportReport(what="grafana", choices=choices, hint=hint)
    folder = Path(out)
    if name:
        texts = {f"{boards[name].uid}.json": texts[f"{boards[name].uid}.json"]}
    else:
        texts["provider.yaml"] = render_provider(str(folder.absolute()))
    make_folder(folder)
    return ExportReport(
        what="grafana", files=tuple(write_file(folder / file, _text_of(text)) for file, text in texts.items())
    )


def write_rows(
    caller: Caller, out: str, pieces: Iterable[str], rows: Callable[[], int], what: str
) -> ExportReport | None:
    """CSV to a file, or told piece by piece where none is named; `rows` gives their number once all are written."""
    if out:
        path = write_file(Path(out), _pieces_of(pieces))
        return ExportReport(what=what, files=(path,), rows=rows())
    if caller.tell is untold:
        raise ConfigurationError("rows cannot stand in one JSON document", hint="name a file: --out FILE")
    for piece in pieces:
        caller.tell(piece.rstrip("\n"))
    return None


def write_file(path: Path, write: Callable[[BinaryIO], None]) -> str:
    """Write a file whole or not at all; gives its path. Raises AccessError."""
    half = path.with_name(f"{path.name}.part")
    try:
        with half.open("wb") as file:
            write(file)
        half.replace(path)
    except OSError as error:
        hint = "name a file in a folder that exists and that you may write to"
        raise AccessError(f"the file cannot be written: {error.strerror}", where=str(path), hint=hint) from error
    finally:
        with contextlib.suppress(OSError):
            half.unlink(missing_ok=True)
    return str(path)


def make_folder(folder: Path) -> None:
    """Make it where it is not there. Raises AccessError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AccessError(f"the folder cannot be made: {error.strerror}", where=str(folder)) from error


class Counted(Iterator[Sequence[str]]):
    """Rows that are counted as they pass."""

    def __init__(self, rows: Iterable[Sequence[str]]) -> None:
        self._rows = iter(rows)
        self._number = 0

    def __next__(self) -> Sequence[str]:
        row = next(self._rows)
        self._number += 1
        return row

    def count(self) -> int:
        """How many have passed."""
        return self._number


def _text_of(text: str) -> Callable[[BinaryIO], None]:
    return _pieces_of((text,))


def _pieces_of(pieces: Iterable[str]) -> Callable[[BinaryIO], None]:
    def write(file: BinaryIO) -> None:
        for piece in pieces:
            file.write(piece.encode("utf-8", "replace"))

    return write
