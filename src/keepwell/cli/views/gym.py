"""`keepwell gym` on a screen: what was not named or not mended, then the score with its bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.gym_report import Bar, GymReport
from keepwell.cli.words import clean
from keepwell.testing.gym.fault import Named
from keepwell.testing.gym.score import Score, Share
from keepwell.testing.gym.trial import NOT_TRIED, PairTrial, Trial, Window

#: Lines shown of each sort of trouble; --json has all.
SHOWN = 40
_STYLE = {True: "green", False: "bold red"}


def render(report: GymReport) -> RenderableType:
    """Trouble first, the table last."""
    lines = [*_trials(report.trials), *_pairs(report.pairs), *_alarms(report.alarms)]
    off = Text(f"switched off: {', '.join(report.without)}\n" * bool(report.without), style="yellow")
    played = len(report.trials) + len(report.pairs) + report.score.alarms.of
    half = Text(f"Partial: broken off after {played} of {report.planned} trials.\n" * report.partial, style="yellow")
    return Group(*lines, half, off, _table(report.score), *map(_bar, report.bars), _end(report))


def _trials(trials: Sequence[Trial]) -> Iterator[Text]:
    wrong = [one for one in trials if not one.skipped and (not one.top1 or one.whole not in ("", NOT_TRIED))]
    for one in wrong[:SHOWN]:
        yield Text(clean(f"{one.fault} ({one.kind}, {one.world}): {one.whole}; first: {_first(one.causes)}"))
    skipped = [one for one in trials if one.skipped]
    for reason in dict.fromkeys(one.skipped for one in skipped):
        names = ", ".join(one.fault for one in skipped if one.skipped == reason)
        yield Text(clean(f"skipped, {reason}: {names}"), style="dim")


def _pairs(pairs: Sequence[PairTrial]) -> Iterator[Text]:
    for one in [each for each in pairs if not each.skipped and not each.both][:SHOWN]:
        lost = " and ".join(name for name, named in zip(one.faults, one.named, strict=True) if not named)
        also = ", ".join(cause.issue for cause in one.also)
        said = f"{' and '.join(one.faults)} ({one.world}): not named: {lost}; first: {_first(one.causes)}, also: {also}"
        yield Text(clean(said), style="dim")


def _alarms(windows: Sequence[Window]) -> Iterator[Text]:
    for one in windows[:SHOWN]:
        held, bad = ", ".join(one.held), ", ".join(one.bad)
        yield Text(clean(f"alarm in window {one.number} ({one.world}; {held}): {bad} {_first(one.causes)}"))


def _first(causes: Sequence[Named]) -> str:
    return next((f"{one.issue} {one.confidence:.0%}" for one in causes), "no cause")


def _table(score: Score) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    rows = (
        ("fault kinds", f"{score.kinds_made} made, {score.kinds_real} on real processes"),
        ("first cause right", f"{_share(score.top1)}; made {_share(score.top1_made)}, real {_share(score.top1_real)}"),
        ("among the first three", _share(score.top3)),
        ("whole way", f"{_share(score.whole)}; on real processes {_share(score.whole_real)}"),
        ("undone, where it can be", _share(score.undone)),
        ("pairs: both named", _share(score.pairs)),
        ("alarms in healthy windows", _share(score.alarms)),
        ("probes to the verdict", f"median {score.probes_median:g}, P95 {score.probes_p95:g}"),
        ("seconds of a look", f"P50 {score.seconds_p50:.2f}, P95 {score.seconds_p95:.2f}"),
    )
    for what, figure in rows:
        table.add_row(Text(what), Text(figure))
    return table


def _share(one: Share) -> str:
    if not one.of:
        return "-"
    return f"{one.ratio:.1%} ({one.count} of {one.of})"


def _bar(one: Bar) -> Text:
    word = {True: "met", False: "missed"}[one.met]
    return Text(f"{word}: {one.what} {one.value:.3g} (bar {one.bar:g})", style=_STYLE[one.met])


def _end(report: GymReport) -> Text:
    return Text(f"{report.seconds:.0f} s, seed {report.seed}", style="dim")
