"""Puts it together: findings and texts in, ranked causes with reasons, fix and next check out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from keepwell.core.finding import Finding, Status
from keepwell.core.hypothesis import Contribution, Diagnosis, Hypothesis
from keepwell.core.issue import Issue
from keepwell.core.observation import Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.values import find_number, row_of, text_of, texts_of
from keepwell.diagnose.advise import Setting, advise
from keepwell.diagnose.calibration import calibrate
from keepwell.diagnose.catalogue import Catalogue
from keepwell.diagnose.clues import Clues, TextHits, split_clues
from keepwell.diagnose.independent import LIKELY, find_independent
from keepwell.diagnose.lag import NO_HISTORY, History
from keepwell.diagnose.likeness import NAMED, find_alike
from keepwell.diagnose.next_probe import choose_probe
from keepwell.diagnose.outlook import LOG, Outlook, make_outlook
from keepwell.diagnose.rank import rank_causes
from keepwell.diagnose.scale import get_told_scale
from keepwell.diagnose.weigh import Fired, Weighed, weigh_all
from keepwell.recall.entry import Entry

#: Observations that hold log lines (see `keepwell.metrics.log`).
LOGS = ("log.text", "log.kernel")
#: What marks keepwell's own requests in an engine's access log (see `keepwell.probes.engine_origin`).
OWN_MARK = "?keepwell="
#: Pasted text up to this size is an excerpt that a person chose; a larger one is a whole log, mostly healthy.
EXCERPT_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text to look for signatures in: its name (a path, "evidence"), its bytes in chunks, what it is about.

    `pasted`: a person gave it as evidence of a fault, so that hints in it count without any bad finding.
    `first_line` is the number of its first line in the log that it is a part of.
    """

    name: str
    chunks: Iterable[bytes]
    subject: Ref | None = None
    pasted: bool = True
    first_line: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ranking:
    clues: Clues
    weighed: tuple[Weighed, ...]
    ranked: tuple[tuple[Weighed, float], ...]
    unknown: float


def diagnose(
    seen: Seen,
    findings: Sequence[Finding],
    texts: Sequence[Text],
    catalogue: Catalogue,
    follow_ups: Sequence[str] = (),
    *,
    costs: Mapping[str, float] | None = None,
    history: History = NO_HISTORY,
    closed: Sequence[Entry] = (),
) -> Diagnosis:
    """Why it is wrong: causes by probability, the unknown, independent second faults, the next check.

    `texts` come on top of the logs among the observations. `follow_ups` are the engines' patterns of lines
    that tell of an earlier error; `costs` are seconds that a check takes to look at again (by check id). What
    changed before the first sign of a cause counts by its lag, as far as `history` tells it. `closed` are closed
    incidents: a pasted text that is like one of them, or like what the catalogue says of a cause, speaks for it.
    Nothing bad and no signature gives no hypotheses and unknown = 1. Costs what scanning the texts costs,
    else a few milliseconds.
    """
    given = (*_logs(seen), *texts)
    clues = gather_clues(catalogue, given, findings, follow_ups=follow_ups, history=history, closed=closed)
    rankings = [_rank(catalogue, part) for part in split_clues(clues)]
    rankings.sort(key=_by_score, reverse=True)
    first, others = rankings[0], rankings[1:]
    also = _second_faults(catalogue, first)
    for one in others:
        also += [*one.ranked[:1], *_second_faults(catalogue, one)]
    diagnosis = Diagnosis(
        hypotheses=tuple(_hypothesis(one, share, seen) for one, share in first.ranked),
        unknown=first.unknown,
        also=tuple(_hypothesis(one, share, seen) for one, share in _new_ones(also, first)),
        ruled_out=tuple(_hypothesis(one, 0.0, seen) for one in first.weighed if one.ruled_out),
        next_probe=choose_probe(
            first.ranked, first.unknown, costs or {}, outlook=_look_beyond(catalogue, clues, first), seen=seen
        ),
        findings=tuple(one for one in findings if one.bad),
        lines_read=sum(one.lines for one in clues.texts),
    )
    if clues.told:
        return calibrate(diagnosis)
    return diagnosis


def _look_beyond(catalogue: Catalogue, clues: Clues, first: _Ranking) -> Outlook | None:
    """How likely each cause is that nothing speaks for, as if it were one of them; None where nothing is wrong."""
    if clues.quiet:
        return None
    looked = {one.check for one in clues.findings if one.status is not Status.UNKNOWN}
    looked |= {LOG for one in clues.texts if one.name}
    return make_outlook(
        catalogue.issues.values(),
        {},
        1.0,
        ruled_out={one.issue.id for one in first.weighed},
        looked=looked,
        ways=catalogue.ways,
    )


def gather_clues(
    catalogue: Catalogue,
    texts: Iterable[Text],
    findings: Sequence[Finding],
    *,
    follow_ups: Sequence[str] = (),
    history: History = NO_HISTORY,
    closed: Sequence[Entry] = (),
) -> Clues:
    """All that is weighed together: findings, signatures in the texts, and what these are like if all are pasted."""
    found = tuple(scan_text(catalogue, text, follow_ups) for text in texts)
    clues = Clues(findings=tuple(findings), texts=found, follow_ups=tuple(follow_ups), history=history)
    if not clues.told:
        return clues
    excerpt = "\n".join(one.excerpt for one in found)
    return replace(clues, alike=find_alike(catalogue, excerpt, closed), scale=get_told_scale())


def scan_text(catalogue: Catalogue, text: Text, follow_ups: Sequence[str] = ()) -> TextHits:
    """The signatures in a text; one of more than `EXCERPT_BYTES` is a log, whoever gave it."""
    head = bytearray()
    found = catalogue.get_scanner(follow_ups).scan(_keep_head(text.chunks, head))
    pasted = text.pasted and found.size_bytes <= EXCERPT_BYTES
    return TextHits(
        name=text.name,
        hits=found.hits,
        subject=text.subject,
        pasted=pasted,
        excerpt=head.decode("utf-8", "replace") * pasted,
        ordinary=catalogue.ordinary,
        first_line=text.first_line,
        lines=found.lines,
    )


def _keep_head(chunks: Iterable[bytes], head: bytearray) -> Iterator[bytes]:
    """The chunks, the first `EXCERPT_BYTES` of them kept as they pass."""
    for chunk in chunks:
        head += chunk[: EXCERPT_BYTES - len(head)]
        yield chunk


def _logs(seen: Seen) -> Iterator[Text]:
    """The logs among the observations: the lines of the window, and those of the run's start before it."""
    for one in (one for name in LOGS for one in seen.named(name)):
        log = row_of(one.value)
        first = int(find_number(log.get("first_line")) or 1)
        parts = ((f"{one.source} (start)", "start_lines", 1), (one.source, "lines", max(1, first)))
        for name, key, number in parts:
            lines = texts_of(log.get(key))
            if lines:
                content = "\n".join(_others(lines)).encode("utf-8", "replace")
                yield Text(name=name, chunks=(content,), subject=one.subject, pasted=False, first_line=number)


def _others(lines: Iterable[str]) -> Iterator[str]:
    """The lines, with those that keepwell's own questions left in the log made empty: they are nobody's trouble."""
    for line in lines:
        yield line * (OWN_MARK not in line)


def _rank(catalogue: Catalogue, clues: Clues) -> _Ranking:
    weighed = weigh_all(find_candidates(catalogue, clues), clues)
    ranked, unknown = rank_causes(weighed, quiet=clues.quiet, scale=clues.scale)
    return _Ranking(clues=clues, weighed=tuple(weighed), ranked=tuple(ranked), unknown=unknown)


def find_candidates(catalogue: Catalogue, clues: Clues) -> list[Issue]:
    """The causes that any evidence says something about, and the few that a pasted text is most like."""
    concerned = {one.id: one for one in catalogue.find_concerned(clues.words())}
    concerned |= {name: catalogue.issues[name] for name in islice(clues.alike, NAMED)}
    return [concerned[name] for name in sorted(concerned)]


def _by_score(ranking: _Ranking) -> float:
    return max((one.score for one, _ in ranking.ranked), default=float("-inf"))


def _second_faults(catalogue: Catalogue, ranking: _Ranking) -> list[tuple[Weighed, float]]:
    if not ranking.ranked:
        return []
    return find_independent(catalogue, ranking.clues, ranking.ranked[0][0])


def _new_ones(also: Iterable[tuple[Weighed, float]], first: _Ranking) -> list[tuple[Weighed, float]]:
    """Each cause once for its evidence: a fault of the node shows in the clues of every engine on it."""
    named = [one for one, _ in first.ranked[:1]]
    kept: list[tuple[Weighed, float]] = []
    for one, share in also:
        if share >= LIKELY and not any(_is_same(one, other) for other in named):
            named.append(one)
            kept.append((one, share))
    return kept


def _is_same(one: Weighed, other: Weighed) -> bool:
    return one.issue.id == other.issue.id and one.supporting[:1] == other.supporting[:1]


def _hypothesis(one: Weighed, share: float, seen: Seen) -> Hypothesis:
    issue = one.issue
    speaks, late = _changes(one)
    return Hypothesis(
        issue=issue.id,
        title=issue.title,
        family=issue.family,
        subject=_subject(one.supporting),
        confidence=share,
        score=one.score,
        supporting=(*(fired.contribution() for fired in one.supporting), *speaks),
        contradicting=(*(fired.contribution() for fired in one.contradicting), *late),
        undecided=one.undecided,
        fix=advise(issue.fixes, _setting(one, seen)),
        repair=issue.repair,
        prevention=issue.prevention,
        ruled_out=one.ruled_out,
    )


def _changes(one: Weighed) -> tuple[tuple[Contribution, ...], tuple[Contribution, ...]]:
    """What changed before, as a reason for; or what changed too late, as a remark against."""
    if one.change is None:
        return (), ()
    told = (one.change.contribution(),)
    if one.change.weight:
        return told, ()
    return (), told


def _subject(supporting: Iterable[Fired]) -> Ref | None:
    for fired in supporting:
        if fired.subject is not None:
            return fired.subject
    return None


def _setting(one: Weighed, seen: Seen) -> Setting:
    """What fills the blanks of a fix: facts of its findings, then what the supervisor's observation says."""
    facts = one.facts
    observed = _find_supervisor(one, seen)
    beside = {True: {}, False: _find_only_engine(one, seen)}[bool(observed)]
    for name, key in (("supervisor", "kind"), ("unit", "unit")):
        if text_of(observed, key):
            facts.setdefault(name, text_of(observed, key))
    supervisor = facts.get("supervisor", "")
    for name in ("unit", "pid"):
        if text_of(beside, name):
            facts.setdefault(name, text_of(beside, name))
    restart = texts_of((observed or beside).get("restart"))
    return Setting(
        facts=facts,
        supervisor=supervisor,
        beside=text_of(beside, "kind"),
        start=texts_of((observed or beside).get("start")),
        restart=restart,
    )


def _find_supervisor(one: Weighed, seen: Seen) -> Mapping[str, Value]:
    for fired in one.supporting:
        if fired.subject is not None:
            observed = row_of(seen.value(fired.subject, "engine.supervisor"))
            if observed:
                return observed
    return {}


def _find_only_engine(one: Weighed, seen: Seen) -> Mapping[str, Value]:
    """The supervisor of the only engine on the node whose device, disk or network the cause is about, and its pid."""
    nodes = {fired.subject.node for fired in one.supporting if fired.subject is not None}
    found = [each for each in seen.named("engine.supervisor") if each.subject.node in nodes]
    if len(found) != 1:
        return {}
    process = row_of(seen.value(found[0].subject, "engine.process"))
    return {**row_of(found[0].value), "pid": text_of(process, "pid")}
