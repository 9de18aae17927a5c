"""`keepwell bench baseline`, `bench baselines`, `bench judge`: what is a baseline, and what is held against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from keepwell.app.benching.baseline_key import find_key
from keepwell.app.benching.baselines import Held, drop_baseline, hold, keep_baseline
from keepwell.app.benching.kept import find_kept
from keepwell.app.operation import Caller
from keepwell.app.wiring import find_state
from keepwell.store.bench_baselines import KeptBench, load_bench_baselines
from keepwell.transport.clock import SystemClock


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselinesReport:
    """The answer of `bench baseline` and `bench baselines`: all that are kept, those that changed last first; `done`
    says what was done, "" where they are only listed.
    """

    baselines: tuple[KeptBench, ...]
    done: str = ""
    problem: str = ""

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.bench-baselines/1"

    @property
    def exit_code(self) -> int:
        """1 where the file is damaged."""
        return int(bool(self.problem))


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeReport:
    """The answer of `bench judge`: a result held against the baseline of its key."""

    held: Held
    key: Mapping[str, str]

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.bench-verdict/1"

    @property
    def exit_code(self) -> int:
        """0 the same or better, 1 worse, 3 no verdict."""
        return {"regressed": 1, "no verdict": 3}.get(self.held.word, 0)


def list_baselines(caller: Caller) -> BaselinesReport:
    """All that are kept."""
    known = load_bench_baselines(find_state(caller))
    return BaselinesReport(baselines=known.baselines, problem=known.problem)


def change_baseline(caller: Caller, name: str, *, drop: bool) -> BaselinesReport:
    """Keep a result as a baseline, or take it out. Raises ConfigurationError, AccessError."""
    state = find_state(caller)
    if drop:
        count = drop_baseline(state, name)
        done = f"Taken out: {count} run{'s' * (count != 1)}. The results stay: keepwell bench list."
    else:
        kept, count = keep_baseline(state, name, SystemClock().now())
        done = f"Kept as baseline; it has {len(kept.ids)} run{'s' * (len(kept.ids) != 1)} now."
        if count > 1:
            done = f"Kept {count} stretches, each as a run of the baseline of its load."
        if len(kept.ids) < _KNOWN:
            done += " From three runs on, of several evenings at best, it is known how much runs differ here."
    known = load_bench_baselines(state)
    return BaselinesReport(baselines=known.baselines, done=done)


def judge_result(caller: Caller, name: str) -> JudgeReport:
    """Hold a result against the baseline of its key. Raises ConfigurationError, AccessError."""
    state = find_state(caller)
    held = hold(state, name, SystemClock().now())
    return JudgeReport(held=held, key=find_key(find_kept(state, held.id)[-1]))


#: Runs from which on the spread between runs is learned, as in `keepwell.bench.parts`.
_KNOWN = 3
