"""Reading the data file's sections, as the stand-in programs do."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.testing.fake_gpu.machine import Section

NOT_SUPPORTED = 3


@dataclass(frozen=True, slots=True)
class Cell:
    """What a card says under one key: a text, or the NVML code with which it refuses."""

    text: str
    code: int = 0


def first(section: Section, key: str) -> str:
    """The first value of a key, "" if there is none."""
    return "".join(section.get(key, ())[:1])


def number_of(section: Section, key: str) -> int | None:
    """The first value as a number; None if there is none, or if it is refused."""
    text = first(section, key)
    if not text or text.startswith("!"):
        return None
    return int(text.split()[0])


def cell_of(card: Section, key: str) -> Cell:
    """What the card says under a key; NOT_SUPPORTED where it says nothing."""
    for text in (first(card, "every"), first(card, key)):
        if text.startswith("!"):
            return Cell("", int(text[1:]))
    text = first(card, key)
    if not text:
        return Cell("", NOT_SUPPORTED)
    return Cell(text)
