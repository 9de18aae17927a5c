"""Keeps results as baselines, and holds later ones of the same key against them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from keepwell.app.benching.baseline_key import Add, Drop, Note, find_key
from keepwell.app.benching.kept import find_kept, load_results
from keepwell.app.remembering import recall_changes
from keepwell.bench.parts import find_failed, find_parts, find_rules
from keepwell.bench.result import Result
from keepwell.bench.verdict import Verdict, Word, judge
from keepwell.core.errors import AccessError, ConfigurationError, DamagedError, NotThere
from keepwell.core.event import Event
from keepwell.core.ref import node as node_ref
from keepwell.core.words import figure
from keepwell.store.bench_baselines import (
    KeptBench,
    KeptVerdict,
    change_bench_baselines,
    load_bench_baselines,
)
from keepwell.store.benchmarks import KeptHead

#: By how much a share of failed requests has to grow to count by itself: five in a hundred.
FAILED_MORE = 0.05
#: Changes since the baseline that are told, the newest.
EVENTS = 10
#: What a measure is called in a sentence, and what more of it is.
_SAID = {"ttft": "time to first token", "tpot": "time per token", "e2e": "whole answer"}
_SAID |= {"output_tokens_per_second": "tokens a second"}
#: Kinds of events that explain a slower engine before others.
_TOLD = frozenset(
    ("package", "kernel", "module", "reload", "setting", "engine-change", "model", "file", "container-change")
)
_TOLD |= {"process-start", "unit-start", "container-start", "boot", "repair", "image"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Results held against a baseline. `verdict` is None where there is none to be had; `said` is a sentence in any
    case. `unlike` are parts of the key in which the nearest baseline differs: (name, there, here). `events` are changes
    on the node since the newest run of the baseline, newest first.
    """

    id: str
    word: Word
    said: str
    runs: int = 0
    baseline_at: float = 0.0
    verdict: Verdict | None = None
    unlike: tuple[tuple[str, str, str], ...] = ()
    events: tuple[Event, ...] = ()

    @property
    def known(self) -> bool:
        """False where there is no baseline of the same key."""
        return self.runs > 0


def keep_baseline(state: Path, name: str, now: float) -> tuple[KeptBench, int]:
    """Add a kept result (or the stretches of a group, each to that of its key) to the baselines; the last of them, and
    how many results were added. Raises ConfigurationError for what may not be one, AccessError.
    """
    heads = find_kept(state, name)
    results = load_results(state, heads)
    for head, result in zip(heads, results, strict=True):
        if problem := _find_problem(result):
            raise ConfigurationError(f"{head.id} is no baseline: {problem}", hint="measure again: keepwell bench")
    made = [Add(head, now) for head in heads]
    kept: tuple[KeptBench, ...] = ()
    for one in made:
        kept = change_bench_baselines(state, one)
    key = find_key(heads[-1])
    return next(one for one in kept if dict(one.key) == key), len(heads)


def drop_baseline(state: Path, name: str) -> int:
    """Take a result, or those of a group, out of all baselines; how many were taken out. Raises AccessError."""
    ids = {head.id for head in find_kept(state, name)}
    before = load_bench_baselines(state).pinned
    change_bench_baselines(state, Drop(ids))
    return len(ids & before)


def hold(state: Path, name: str, now: float) -> Held:
    """Hold a kept result (the last of a group) against the baseline of its key, and keep the verdict.

    Raises ConfigurationError for a name that is not kept, AccessError.
    """
    head = find_kept(state, name)[-1]
    key = find_key(head)
    baselines = load_bench_baselines(state)
    baseline = baselines.find(key)
    if baseline is None or not set(baseline.ids) - {head.id}:
        return _without(head, key, baselines.baselines, baselines.problem)
    before = _load_known(state, [one for one in baseline.ids if one != head.id])
    after = load_results(state, [head])
    held = _judge(head, before, after)
    if held.word == "regressed":
        since = max((one.created_at for one in before), default=baseline.at)
        held = replace(held, events=recall_since(state, head, since))
    change_bench_baselines(state, Note(key, _make_verdict(held, now)))
    return held


def find_held_note(state: Path, name: str, now: float) -> tuple[str, ...]:
    """What a result that was just kept is against its baseline, in a sentence for the reader; () where none is kept."""
    try:
        held = hold(state, name, now)
    except (AccessError, ConfigurationError) as error:
        return (f"no verdict: {error.what}",)
    if not held.known and not held.unlike:
        return ()
    return (held.said[:1].lower() + held.said[1:].removesuffix("."),)


def note_baseline(state: Path, name: str, now: float) -> str:
    """Keep what was just measured as a baseline; in a sentence for the reader, also where it may not be one."""
    try:
        kept, _ = keep_baseline(state, name, now)
    except (AccessError, ConfigurationError) as error:
        return f"not kept as baseline: {error.what}"
    return f"kept as baseline, which has {len(kept.ids)} run{'s' * (len(kept.ids) > 1)} now"


def recall_since(state: Path, head: KeptHead, since: float) -> tuple[Event, ...]:
    """What changed on the node of a result since then and until it was measured, as looks saw it; newest first."""
    name = head.about.get("node", "")
    if not name:
        return ()
    found = [one for one in recall_changes(state, node_ref(name)) if since <= one.at <= head.created_at + head.seconds]
    return tuple(sorted((one for one in found if one.kind in _TOLD), key=_instant, reverse=True)[:EVENTS])


def _judge(head: KeptHead, before: Sequence[Result], after: Sequence[Result]) -> Held:
    runs, at = len(before), max((one.created_at for one in before), default=0.0)
    if not before:
        said = "No verdict: the results of its baseline cannot be read."
        return Held(id=head.id, word="no verdict", said=said)
    if problem := _find_problem(after[0]):
        return Held(id=head.id, word="no verdict", said=f"No verdict: {problem}.", runs=runs, baseline_at=at)
    failed, used_to = find_failed(after), find_failed(before)
    if failed - used_to >= FAILED_MORE:
        said = f"Worse than the baseline: {failed:.0%} of requests failed, {used_to:.0%} before."
        return Held(id=head.id, word="regressed", said=said, runs=runs, baseline_at=at)
    verdict = judge(find_parts(before), find_parts(after), find_rules(before, after))
    said = _say(verdict, runs)
    return Held(id=head.id, word=verdict.word, said=said, runs=runs, baseline_at=at, verdict=verdict)


def _say(verdict: Verdict, runs: int) -> str:
    """One sentence."""
    of = f"the baseline of {runs} run{'s' * (runs > 1)}"
    if verdict.word == "same":
        return f"The same as {of}."
    changed = [one for one in verdict.measures if one.word == verdict.word]
    parts = []
    for one in changed:
        sign = f"{one.ratio - 1:+.0%} ({one.low - 1:+.0%} to {one.high - 1:+.0%})"
        parts.append(
            f"{_SAID.get(one.measure, one.measure)} {sign}, {figure(one.before)} before, {figure(one.after)} now"
        )
    if verdict.word == "regressed":
        return f"Worse than {of}: {'; '.join(parts)}."
    if verdict.word == "improved":
        return f"Better than {of}: {'; '.join(parts)}."
    why = [f"{_SAID.get(one.measure, one.measure)}: {one.why}" for one in verdict.measures if one.why]
    more = ""
    if runs < 3:
        more = "; how much runs differ here is known from three runs on: keepwell bench baseline keeps one more"
    return f"No verdict against {of}: {'; '.join(why) or 'no measure is known of both'}{more}."


def _without(head: KeptHead, key: Mapping[str, str], known: Iterable[KeptBench], problem: str) -> Held:
    """Why there is no verdict: no baseline, or none of the same."""
    near = [
        one for one in known if one.key.get("engine") == key.get("engine") and one.key.get("model") == key.get("model")
    ]
    if not near:
        said = problem or "No verdict: no baseline is kept of this. keepwell bench baseline keeps this result as one."
        return Held(id=head.id, word="no verdict", said=said)
    unlike = min((_find_unlike(one.key, key) for one in near), key=len)
    if not unlike:
        return Held(id=head.id, word="no verdict", said="No verdict: it is the baseline's only run.")
    parts = ", ".join(f"{name} (was {there or 'not set'}, is {here or 'not set'})" for name, there, here in unlike)
    return Held(
        id=head.id,
        word="no verdict",
        said=f"No verdict: the nearest baseline is of something else: {parts}.",
        unlike=tuple(unlike),
    )


def _find_unlike(there: Mapping[str, str], here: Mapping[str, str]) -> list[tuple[str, str, str]]:
    names = sorted({*there, *here})
    return [(one, there.get(one, ""), here.get(one, "")) for one in names if there.get(one) != here.get(one)]


def _find_problem(result: Result) -> str:
    """Why a result tells nothing of the engine, or ""."""
    if result.client.limited:
        return f"the client was the limit: {result.client.limited}"
    if result.stopped:
        return "it was ended early"
    if not any(not one.outcome for one in result.rows):
        return "nothing was answered"
    return ""


def _load_known(state: Path, ids: Iterable[str]) -> list[Result]:
    """The results that can be read: one that is damaged costs itself alone."""
    found: list[Result] = []
    for one in ids:
        try:
            found += load_results(state, find_kept(state, one))
        except (ConfigurationError, NotThere, DamagedError):
            continue
    return found


def _make_verdict(held: Held, now: float) -> KeptVerdict:
    facts = {"runs": str(held.runs)}
    facts |= {f"since {number}": one.what for number, one in enumerate(held.events[:3], 1)}
    return KeptVerdict(id=held.id, at=now, word=held.word, message=held.said, facts=facts)


def _instant(event: Event) -> float:
    return event.at
