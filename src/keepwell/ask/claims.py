"""Claims held against the evidence that they cite: what rests on nothing is marked, what gives orders is kept back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeAlias

from keepwell.ask.evidence import Evidence, Exhibit
from keepwell.ask.orders import find_order
from keepwell.ask.records import find_words
from keepwell.ask.spoken import RawClaim

#: "supported": cites evidence that there is, and says no number that is not in it. "doubtful": the evidence is there
#: and has other words or numbers. "unsupported": cites nothing that there is. "withheld": names a command, an address.
ClaimState: TypeAlias = Literal["supported", "doubtful", "unsupported", "withheld"]
#: How far a number may be from the one that it rests on: it is rounded, a share may be told in per cent, bytes in GB.
ROUNDED = 0.03
_SCALES = (1.0, 100.0, 0.01, 1e-3, 1e3, 1e-6, 1e-9, 2.0**-10, 2.0**-20, 2.0**-30, 2.0**-40, 60.0, 1 / 60, 1 / 3600)
_NUMBER = re.compile(r"(?<![A-Za-z0-9_])\d+(?:[.,]\d+)*")
#: Numbers that are compared; a claim has a few, a line of evidence some dozens.
NUMBERS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim. `cites` are ids that there are; `why` says what is wrong with it, "" for one that is supported."""

    text: str
    cites: tuple[str, ...]
    state: ClaimState
    why: str = ""


def judge_claims(claims: Iterable[RawClaim], evidence: Evidence, question: str) -> tuple[Claim, ...]:
    """Each claim with what is to be thought of it."""
    return tuple(_judge(one, evidence, question) for one in claims)


def _judge(raw: RawClaim, evidence: Evidence, question: str) -> Claim:
    cited = [one for one in (evidence.find(id) for id in raw.cites) if one is not None]
    ids = tuple(one.id for one in cited)
    order = find_order(raw.text)
    if order:
        return Claim(text=raw.text, cites=ids, state="withheld", why=order)
    if not cited:
        why = "cites nothing"
        if raw.cites:
            why = f"cites {', '.join(raw.cites)}, which there is not"
        return Claim(text=raw.text, cites=(), state="unsupported", why=why)
    why = _find_doubt(raw.text, cited, question)
    if why:
        return Claim(text=raw.text, cites=ids, state="doubtful", why=why)
    return Claim(text=raw.text, cites=ids, state="supported")


def _find_doubt(text: str, cited: Sequence[Exhibit], question: str) -> str:
    shown = " ".join(f"{one.text} {one.subject} {one.source}" for one in cited)
    known = list(list_numbers(f"{shown} {question}"))
    strange = [said for said, number in _numbers(text) if not any(_is_same(number, one) for one in known)]
    if strange:
        return f"the number {strange[0]} is not in what it cites"
    if not find_words(text) & find_words(shown) and not any(True for _ in _numbers(text)):
        return "has no word in common with what it cites"
    return ""


def list_numbers(text: str) -> Iterator[float]:
    """The numbers in a text."""
    for _, number in _numbers(text):
        yield number


def _numbers(text: str) -> Iterator[tuple[str, float]]:
    for count, said in enumerate(_NUMBER.findall(text)):
        if count == NUMBERS:
            return
        for sign in (".", ""):
            with suppress(ValueError):
                yield said, float(said.replace(",", sign))
                break


def _is_same(one: float, other: float) -> bool:
    return any(abs(one - other * scale) <= ROUNDED * max(abs(one), 1e-9) for scale in _SCALES)
