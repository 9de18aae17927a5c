"""Clues: what is known about one engine, or about a node: findings, and signature hits in its texts.

Two engines of a node are two situations: what is well with one must not speak against a cause at the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from keepwell.core.finding import Finding, Status
from keepwell.core.issue import Evidence
from keepwell.core.ref import PARTS, Ref
from keepwell.diagnose.lag import NO_HISTORY, History
from keepwell.diagnose.scale import LOOKED, Scale
from keepwell.recall.entry import Near
from keepwell.scan.tally import Hit


@dataclass(frozen=True, slots=True, kw_only=True)
class TextHits:
    """Signatures found in one text.

    `pasted`: a person chose these lines as evidence, so that hints count alone. In any other text (a log)
    `ordinary` signatures, which match lines that are written while all is well, speak for no cause. Its lines
    are shown as numbered from `first_line`; `lines` is how many it has, `excerpt` the text itself if it was pasted.
    """

    name: str
    hits: Mapping[str, Hit]
    subject: Ref | None = None
    pasted: bool = False
    ordinary: frozenset[str] = frozenset()
    first_line: int = 1
    excerpt: str = ""
    lines: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Clues:
    """Findings and texts that are weighed together.

    `follow_ups` are patterns of lines that tell of an earlier error, whatever it was. `history` is what happened on
    the node; `alike` what a pasted text is like, by cause, the likest first; `scale` what each kind counts for.
    """

    findings: tuple[Finding, ...] = ()
    texts: tuple[TextHits, ...] = ()
    follow_ups: tuple[str, ...] = ()
    history: History = NO_HISTORY
    alike: Mapping[str, Near] = field(default_factory=dict)
    scale: Scale = LOOKED

    def find_all(self, evidence: Evidence) -> list[Finding]:
        """The findings that make this evidence fire; that a check is well only where it is bad of nothing here."""
        fitting = [one for one in self.findings if _fits(evidence, one)]
        if evidence.status == "ok" and any(one.bad and one.check == evidence.check for one in self.findings):
            return []
        return fitting

    @property
    def told(self) -> bool:
        """True if all that is known was told by a person: pasted texts alone."""
        given = any(text.excerpt.strip() for text in self.texts)
        return given and all(text.pasted for text in self.texts)

    @property
    def well(self) -> bool:
        """True if checks came out, and well, and none bad."""
        return any(one.status is Status.OK for one in self.findings) and not any(one.bad for one in self.findings)

    @property
    def quiet(self) -> bool:
        """True if no check found anything bad and no text was given as evidence of a fault."""
        return not any(one.bad for one in self.findings) and not any(text.pasted for text in self.texts)

    def words(self) -> Iterator[str]:
        """Every signature that was found and every check that came out, for looking issues up."""
        yield from (one.check for one in self.findings)
        for text in self.texts:
            yield from text.hits

    def ran(self, check: str) -> bool:
        """True if the check came out one way or the other here."""
        return any(one.check == check and one.status is not Status.UNKNOWN for one in self.findings)


def split_clues(clues: Clues) -> tuple[Clues, ...]:
    """One set of clues for each engine that anything is wrong with, or for each node where only that is.

    A set holds what is about its engine, about the node, and about nothing in particular.
    """
    places = dict.fromkeys(_place(one.subject) for one in clues.findings if one.bad)
    places |= dict.fromkeys(_place(text.subject) for text in clues.texts if text.hits and text.subject is not None)
    engines = [one for one in places if one is not None and one.kind == "engine"]
    busy = {one.node for one in engines}
    nodes = [one for one in places if one is not None and one.kind != "engine" and one.node not in busy]
    if not engines and not nodes:
        return (clues,)
    return tuple(_within(clues, place) for place in (*engines, *nodes))


def drop_explained(clues: Clues, lines: Mapping[str, frozenset[int]], findings: Iterable[int]) -> Clues:
    """These clues without some lines (by text name), some findings (by `id`) and what the whole text was like."""
    gone = set(findings)
    texts = tuple(_without_lines(text, lines.get(text.name, frozenset())) for text in clues.texts)
    left = tuple(one for one in clues.findings if id(one) not in gone)
    return replace(clues, findings=left, texts=texts, alike={})


def _within(clues: Clues, place: Ref) -> Clues:
    return replace(
        clues,
        findings=tuple(one for one in clues.findings if _concerns(_place(one.subject), place)),
        texts=tuple(one for one in clues.texts if _concerns(_place(one.subject), place)),
    )


def _concerns(subject: Ref | None, place: Ref) -> bool:
    if subject is None or subject == place:
        return True
    return subject.node == place.node and (subject.kind != "engine" or place.kind != "engine")


def _place(subject: Ref | None) -> Ref | None:
    """The engine that a subject belongs to, else its node, else None."""
    if subject is None or not subject.node:
        return None
    if subject.kind in ("engine", "model"):
        return Ref("engine", subject.path[: PARTS["engine"]])
    return Ref("node", (subject.node,))


def _fits(evidence: Evidence, finding: Finding) -> bool:
    if finding.check != evidence.check:
        return False
    if evidence.status == "ok":
        return finding.status is Status.OK
    return finding.bad and all(finding.facts.get(key) == value for key, value in evidence.where.items())


def _without_lines(text: TextHits, gone: frozenset[int]) -> TextHits:
    if not gone:
        return text
    hits = {}
    for pattern, hit in text.hits.items():
        kept = tuple(line for line in hit.lines if line.number not in gone)
        if kept:
            hits[pattern] = Hit(pattern=pattern, lines=kept, count=hit.count)
    return replace(text, hits=hits)
