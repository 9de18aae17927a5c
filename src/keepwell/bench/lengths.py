"""How long prompts and answers are to be: a number of tokens, or a distribution of it. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import Literal, TypeAlias

Spread: TypeAlias = Literal["fixed", "normal", "lognormal", "uniform"]
#: Tokens that one prompt or answer may have: more than any model here reads.
LONGEST = 2_000_000
HINT = "write 128, normal:MEAN:DEVIATION, lognormal:MEAN:DEVIATION or uniform:LEAST:MOST, in tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """`first` and `second` are mean and standard deviation of what comes out, or least and most of a uniform one."""

    spread: Spread = "fixed"
    first: float
    second: float = 0.0

    def draw(self, random: Random) -> int:
        """One length, at least 1."""
        drawn = self.first
        if self.spread == "normal":
            drawn = random.gauss(self.first, self.second)
        elif self.spread == "lognormal":
            width = math.log1p((self.second / self.first) ** 2)
            drawn = random.lognormvariate(math.log(self.first) - width / 2, math.sqrt(width))
        elif self.spread == "uniform":
            return random.randint(int(self.first), int(self.second))
        return int(min(LONGEST, max(1, round(drawn))))

    @property
    def mean(self) -> float:
        """What is drawn on average."""
        if self.spread == "uniform":
            return (self.first + self.second) / 2
        return self.first

    def __str__(self) -> str:
        if self.spread == "fixed":
            return f"{self.first:g}"
        return f"{self.spread}:{self.first:g}:{self.second:g}"


def parse_lengths(text: str) -> Lengths:
    """The lengths in "128" or "normal:512:64"; `str` is the inverse. Raises ValueError with what would do."""
    spread, *numbers = text.strip().split(":")
    if not numbers:
        return Lengths(first=_read(spread, text))
    if spread not in ("normal", "lognormal", "uniform") or len(numbers) != 2:
        raise ValueError(f"{text!r} is no length: {HINT}")
    first, second = _read(numbers[0], text), _read(numbers[1], text, least=0)
    if spread == "uniform":
        if second < first:
            raise ValueError(f"{text!r} is no length: the least comes first")
        return Lengths(spread="uniform", first=first, second=second)
    if spread == "normal":
        return Lengths(spread="normal", first=first, second=second)
    return Lengths(spread="lognormal", first=first, second=second)


def _read(word: str, text: str, least: int = 1) -> int:
    if not word.isascii() or not word.isdecimal() or len(word) > 9 or not least <= int(word) <= LONGEST:
        raise ValueError(f"{text!r} is no length: {HINT}")
    return int(word)
