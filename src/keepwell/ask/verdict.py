"""What came of a question: claims, whether model and ranking agree, what was not checked, what was spent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from keepwell.ask.claims import Claim
from keepwell.ask.evidence import ALSO, Evidence, Exhibit
from keepwell.ask.limits import Spent

#: "answered": some claim rests on evidence. "unsupported": none does. "fallback": there is no answer, see `why`.
State: TypeAlias = Literal["answered", "unsupported", "fallback"]
#: Whether the model's cause is the first of the ranking, another one, none that is known; "unsure" or "silent".
Agreement: TypeAlias = Literal["agrees", "differs", "unsure", "silent"]
_NONE = frozenset({"none", "nothing", "no cause", "null", "none of these"})
_UNSURE = frozenset({"unsure", "unknown", "not sure", "undecided"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A tool that ran: with what, the ids that it added, or why it told nothing (`problem`)."""

    tool: str
    arguments: tuple[tuple[str, str], ...] = ()
    exhibits: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stance:
    """Model against ranking: the word, and one sentence for a person."""

    word: Agreement
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The end of a conversation. `notes` say what of the model's answers had to be mended; `met` which budgets were
    used up; `unchecked` are the model's own words on what it did not check.
    """

    state: State
    spent: Spent
    why: str = ""
    claims: tuple[Claim, ...] = ()
    stance: Stance = Stance(word="silent", said="The model names no cause.")
    unchecked: tuple[str, ...] = ()
    ran: tuple[Ran, ...] = ()
    offered: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    met: tuple[str, ...] = ()


def find_state(claims: Sequence[Claim]) -> State:
    """Whether anything of an answer rests on evidence."""
    if any(one.state in ("supported", "doubtful") for one in claims):
        return "answered"
    return "unsupported"


def find_stance(cause: str, evidence: Evidence, claims: Sequence[Claim]) -> Stance:
    """How the cause that a model named stands to the ranking."""
    ranked = evidence.of_kind("cause")
    word = cause.strip().lower()
    if word in _UNSURE:
        return Stance(word="unsure", said="The model does not decide between the causes.")
    if word in _NONE:
        return _stand_alone(ranked)
    named = _find_cause(word, ranked)
    if named is None:
        return Stance(word="silent", said="The model names no cause of the ranking.")
    if find_state(claims) == "unsupported":
        said = f"The model names {named.id}, and nothing that it says for it rests on evidence."
        return Stance(word="unsure", said=said)
    if named.id == ranked[0].id:
        return Stance(word="agrees", said=f"The model agrees with keepwell's first cause, {named.id}.")
    if named.source == ALSO:
        return Stance(word="agrees", said=f"The model names {named.id}, which keepwell holds for another fault here.")
    said = f"The model holds {named.id} for right; keepwell holds {ranked[0].id} for likelier."
    return Stance(word="differs", said=said)


def _stand_alone(ranked: Sequence[Exhibit]) -> Stance:
    if not ranked:
        return Stance(word="agrees", said="Neither keepwell nor the model knows a cause.")
    return Stance(word="differs", said=f"The model holds none of the causes for right; keepwell {ranked[0].id}.")


def _find_cause(word: str, ranked: Sequence[Exhibit]) -> Exhibit | None:
    for one in ranked:
        if word and word in (one.id.lower(), one.name.lower()):
            return one
    return None
