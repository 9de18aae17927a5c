"""`keepwell capacity` on a screen: what was measured, what fits, and what else would give, which is an estimate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.benching.capacity import CapacityReport, Measured
from keepwell.app.benching.rooms import Fit, Form, Room
from keepwell.bench.capacity import Estimate, Promise, Tried
from keepwell.cli.words import clean, figure, size
from keepwell.core.observation import Missing

_MEASURED = ("engine", "model", "largest load", "answers/s", "tokens/s", "too much")
_FITS = ("engine", "model", "weights", "a request", "at once", "tokens/s alone", "with one more device")


def render(report: CapacityReport) -> RenderableType:
    """Measured first: it is what is known."""
    return Group(*_promises(report.promises), *_measured(report.measured), *_planned(report), *_notes(report.notes))


def _promises(promises: Iterable[Promise]) -> Iterator[Text]:
    for one in promises:
        yield Text(clean(f"Promised: {one.limit} within {one.seconds:g} s for {100 * one.share:.6g} % ({one.name})"))


def _measured(measured: tuple[Measured, ...]) -> Iterator[RenderableType]:
    yield Text("Measured", style="bold")
    if not measured:
        yield Text("Nothing was measured: keepwell bench --load sweep --goal ttft=500ms tries more and more load.")
        return
    table = Table(box=None, pad_edge=False)
    for title in _MEASURED:
        table.add_column(title)
    for one in measured:
        table.add_row(*(Text(clean(cell)) for cell in _measured_cells(one)))
    yield table


def _measured_cells(one: Measured) -> list[str]:
    capacity = one.capacity
    cells = [one.engine.removeprefix("engine:"), one.model]
    if capacity.best is None:
        cells += ["none that was tried", "-", "-"]
    else:
        best = capacity.best
        rates = [figure(best.requests_per_second), figure(best.output_tokens_per_second)]
        cells += [_load(best), *rates]
    if capacity.beyond is None:
        return [*cells, "not reached: try more"]
    return [*cells, f"{_load(capacity.beyond)}: {capacity.beyond.why}"]


def _load(one: Tried) -> str:
    return f"{one.size:g} {one.unit}"


def _planned(report: CapacityReport) -> Iterator[RenderableType]:
    yield Text("\nWhat fits here", style="bold")
    if isinstance(report.room, Missing):
        yield Text(clean(report.room.reason))
        return
    yield Text(clean(_say_room(report.room)))
    if not report.fits:
        yield Text("No model of an engine here is known: start one, or name the node on which it runs.")
        return
    table = Table(box=None, pad_edge=False)
    for title in _FITS:
        table.add_column(title)
    for one in report.fits:
        table.add_row(*(Text(clean(cell)) for cell in _fit_cells(one)))
    yield table
    for one in report.fits:
        if one.problem:
            yield Text(clean(f"{one.model}: {one.problem}"))
        yield from (Text(clean(_say_form(one, form))) for form in one.forms)
    if not report.room.on_cpu:
        yield Text(
            "One more device makes room; layers split over two are no faster for one request (estimate). As a second "
            "replica behind the gateway it carries at most twice the measured load (estimate)."
        )


def _say_room(room: Room) -> str:
    named = ", ".join(f"{name} {size(memory)}" for name, memory in room.devices)
    if room.on_cpu:
        return f"No GPU that tells its memory: models lie in this machine's memory ({named}), and may have 90 % of it."
    return f"Devices: {named}; models may have 90 % of it."


def _fit_cells(one: Fit) -> list[str]:
    request = "-"
    if one.cache_bytes:
        request = f"{size(one.cache_bytes)} ({one.context_tokens} tokens)"
    speed = _speed(one.speed)
    if one.measured and not isinstance(one.speed, Missing):
        speed = f"{figure(one.speed.low)} measured"
    name = " ".join(filter(None, (one.model, one.quantisation)))
    weights = size(one.weight_bytes) * bool(one.weight_bytes) or "-"
    return [
        one.engine.removeprefix("engine:"),
        name,
        weights,
        request,
        _count(one.at_once),
        speed,
        _count(one.one_more),
    ]


def _say_form(fit: Fit, form: Form) -> str:
    speed = _speed(form.speed)
    return f"  {fit.model} as {form.quantisation}: {size(form.weight_bytes)}, {_count(form.at_once)} at once, {speed}"


def _speed(speed: Estimate | Missing) -> str:
    if isinstance(speed, Missing):
        return "not known"
    return f"{figure(speed.low)} to {figure(speed.high)} tokens/s (estimate)"


def _count(number: int) -> str:
    if number < 0:
        return "-"
    if not number:
        return "does not fit"
    return str(number)


def _notes(notes: Iterable[str]) -> Iterator[Text]:
    for one in notes:
        yield Text(clean(f"Note: {one}"), style="dim")
