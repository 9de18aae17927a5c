"""What somebody who runs `keepwell bench` wishes, read from what was typed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from keepwell.app.benching.typed import Typed
from keepwell.bench.goals import Goals, parse_goals
from keepwell.bench.lengths import Lengths, parse_lengths
from keepwell.bench.load_words import LoadWish, parse_load
from keepwell.core.errors import ConfigurationError

#: The words for made prompts and for those of the gateway's record.
MADE, RECORDED = "made", "recorded"
#: Seconds of one load, and of each stretch of a sweep, where nobody says.
USUAL_SECONDS, SWEEP_SECONDS = 20, 10

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is wished. `source` is where requests come from: "made", "recorded" or a file; `replayed`: at their own
    instants; `unchecked`: this client is not held against a server of known timing.
    """

    word: str
    model: str
    load: LoadWish
    source: str
    replayed: bool
    input: Lengths
    output: Lengths
    turns: int
    shared_prefix: int
    goals: Goals
    path: str
    seed: int
    csv: Path | None
    unchecked: bool = False
    baseline: bool = False


def read_wish(typed: Typed) -> Wish:
    """The wish, with the usual where nothing was said. Raises ConfigurationError that names the option."""
    load = _read("--load", parse_load, typed.load)
    source, replayed = typed.prompts, False
    if load.replay:
        if source not in (MADE, load.replay):
            raise ConfigurationError("a replay has its own requests", where="--prompts", hint="leave --prompts out")
        source, replayed = load.replay, True
    seconds = float(typed.seconds)
    if not seconds and not typed.requests and not replayed:
        seconds = float({True: SWEEP_SECONDS, False: USUAL_SECONDS}[bool(load.sweep)])
    made = replace(load.load, seconds=seconds, requests=typed.requests, seed=typed.seed)
    if typed.turns > 1 and source != MADE:
        raise ConfigurationError("turns are made; requests of a file have their own", where="--turns")
    csv = None
    if typed.csv:
        csv = Path(typed.csv)
    return Wish(
        word=typed.what,
        model=typed.model,
        load=replace(load, load=made),
        source=source,
        replayed=replayed,
        input=_read("--input", parse_lengths, typed.input),
        output=_read("--output", parse_lengths, typed.output),
        turns=typed.turns,
        shared_prefix=typed.shared_prefix,
        goals=_read("--goal", parse_goals, typed.goal),
        path=typed.path,
        seed=typed.seed,
        csv=csv,
        unchecked=typed.unchecked,
        baseline=typed.baseline,
    )


def _read(option: str, parse: Callable[[str], Read], text: str) -> Read:
    try:
        return parse(text)
    except ValueError as error:
        said, _, hint = str(error).partition(": ")
        raise ConfigurationError(said, where=option, hint=hint) from error
