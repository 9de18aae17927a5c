"""Hypothesis and Diagnosis: why is it wrong, how sure, and which check would settle a doubt."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.core.finding import Finding
from keepwell.core.issue import Command, Evidence
from keepwell.core.ref import Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """One piece of evidence that fired: what it said, how much it moved the score, and the words it rests on.

    `quote` is the log line or the finding's message; `source` says where it stands (`file:line`, check id).
    """

    evidence: Evidence
    weight: float
    quote: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisedFix:
    """A fix with its blanks filled from the evidence. `missing` names the blanks that nothing could fill."""

    say: str
    supervisor: str
    commands: tuple[Command, ...]
    side_effects: str
    undo: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """One cause with its probability (0..1) and reasons; `ruled_out` says which refuter fired, or is "".

    `decided` cites the owner's decision that answers it, or is "": then it is told last and is no trouble.
    `draft` marks a cause that only closed incidents of this owner know and that was not confirmed twice yet.
    `basis` says what the confidence rests on ("7 of 10 such answers were right, n = 41"), or is "".
    """

    issue: str
    title: str
    family: str
    subject: Ref | None
    confidence: float
    score: float
    supporting: tuple[Contribution, ...]
    contradicting: tuple[Contribution, ...]
    undecided: tuple[Evidence, ...]
    fix: AdvisedFix | None = None
    repair: str = ""
    prevention: str = ""
    ruled_out: str = ""
    decided: str = ""
    basis: str = ""
    draft: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NextProbe:
    """The check that pays most: expected information in bits, cost in seconds, and what it separates."""

    say: str
    command: str
    gain_bits: float
    cost_seconds: float
    separates: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Ranked causes, the probability that it is none of them, and the next check worth making.

    The confidences of `hypotheses` that compete and `unknown` add up to 1. `also` are causes of faults that
    the first hypothesis does not explain. `ruled_out` are causes that some evidence spoke for and a refuter
    or an unmet requirement struck out. `lines_read` is how many lines of logs and texts were looked through.
    `not_known` says why the likeliest cause is no answer yet, or is "": then `next_probe` tells what would settle it.
    """

    hypotheses: tuple[Hypothesis, ...]
    unknown: float
    also: tuple[Hypothesis, ...] = ()
    ruled_out: tuple[Hypothesis, ...] = ()
    next_probe: NextProbe | None = None
    findings: tuple[Finding, ...] = ()
    lines_read: int = 0
    not_known: str = ""
