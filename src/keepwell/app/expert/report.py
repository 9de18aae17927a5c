"""What `keepwell ask` gives back: the ranking as it is, and beside it what a model said of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from keepwell.app.report import DiagnosisReport
from keepwell.ask.claims import Claim
from keepwell.ask.evidence import Exhibit
from keepwell.ask.verdict import Agreement, Ran, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """One budget: what of it was used, and how much there was. `met` when it ended the conversation."""

    what: str
    used: float
    limit: float
    met: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """Who answered: "" each where nobody did. `hosted`: the words went to somebody else, `masked` values were taken out
    of them before.
    """

    model: str = ""
    where: str = ""
    hosted: bool = False
    masked: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AskReport:
    """The answer of `ask`.

    `state` is answered, unsupported (nothing that the model says rests on evidence) or fallback (there is no answer);
    `why` says it, `next` what to do about it. `ranking` is what `keepwell diagnose` says, whatever the model does.
    `unchecked` are what was not looked at, `model_unchecked` the model's own words on that.
    """

    question: str
    state: State
    ranking: DiagnosisReport
    why: str = ""
    next: str = ""
    answering: Answering = field(default_factory=Answering)
    claims: tuple[Claim, ...] = ()
    agreement: Agreement = "silent"
    agreement_said: str = ""
    evidence: tuple[Exhibit, ...] = ()
    looked: tuple[Ran, ...] = ()
    unchecked: tuple[str, ...] = ()
    model_unchecked: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    budget: tuple[Used, ...] = ()
    estimated: bool = False

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.ask/1"

    @property
    def exit_code(self) -> int:
        """That of the ranking: no model's words change it."""
        return self.ranking.exit_code

    @property
    def cited(self) -> tuple[Exhibit, ...]:
        """The evidence that claims rest on, in its order."""
        ids = {id for one in self.claims if one.state != "withheld" for id in one.cites}
        return tuple(one for one in self.evidence if one.id in ids)
