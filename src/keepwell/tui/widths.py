"""Which columns there is room for, and how wide each is. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from keepwell.tui.cells import Column

#: Characters between two columns.
GAP = 1


def fit(columns: Sequence[Column], width: int) -> tuple[int, ...]:
    """The width of each column, 0 for those that are left out; the growing one takes the rest."""
    kept = [True] * len(columns)
    for rank in sorted({one.rank for one in columns if one.rank}, reverse=True):
        if _needed(columns, kept) <= width:
            break
        kept = [stays and one.rank != rank for one, stays in zip(columns, kept, strict=True)]
    spare = max(0, width - _needed(columns, kept))
    return tuple((one.width + spare * one.grows) * stays for one, stays in zip(columns, kept, strict=True))


def _needed(columns: Sequence[Column], kept: Sequence[bool]) -> int:
    widths = [one.width for one, stays in zip(columns, kept, strict=True) if stays]
    return sum(widths) + GAP * max(0, len(widths) - 1)


def pad_text(words: str, width: int, *, right: bool = False) -> str:
    """The text in exactly so many characters of the terminal; what is cut ends in a mark. Wide characters count as the
    two that they take.
    """
    missing = width - cell_len(words)
    if missing < 0:
        return set_cell_size(set_cell_size(words, max(0, width - 1)).rstrip() + "~", width)
    if right:
        return " " * missing + words
    return words + " " * missing
