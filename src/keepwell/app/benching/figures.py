"""The few figures by which results are told apart in a list; by these names they stand in what is kept."""

from __future__ import annotations

from collections.abc import Mapping

from keepwell.bench.summary import Goodput, Summary
from keepwell.core.observation import Missing


def find_key_figures(summary: Summary) -> Mapping[str, float]:
    """Times in seconds, rates a second; what is not known is left out."""
    found: dict[str, float] = {
        "requests": float(summary.requests),
        "answered": float(summary.answered),
        "requests_per_second": summary.requests_per_second,
    }
    if not isinstance(summary.output_tokens_per_second, Missing):
        found["output_tokens_per_second"] = summary.output_tokens_per_second
    for one in summary.times:
        found[f"{one.name}_p50"], found[f"{one.name}_p95"] = one.at(0.5), one.at(0.95)
    if isinstance(summary.goodput, Goodput):
        found["goodput"] = summary.goodput.share
    return found
