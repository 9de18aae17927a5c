"""Ways to answer, side by side."""

from __future__ import annotations

from keepwell.learning.comparing import compare_ways

from .made import make_catalogue, make_incidents


def test_all_ways_are_scored_and_signatures_beat_guessing() -> None:
    told: list[str] = []
    ways = {one.name: one.figures for one in compare_ways(make_catalogue(), make_incidents(), 2, told.append)}
    assert next(iter(ways)) == "as shipped"
    assert {"cross-validated", "as if unseen", "as if unseen, no recall", "text search"} <= set(ways)
    assert ways["as shipped"].top1.share == 1.0
    assert ways["most frequent cause"].top1.share < 0.5
    assert ways["as if unseen"].top1.share >= ways["as if unseen, no recall"].top1.share
    assert told


def test_without_folds_only_what_is_shipped_and_plain_search() -> None:
    ways = compare_ways(make_catalogue(), make_incidents(), 0, print)
    assert [one.name for one in ways] == ["as shipped", "text search", "most frequent cause"]
