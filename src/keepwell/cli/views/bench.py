"""`keepwell bench` on a screen: one sentence, a table of times, what was asked, and what is to be known beside."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.benching.report import BenchReport, Stretch
from keepwell.bench.summary import SHARES, Goodput, Times
from keepwell.cli.words import clean, figure, share
from keepwell.core.observation import Missing

#: The colour of the sentence, by exit code.
_STYLES = {0: "bold green", 1: "bold yellow", 2: "bold red"}


def render(report: BenchReport) -> RenderableType:
    """One stretch with all its times; of several a row each, and the times of none."""
    parts: list[RenderableType] = [Text(clean(report.said, 2000), style=_STYLES.get(report.exit_code, "")), Text()]
    if len(report.stretches) == 1:
        parts.append(_render_one(report.stretches[0]))
    else:
        parts.append(_render_several(report))
    parts.append(Text())
    for name, text in _list(report):
        parts.append(Text(clean(f"{name:>9}  {text}", 2000), style="dim" * (name == "formula")))
    return Group(*parts)


def _render_one(stretch: Stretch) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for title in ("half within", "90 %", "95 %", "99 %", "mean", "mean is between"):
        table.add_column(title, justify="right")
    for one in stretch.summary.times:
        table.add_row(*(Text(clean(cell)) for cell in _cells(one)))
    return table


def _cells(one: Times) -> Iterator[str]:
    yield f"{one.title} ({one.name})"
    for each in SHARES:
        yield _time(one.at(each))
    yield _time(one.mean)
    if isinstance(one.mean_low, Missing) or isinstance(one.mean_high, Missing):
        yield "-"
    else:
        yield f"{_time(one.mean_low)} … {_time(one.mean_high)}"


def _render_several(report: BenchReport) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("load")
    for title in ("requests", "answers/s", "tokens/s", "ttft half", "ttft 95 %", "tpot half", "well"):
        table.add_column(title, justify="right")
    for one in report.stretches:
        table.add_row(*(Text(clean(cell)) for cell in _row(one)))
    return table


def _row(one: Stretch) -> Iterator[str]:
    summary = one.summary
    yield from (one.load, str(summary.requests), figure(summary.requests_per_second))
    yield _number(summary.output_tokens_per_second)
    ttft, tpot = summary.find("ttft_due") or summary.find("ttft"), summary.find("tpot")
    yield from (_at(ttft, 0.5), _at(ttft, 0.95), _at(tpot, 0.5))
    if isinstance(summary.goodput, Goodput):
        yield share(summary.goodput.share)
    else:
        yield share(summary.answered / (summary.requests or 1))


def _list(report: BenchReport) -> Iterator[tuple[str, str]]:
    """What was measured and asked, how sure it is, and where it is kept."""
    yield "measured", report.target
    yield "asked", report.workload
    if len(report.stretches) == 1:
        yield from _list_one(report.stretches[0])
    if report.goals:
        yield "goals", f"{report.goals}; times of a goal count from when a request was due"
    for one in report.notes:
        yield "note", one
    for name, text in report.formulas.items():
        if any(one.summary.find(name) is not None for one in report.stretches):
            yield "formula", f"{name} = {text}"
    yield "again", f"keepwell bench show {report.group}"


def _list_one(one: Stretch) -> Iterator[tuple[str, str]]:
    summary = one.summary
    rates = f"{figure(summary.requests_per_second)} answers a second in {figure(summary.seconds)} s"
    if not isinstance(summary.offered, Missing):
        rates += f" ({figure(summary.offered)} a second were due)"
    yield "load", f"{one.said}; {rates}"
    lengths = summary.input_tokens, summary.output_tokens
    if not isinstance(lengths[0], Missing) and not isinstance(lengths[1], Missing):
        yield "tokens", f"{figure(lengths[0])} a prompt and {figure(lengths[1])} an answer on average"
    if summary.errors:
        yield "failed", ", ".join(f"{count} {name}" for name, count in summary.errors.items())
        for words, count in list(one.errors.items())[:3]:
            yield "", f"{count} × {words}"
    if isinstance(summary.goodput, Goodput):
        good = summary.goodput
        between = f"{share(good.low)} … {share(good.high)}"
        yield "goodput", f"{good.good} of {good.of} within the goals, {figure(good.per_second)} a second ({between})"
    if not isinstance(summary.cold_ttft, Missing):
        yield "cold", f"{summary.cold} answers had to wait for their model: {_time(summary.cold_ttft)} on average"
    if not isinstance(summary.joules_per_token, Missing):
        yield "energy", f"{figure(summary.joules_per_token)} J a token, of all that the node's devices drew"
    for name, number in summary.meanwhile.items():
        yield "meanwhile", describe_number(name, number)
    client = one.client
    if not isinstance(client.send_lag_p99, Missing):
        yield "client", f"sent 99 of 100 within {_time(client.send_lag_p99)} of when they were due"
    if not isinstance(client.calibrated, Missing):
        yield (
            "",
            f"read the first token {client.calibrated * 1000:+.2f} ms off, at a server of known timing",
        )


def describe_number(name: str, number: float) -> str:
    """A number of the node with its unit, which its name ends in."""
    words = name.replace("_", " ")
    for ending, unit, times in (
        ("_ratio", " %", 100.0),
        ("_watts", " W", 1.0),
        ("_joules", " J", 1.0),
        ("_hertz", " MHz", 1e-6),
        ("_bytes", " GiB", 2.0**-30),
    ):
        if name.endswith(ending):
            return f"{words.rpartition(' ')[0]} {figure(number * times)}{unit}"
    return f"{words} {figure(number)}"


def _at(times: Times | None, quantile: float) -> str:
    if times is None:
        return "-"
    return _time(times.at(quantile))


def _number(number: float | Missing) -> str:
    if isinstance(number, Missing):
        return "-"
    return figure(number)


def _time(seconds: float) -> str:
    if abs(seconds) < 1:
        return f"{figure(seconds * 1000)} ms"
    return f"{figure(seconds)} s"
