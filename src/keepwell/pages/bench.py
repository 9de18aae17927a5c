"""`keepwell bench --html`: what was measured, in figures and pictures, on one page."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from keepwell.app.benching.report import BenchReport, Stretch
from keepwell.bench.summary import SHARES, Goodput
from keepwell.core.observation import Missing
from keepwell.core.words import figure, share
from keepwell.pages.curves import Line, draw_lines, draw_spread
from keepwell.pages.environment import render_template

#: The colour of the sentence, by exit code.
_STATUS = {0: "ok", 1: "warning", 2: "critical"}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One stretch as the page shows it: rows of the table of times, what is told beside, and its pictures."""

    stretch: Stretch
    times: tuple[tuple[str, ...], ...]
    facts: tuple[tuple[str, str], ...]
    pictures: tuple[tuple[str, Markup], ...]


def render(report: BenchReport) -> str:
    """The page; of a sweep its curve first."""
    return render_template(
        "bench.html",
        report=report,
        status=_STATUS.get(report.exit_code, "unknown"),
        sweep=_draw_sweep(report),
        views=[_view(one) for one in report.stretches],
        known=[name for name in report.formulas if any(one.summary.find(name) for one in report.stretches)],
    )


def _view(stretch: Stretch) -> View:
    """Its pictures are safe as they are: they hold numbers and words of ours."""
    moments = stretch.over_time
    waits = [
        Line(name="half of requests", points=[(one.at, one.ttft_p50) for one in moments if one.ttft_p50 >= 0]),
        Line(name="95 of 100", points=[(one.at, one.ttft_p95) for one in moments if one.ttft_p95 >= 0]),
    ]
    rates = [Line(name="tokens/s", points=[(one.at, max(0.0, one.tokens_per_second)) for one in moments])]
    drawn = (
        ("Time to first token", draw_spread(stretch.ttft.edges, stretch.ttft.counts, "time to first token", "s")),
        ("Gaps between tokens", draw_spread(stretch.itl.edges, stretch.itl.counts, "gaps between tokens", "s")),
        ("Time to first token, over time", draw_lines(waits, "time to first token over time", "s", "s")),
        ("Tokens a second, over time", draw_lines(rates, "tokens a second over time", "s", "")),
    )
    return View(
        stretch=stretch,
        times=tuple(
            (one.title, one.name, *(_time(one.at(each)) for each in SHARES), _time(one.mean))
            for one in stretch.summary.times
        ),
        facts=tuple(_list_facts(stretch)),
        pictures=tuple((title, Markup(picture)) for title, picture in drawn if picture),
    )


def _list_facts(stretch: Stretch) -> list[tuple[str, str]]:
    summary = stretch.summary
    facts = [
        ("answered", f"{summary.answered} of {summary.requests}, {figure(summary.requests_per_second)} a second"),
    ]
    if not isinstance(summary.output_tokens_per_second, Missing):
        facts.append(("output tokens a second", figure(summary.output_tokens_per_second)))
    facts += [("failed", f"{count} {name}") for name, count in summary.errors.items()]
    goodput = summary.goodput
    if isinstance(goodput, Goodput):
        between = f"{share(goodput.low)} to {share(goodput.high)}"
        facts.append(("within the goals", f"{share(goodput.share)} ({between}), {figure(goodput.per_second)} a second"))
    if not isinstance(summary.joules_per_token, Missing):
        facts.append(("energy", f"{figure(summary.joules_per_token)} J a token"))
    facts += [(name.replace("_", " "), figure(number)) for name, number in summary.meanwhile.items()]
    return facts


def _draw_sweep(report: BenchReport) -> tuple[tuple[str, Markup], ...]:
    """Tokens a second and time to first token against the load, in the order of loads."""
    if isinstance(report.sweep, Missing):
        return ()
    rows = sorted((_find_size(one), one) for one in report.stretches)
    rates, waits = [], []
    for size, one in rows:
        rate, ttft = one.summary.output_tokens_per_second, one.summary.find("ttft_due") or one.summary.find("ttft")
        if not isinstance(rate, Missing):
            rates.append((size, rate))
        if ttft is not None:
            waits.append((size, ttft.at(0.95)))
    unit = report.sweep.unit
    drawn = (
        ("Tokens a second", draw_lines([Line(name="tokens/s", points=rates)], "tokens a second", unit, "", log=True)),
        (
            "Time to first token",
            draw_lines([Line(name="95 of 100", points=waits)], "time to first token", unit, "s", log=True),
        ),
    )
    return tuple((title, Markup(picture)) for title, picture in drawn if picture)


def _find_size(stretch: Stretch) -> float:
    return float(stretch.load.removeprefix("poisson:").removesuffix("/s"))


def _time(seconds: float) -> str:
    if abs(seconds) < 1:
        return f"{figure(seconds * 1000)} ms"
    return f"{figure(seconds)} s"
