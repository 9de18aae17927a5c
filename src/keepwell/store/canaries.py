"""Known answers of models to a fixed prompt, so that another answer is noticed.

One JSON file in the state folder, for its owner alone; losing it costs nothing but the comparison.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from keepwell.store.folder import read_private, replace_private

FILE_NAME = "gateway/canaries.json"
SCHEMA = "keepwell-canaries/1"
#: Bytes of the file; one takes about 1 KB.
CANARIES_BYTES = 4 * 1024 * 1024
#: Answers that are kept, the newest.
KEPT = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a model said: its words, the logarithms of their probabilities (() where not told), when, and which bytes
    the engine said that it was made of ("" where it does not tell).
    """

    at: float
    text: str
    logprobs: tuple[float, ...] = ()
    made_of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """One model at one replica: the answer that is known, the last one, how often in a row that was the known one,
    since when it is another one (0: it is not), and whether the engine answers for a model that nobody has.
    """

    replica: str
    model: str
    known: Answer
    last: Answer
    times: int = 1
    other_since: float = 0.0
    nonsense: bool = False


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    schema: str
    canaries: tuple[Canary, ...]


def load_canaries(state: Path) -> dict[tuple[str, str], Canary]:
    """By replica and model; none where there is no file, or one that cannot be used."""
    try:
        document = msgspec.json.decode(read_private(state / FILE_NAME, CANARIES_BYTES), type=_Document)
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    if document.schema != SCHEMA:
        return {}
    return {(one.replica, one.model): one for one in document.canaries}


def save_canaries(state: Path, canaries: Iterable[Canary]) -> None:
    """Replace the file atomically, mode 0600; AccessError if it cannot be written."""
    kept = sorted(canaries, key=_last_at)[-KEPT:]
    replace_private(state / FILE_NAME, msgspec.json.encode(_Document(schema=SCHEMA, canaries=tuple(kept))) + b"\n")


def _last_at(one: Canary) -> float:
    return one.last.at
