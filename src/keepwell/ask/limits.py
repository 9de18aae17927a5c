"""Budgets of one question, and what of them is spent."""

from __future__ import annotations

from dataclasses import dataclass

#: Characters that stand for a token where nobody counted: three, so that JSON and numbers are not thought too small.
CHARS_A_TOKEN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most that may be spent: questions to the model, tokens in and out, seconds of the model and its tools.

    `answer_tokens` is the room of one answer, thoughts with it, `prompt_tokens` that of one prompt; `looks` the most
    tools that run.
    """

    steps: int = 6
    tokens: int = 24_000
    seconds: float = 180.0
    looks: int = 8
    answer_tokens: int = 4000
    prompt_tokens: int = 6000


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What was spent so far; `estimated` when an engine did not count its tokens."""

    steps: int = 0
    tokens: int = 0
    seconds: float = 0.0
    looks: int = 0
    estimated: bool = False


def find_met(limits: Limits, spent: Spent) -> tuple[str, ...]:
    """The budgets that are used up, as sentences."""
    rows = (
        (spent.steps >= limits.steps, f"all {limits.steps} questions were asked"),
        (spent.tokens >= limits.tokens, f"all {limits.tokens} tokens were used"),
        (spent.seconds >= limits.seconds, f"all {limits.seconds:g} s were used"),
    )
    return tuple(said for met, said in rows if met)


def estimate_tokens(text: str) -> int:
    """Tokens of a text that nobody counted, rather too many than too few."""
    return len(text) // CHARS_A_TOKEN + 1
