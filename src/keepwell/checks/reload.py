"""Is one model loaded anew and anew, because clients ask for it with other contexts? Told by the engine's own words."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Missing, Seen
from keepwell.core.values import row_of, texts_of
from keepwell.plugins.facts import engine_finding

#: A line that tells of a child that is started for a model, with its file and its context in tokens.
_START = re.compile(r"\bcmd=.{0,200}?--model (?P<model>\S{1,400}).{0,200}?--ctx-size (?P<size>\d{1,9})\b")
#: Loads of one model with another context than the one before: two happen when somebody tries out a size and goes
#: back; from three on two clients are at odds.
CHANGES = 3


def judge_stable(seen: Seen) -> Iterator[Finding]:
    """WARNING when the log of the window tells of loads of one model that differ in nothing but its context."""
    for one in seen.named("log.text"):
        if isinstance(one.value, Missing):
            continue
        loads = find_loads(texts_of(row_of(one.value).get("lines")))
        counts = {model: count_changes(sizes) for model, sizes in loads.items()}
        model = max(counts, key=counts.__getitem__, default="")
        if not model or counts[model] < CHANGES:
            words = "loads no model anew for another context"
            yield engine_finding(seen, one, "reload.context", Status.OK, words, {})
            continue
        sizes = sorted(set(loads[model]))
        words = (
            f"loaded one model {len(loads[model])} times, with contexts of {_listed(sizes)} tokens for all its slots"
        )
        facts = {"kind": "context", "path": model, "count": str(len(loads[model]))}
        yield engine_finding(seen, one, "reload.context", Status.WARNING, words, facts)


def find_loads(lines: Iterable[str]) -> dict[str, list[int]]:
    """The contexts with which each model was loaded, one after the other, by the model's file."""
    loads: defaultdict[str, list[int]] = defaultdict(list)
    for line in lines:
        found = _START.search(line)
        if found:
            loads[found["model"]].append(int(found["size"]))
    return dict(loads)


def count_changes(sizes: Sequence[int]) -> int:
    """How often a load had another context than the one before."""
    return sum(one != other for one, other in pairwise(sizes))


def _listed(sizes: Sequence[int]) -> str:
    return " and ".join(str(one) for one in sizes)


CHECKS = (
    Check(
        id="reload.context",
        title="A model is not loaded anew for another context",
        needs=("log.text",),
        judge=judge_stable,
    ),
)
