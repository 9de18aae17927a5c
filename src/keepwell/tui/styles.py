"""Colours: the terminal's own sixteen, so that they fit its background and cost few bytes; none with NO_COLOR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.style import Style

from keepwell.tui.cells import Tone

_DARK: Mapping[Tone, Style] = {
    "": Style.null(),
    "good": Style(color="green"),
    "warn": Style(color="yellow"),
    "bad": Style(color="red", bold=True),
    "dim": Style(dim=True),
    "bold": Style(bold=True),
    "unsure": Style(color="cyan"),
}
#: Yellow and cyan cannot be read on white.
_LIGHT: Mapping[Tone, Style] = {**_DARK, "warn": Style(color="magenta"), "unsure": Style(color="blue")}
#: What stands for signs that ASCII has not.
_ASCII = str.maketrans({"°": "", "…": "...", "“": '"', "”": '"', "–": "-", "·": "|", "✓": "+", "✗": "X", "→": "->"})
HEADER, FOCUSED, CURSOR = Style(dim=True, underline=True), Style(bold=True, underline=True), Style(reverse=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """`light`: for a light background; `plain`: ASCII alone, whatever models and keys are called."""

    light: bool = False
    plain: bool = False

    def style(self, tone: Tone) -> Style:
        """The colour of a tone."""
        return {True: _LIGHT, False: _DARK}[self.light][tone]

    def text(self, words: str) -> str:
        """As it may be shown."""
        if not self.plain or words.isascii():
            return words
        return words.translate(_ASCII).encode("ascii", "replace").decode()
