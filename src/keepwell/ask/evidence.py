"""Evidence: what was seen, piece by piece, each with the id that a claim has to cite."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from keepwell.core.finding import Finding, Status
from keepwell.core.hypothesis import Diagnosis, Hypothesis
from keepwell.core.text import cut_text, escape_controls
from keepwell.core.words import share

#: A cause of the ranking, a finding of a check, or a piece of what a tool told.
Kind: TypeAlias = Literal["cause", "finding", "record"]
#: Characters of one piece: a finding's sentence with the line that it quotes.
TEXT_CHARS = 320
#: Causes and findings that are shown to a model: the first ones are the likeliest and the worst.
CAUSES, FINDINGS = 5, 20
#: A rival below this is next to impossible, and only takes room.
LEAST = 0.01
#: Where a cause is from: the ranking of the first fault, or one of another fault beside it.
RANKING, ALSO = "ranking", "ranking, another fault"
#: Evidence of a cause that is quoted with it.
QUOTES = 3
_LETTERS: dict[Kind, str] = {"cause": "C", "finding": "F", "record": "E"}
#: What begins a mark by which chat templates part speakers: inside of JSON it is written out, so that it is text.
_MARKS = re.compile(r"<|\[(?=/?(?:INST|SYSTEM|TOOL|AVAILABLE))", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Evidence before it has an id: where it is from, what it is about ("" for the machine), what it says."""

    kind: Kind
    source: str
    text: str
    subject: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """One piece of evidence. `id` holds within one question; `source` is the check, the cause or the tool that tells
    it; `name` is the cause's own id, "" for others. `text` is data from the world on one line.
    """

    id: str
    kind: Kind
    source: str
    subject: str
    text: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All exhibits, in the order in which they were seen."""

    exhibits: tuple[Exhibit, ...] = ()

    def __iter__(self) -> Iterator[Exhibit]:
        return iter(self.exhibits)

    def __len__(self) -> int:
        return len(self.exhibits)

    def find(self, id: str) -> Exhibit | None:
        """The exhibit of this id, None where there is none."""
        return next((one for one in self.exhibits if one.id == id), None)

    def of_kind(self, kind: Kind) -> tuple[Exhibit, ...]:
        """Those of one kind."""
        return tuple(one for one in self.exhibits if one.kind == kind)

    def add(self, pieces: Iterable[Piece]) -> Evidence:
        """With these, numbered on."""
        found = list(self.exhibits)
        for one in pieces:
            number = 1 + sum(each.kind == one.kind for each in found)
            text = cut_text(escape_controls(" ".join(one.text.split())), TEXT_CHARS)
            found.append(
                Exhibit(
                    id=f"{_LETTERS[one.kind]}{number}",
                    kind=one.kind,
                    source=one.source,
                    subject=one.subject,
                    text=text,
                    name=one.name,
                )
            )
        return Evidence(tuple(found))


def pieces_of(diagnosis: Diagnosis, findings: Sequence[Finding]) -> Iterator[Piece]:
    """The ranking and what checks found, as evidence: the likeliest cause, those of other faults, rivals that are not
    next to impossible; findings worst first.
    """
    rivals = [one for one in diagnosis.hypotheses[1:CAUSES] if one.confidence >= LEAST]
    rows = [(RANKING, one) for one in diagnosis.hypotheses[:1]]
    rows += [(ALSO, one) for one in diagnosis.also[:CAUSES]]
    rows += [(RANKING, one) for one in rivals]
    for source, one in rows:
        yield Piece(kind="cause", source=source, subject=_name(one), text=_tell(one), name=one.issue)
    bad = sorted((one for one in findings if one.bad), key=_badness)
    for finding in bad[:FINDINGS]:
        text = f"{finding.status.name.lower()}: {finding.message}"
        yield Piece(kind="finding", source=finding.check, subject=str(finding.subject), text=text)


def render_exhibit(exhibit: Exhibit) -> str:
    """One line of JSON; nothing in it can end the line, the text or a speaker's turn."""
    row = {"id": exhibit.id, "from": exhibit.source, "about": exhibit.subject, "text": exhibit.text}
    return fence(json.dumps({name: value for name, value in row.items() if value}, ensure_ascii=False))


def fence(text: str) -> str:
    """JSON text with the marks of chat templates written out, which every reader of JSON takes for the same."""
    return _MARKS.sub(_write_out, text)


def _write_out(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _tell(one: Hypothesis) -> str:
    quotes = "; ".join(dict.fromkeys(each.quote for each in one.supporting[:QUOTES] if each.quote))
    decided = f"; decided by the owner: {one.decided}" * bool(one.decided)
    return f"{one.title}, {share(one.confidence)} sure" + f", because: {quotes}" * bool(quotes) + decided


def _name(one: Hypothesis) -> str:
    if one.subject is None:
        return ""
    return str(one.subject)


def _badness(finding: Finding) -> int:
    return -int(finding.status is Status.CRITICAL)
