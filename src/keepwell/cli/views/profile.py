"""`keepwell profile` on a screen: a row for each model and replica, what took most, and what would pay most."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.profiling import ProfileReport
from keepwell.cli.words import clean, figure, share, span
from keepwell.telemetry.phases import PHASES, Phase
from keepwell.telemetry.profile import Profile

#: What a column is called; `undivided` is an answer whose engine does not tell its times, and that was not streamed.
TITLES: dict[Phase, str] = {
    "queue": "queue",
    "load": "load",
    "prefill": "prompt",
    "decode": "answer",
    "network": "way",
    "client": "client",
    "undivided": "undivided",
}
#: What a part is, in a sentence.
WORDS: dict[Phase, str] = {
    "queue": "waiting for a replica",
    "load": "loading the model",
    "prefill": "reading the prompt",
    "decode": "making the answer",
    "network": "the way to the engine and what it does beside",
    "client": "waiting for the client to take it",
    "undivided": "answers that their engine does not divide",
}


def render(report: ProfileReport) -> RenderableType:
    """The table, the slowest twentieth of each, and the change; or what would make one."""
    if not report.profiles:
        return Text("No request came through the gateway in this time: `keepwell gateway` or `keepwell up` serves.")
    shown = [phase for phase in PHASES if any(one.seconds[phase] > 0 for one in report.profiles)]
    table = Table(box=None, pad_edge=False)
    table.add_column("model")
    table.add_column("at")
    for title in ("requests", "mean", *(TITLES[phase] for phase in shown), "tokens/s"):
        table.add_column(title, justify="right")
    for one in report.profiles:
        table.add_row(*_cells(one, shown))
    return Group(table, Text(), *(Text(clean(line)) for line in _lines(report)))


def _cells(one: Profile, shown: list[Phase]) -> Iterator[Text]:
    mean = "-"
    if one.count:
        mean = f"{figure(one.total_seconds / one.count)} s"
    failed = f" +{one.failed} failed" * bool(one.failed)
    yield from (Text(clean(cell)) for cell in (one.route or "-", one.replica, f"{one.count}{failed}", mean))
    for phase in shown:
        style = {True: "bold"}.get(one.count > 0 and phase == one.bottleneck, "")
        yield Text(_share(one.seconds[phase], one.total_seconds), style=style)
    rate = "-"
    if one.rate:
        rate = figure(one.rate)
    yield Text(rate)


def _share(part: float, whole: float) -> str:
    if not whole or not part:
        return "-"
    return share(part / whole)


def _lines(report: ProfileReport) -> Iterator[str]:
    for one in report.profiles:
        if not one.count:
            continue
        most = _share(one.seconds[one.bottleneck], one.total_seconds)
        yield f"{one.route or '-'} at {one.replica}: most goes into {WORDS[one.bottleneck]} ({most})."
        worst = max(PHASES, key=one.slowest.__getitem__)
        if one.count >= 20 and worst != one.bottleneck:
            part = _share(one.slowest[worst], sum(one.slowest.values()))
            yield f"  Of its slowest twentieth it is {WORDS[worst]} ({part})."
        if one.guessed:
            yield f"  {one.guessed} loads hold the prompt, too: its engine does not tell one from the other."
    if report.best is not None:
        yield ""
        yield (
            f"What would pay most, at {report.best_at}: {report.best.say}. It saves at most "
            f"{_span(report.best.saves_seconds)} of {_span(sum(one.total_seconds for one in report.profiles))}."
        )


def _span(seconds: float) -> str:
    """With parts of a second where there are few."""
    if seconds < 10:
        return f"{figure(seconds)} s"
    return span(seconds)
