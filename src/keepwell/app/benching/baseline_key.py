"""The key of a baseline: all that has to be the same for two results to be compared; changes of what is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from keepwell.app.benching.kept import make_load
from keepwell.bench.load_words import render_load
from keepwell.core.ref import Ref
from keepwell.core.ref import node as node_ref
from keepwell.store.bench_baselines import KeptBench, KeptVerdict, put_baseline
from keepwell.store.benchmarks import KeptHead

#: What was measured, by the names that are shown.
_ABOUT = {"node": "node", "engine": "engine", "kind": "kind of engine", "version": "engine version"}
_ABOUT |= {"model": "model", "digest": "model digest"}


def find_key(head: KeptHead) -> dict[str, str]:
    """All that has to be the same for two results to be compared, by the names that are shown."""
    key = {said: head.about.get(name, "") for name, said in _ABOUT.items()}
    if not key["engine"]:
        key["address"] = head.about.get("url", "")
    key |= {f"setting {name}": value for name, value in head.settings.items()}
    key |= {f"hardware {name}": value for name, value in head.hardware.items()}
    key["workload"] = head.workload
    key["load"] = render_load(make_load(head.load))
    return {name: value for name, value in key.items() if value}


def find_subject(key: Mapping[str, str]) -> Ref:
    """What a finding about a baseline of this key is about: the engine, or its node."""
    text = key.get("engine", "")
    try:
        return Ref.parse(text)
    except ValueError:
        return node_ref(key.get("node", "") or "address")


@dataclass(frozen=True, slots=True)
class Add:
    """Adds one result to the baseline of its key."""

    head: KeptHead
    now: float

    def __call__(self, known: tuple[KeptBench, ...]) -> tuple[KeptBench, ...]:
        key = find_key(self.head)
        old = next((one for one in known if dict(one.key) == key), KeptBench(key=key, ids=(), at=self.now))
        ids = (*(one for one in old.ids if one != self.head.id), self.head.id)
        return put_baseline(known, KeptBench(key=key, ids=ids, at=self.now, last=None))


@dataclass(frozen=True, slots=True)
class Drop:
    """Takes results out; a baseline without any goes."""

    ids: set[str]

    def __call__(self, known: tuple[KeptBench, ...]) -> tuple[KeptBench, ...]:
        made = []
        for one in known:
            rest = tuple(name for name in one.ids if name not in self.ids)
            if rest:
                made.append(KeptBench(key=one.key, ids=rest, at=one.at, last=one.last))
        return tuple(made)


@dataclass(frozen=True, slots=True)
class Note:
    """Notes the newest verdict; a run that has none does not end what an earlier one found."""

    key: Mapping[str, str]
    verdict: KeptVerdict

    def __call__(self, known: tuple[KeptBench, ...]) -> tuple[KeptBench, ...]:
        made = []
        for one in known:
            last = one.last
            if dict(one.key) == dict(self.key) and (last is None or self.verdict.word != "no verdict"):
                last = self.verdict
            made.append(KeptBench(key=one.key, ids=one.ids, at=one.at, last=last))
        return tuple(made)
