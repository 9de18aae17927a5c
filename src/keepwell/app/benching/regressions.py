"""Verdicts against baselines as findings of the hub: a regression lasts until a later run is as before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from keepwell.app.benching.baseline_key import find_subject
from keepwell.core.finding import Finding, Status
from keepwell.store.bench_baselines import KeptBench

CHECK = "bench.regressed"
#: Verdicts older than this say nothing of now, in seconds: two weeks of nights.
AGE_SECONDS = 14 * 86_400.0
_SAYS = {"regressed": Status.WARNING, "same": Status.OK, "improved": Status.OK, "no verdict": Status.UNKNOWN}


def find_regressions(baselines: Iterable[KeptBench], now: float) -> Iterator[Finding]:
    """A finding for each subject whose newest verdicts stand: of several loads of one engine the worst, with how many
    there are. Pure.
    """
    found: dict[str, Finding] = {}
    for one in baselines:
        if one.last is None or now - one.last.at > AGE_SECONDS:
            continue
        subject = find_subject(one.key)
        finding = Finding(
            check=CHECK,
            subject=subject,
            status=_SAYS.get(one.last.word, Status.UNKNOWN),
            message=one.last.message,
            facts={
                "kind": one.last.word,
                "benchmark": one.last.id,
                "model": one.key.get("model", ""),
                "load": one.key.get("load", ""),
                **one.last.facts,
            },
        )
        known = found.get(str(subject))
        if known is None or finding.status > known.status:
            found[str(subject)] = finding
    yield from found.values()
