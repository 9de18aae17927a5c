"""Lines that a node's logs never held before: learned while all is well, told when something is not.

Pure but for `note_lines`, which reads and writes the baselines in the state folder. What is new is a hint for people
and for the answer "not known": it raises no alarm by itself.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from keepwell.core.errors import AccessError
from keepwell.core.event import Event
from keepwell.core.finding import Finding, Status
from keepwell.core.hypothesis import Diagnosis, Hypothesis
from keepwell.core.observation import Seen
from keepwell.core.ref import Ref
from keepwell.core.secret import mask_text
from keepwell.core.values import row_of, texts_of
from keepwell.diagnose.diagnosis import LOGS, OWN_MARK
from keepwell.diagnose.independent import LIKELY, SYMPTOMS
from keepwell.formats.logtime import find_time
from keepwell.store.baselines import Baselines, KeptBaseline, KeptShape, load_baselines, save_baselines
from keepwell.templates import Baseline, News, Shape, find_news, learn
from keepwell.timeline.relate import shortly_before

#: The check whose finding tells of lines that were never seen.
CHECK = "log.new_lines"
#: Characters of a template and of a line in a finding's facts.
FACT_CHARACTERS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLines:
    """A kind of line that is new in a log, or newly frequent: what the log is about, the template, how many lines,
    the first of them, how many were to be expected (0: never seen), and whether it speaks of trouble.

    `since` names the change after which it came, or the last healthy look.
    """

    subject: Ref
    template: str
    count: int
    first: str
    expected: float
    trouble: bool
    since: str


def note_lines(
    state: Path, seen: Seen, node: Ref, diagnosis: Diagnosis, events: Sequence[Event], *, now: float
) -> tuple[NewLines, ...]:
    """What is new in the logs of this node; in a healthy hour (see `may_learn`) its lines are learned.

    A state folder that cannot be read or written costs only this.
    """
    kept = load_baselines(state, node.name)
    logs = dict(_logs(seen, node))
    known = {name: _baseline(kept.logs[name]) for name in logs if name in kept.logs}
    found = [
        _new_lines(Ref.parse(name), one, events, baseline.at, now)
        for name, baseline in known.items()
        for one in find_news(baseline, logs[name])
    ]
    if may_learn(diagnosis) and logs:
        learned = {name: _kept(learn(known.get(name, Baseline()), lines, now)) for name, lines in logs.items()}
        with contextlib.suppress(AccessError):
            save_baselines(state, node.name, Baselines(logs={**kept.logs, **learned}))
    return tuple(found)


def is_quiet(diagnosis: Diagnosis) -> bool:
    """Whether nothing at all is wrong: no finding is bad, and nothing speaks for any cause."""
    return not diagnosis.findings and not diagnosis.hypotheses and not diagnosis.also


def may_learn(diagnosis: Diagnosis) -> bool:
    """Whether lines may be learned: every engine works, nothing is critical, and no likely cause rests on a line.

    A standing warning (a narrow slot, a clock that is off) makes no log sick: waiting for a node without any would
    mean to learn nothing on most.
    """
    if any(one.status is Status.CRITICAL or one.check.startswith(SYMPTOMS) for one in diagnosis.findings):
        return False
    causes = (*diagnosis.hypotheses[:1], *diagnosis.also)
    return not any(one.confidence >= LIKELY and _rests_on_lines(one) for one in causes)


def _rests_on_lines(cause: Hypothesis) -> bool:
    return any(part.evidence.match for part in cause.supporting)


def find_novelty(news: Iterable[NewLines], diagnosis: Diagnosis) -> Iterator[Finding]:
    """For each log with new lines that speak of trouble a finding, where something else is wrong too.

    New lines alone are no fault: a new release writes new lines.
    """
    if is_quiet(diagnosis):
        return
    by_log: dict[Ref, list[NewLines]] = {}
    for one in news:
        if one.trouble:
            by_log.setdefault(one.subject, []).append(one)
    for subject, rows in by_log.items():
        facts = {
            "kinds": str(len(rows)),
            "template": rows[0].template[:FACT_CHARACTERS],
            "count": str(rows[0].count),
            "first": rows[0].first[:FACT_CHARACTERS],
            "since": rows[0].since,
        }
        yield Finding(check=CHECK, subject=subject, status=Status.WARNING, message=_sentence(rows), facts=facts)


def _sentence(rows: Sequence[NewLines]) -> str:
    never = sum(not one.expected for one in rows)
    kinds = []
    if never:
        kinds.append(f"{never} {_noun(never)} never seen before here")
    if never < len(rows):
        kinds.append(f"{len(rows) - never} newly frequent {_noun(len(rows) - never)}")
    said = f"{' and '.join(kinds)} since {rows[0].since}: {rows[0].first}"
    return said[:FACT_CHARACTERS]


def _noun(count: int) -> str:
    return "kind" + "s" * (count > 1) + " of line"


def _new_lines(subject: Ref, one: News, events: Sequence[Event], learned_at: float, now: float) -> NewLines:
    began = find_time(one.first) or now
    return NewLines(
        subject=subject,
        template=one.template,
        count=one.count,
        first=one.first,
        expected=one.expected,
        trouble=one.trouble,
        since=_since(events, learned_at, began),
    )


def _since(events: Sequence[Event], learned_at: float, began: float) -> str:
    """The newest change between the last healthy look and the first such line, else that look; with its time."""
    changes = [one for one in shortly_before(events, began) if one.at >= learned_at]
    if changes:
        return f"{changes[0].what} at {_clock(changes[0].at)}"
    return f"the last healthy look at {_clock(learned_at)}"


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _logs(seen: Seen, node: Ref) -> Iterator[tuple[str, list[str]]]:
    """The lines of each log of the node by what it is about, without those of keepwell's own questions."""
    for name in LOGS:
        for one in seen.named(name):
            lines = texts_of(row_of(one.value).get("lines"))
            if lines and one.subject.node == node.name:
                yield str(one.subject), [mask_text(line) for line in lines if OWN_MARK not in line]


def _baseline(kept: KeptBaseline) -> Baseline:
    shapes = tuple(
        Shape(text=one.text, count=one.count, seen=one.seen, root=one.root, places=one.places) for one in kept.shapes
    )
    return Baseline(shapes=shapes, lines=kept.lines, at=kept.at, end=kept.end)


def _kept(baseline: Baseline) -> KeptBaseline:
    shapes = tuple(
        KeptShape(text=one.text, count=one.count, seen=one.seen, root=one.root, places=one.places)
        for one in baseline.shapes
    )
    return KeptBaseline(shapes=shapes, lines=baseline.lines, at=baseline.at, end=baseline.end)
