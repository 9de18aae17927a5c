"""`keepwell overview` and `keepwell top --once` on a screen: a line for each thing, the rest in short."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.overview.model import (
    AlertRow,
    DeviceRow,
    EngineRow,
    ModelRow,
    NodeRow,
    Overview,
    RequestRow,
    WorkRow,
)
from keepwell.cli.words import clean, share, sign, size, span
from keepwell.core.observation import Missing

#: Rows of a kind that are shown; `--json` has all.
SHOWN = 40
_NUMBERS = ("load", "memory", "heat", "power", "clock")


def render(report: Overview) -> RenderableType:
    """Nodes with their devices, engines with their models, then what runs and what is not well."""
    parts: list[RenderableType] = [_fleet(report)]
    for title, lines in (
        ("Engines", [line for node in report.nodes for one in node.engines for line in _engine(node, one)]),
        ("Requests", [_request(one) for one in report.requests]),
        ("Work", [_work(one) for one in report.work]),
        ("Alerts", [line for one in report.alerts for line in _alert(one, report.at)]),
    ):
        if lines:
            parts += [Text(), Text(title, style="bold"), *lines[:SHOWN]]
        if len(lines) > SHOWN:
            parts.append(Text(f"  and {len(lines) - SHOWN} more lines (--json has all)", style="dim"))
    parts += [Text(clean(f"not looked at: {one}"), style="yellow") for one in report.notes]
    return Group(*parts)


def _fleet(report: Overview) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    table.add_column("node")
    for name in _NUMBERS:
        table.add_column(name, justify="right")
    for node in report.nodes:
        table.add_row(
            sign(node.status),
            Text(clean(node.name, 40), style="bold"),
            _ratio(node.processor_ratio),
            _memory(node.memory_used_bytes, node.memory_total_bytes),
            "",
            "",
            Text(clean(node.state, 60), style="dim"),
        )
        for one in node.devices:
            table.add_row("", f"  {device_title(one)}", *_device(one))
    return table


def device_title(one: DeviceRow) -> str:
    """What a person calls it: its number, and its name if that is known."""
    number = one.ref.rpartition("/")[2]
    if one.name == number:
        return f"GPU {clean(number, 12)}"
    return f"{clean(number, 12)} {clean(one.name, 30)}"


def _device(one: DeviceRow) -> list[str]:
    return [
        _ratio(one.utilisation_ratio),
        _memory(one.memory_used_bytes, one.memory_total_bytes),
        _number(one.temperature_celsius, "°C"),
        _number(one.power_watts, "W"),
        _clock(one.clock_hertz),
    ]


def _engine(node: NodeRow, one: EngineRow) -> list[Text]:
    line = Text.assemble("  ", sign(one.status), f" {clean(node.name, 30)}/{clean(one.title, 30)}")
    words = [_counted(one.running, "at work"), _counted(one.waiting, "wait")]
    if not isinstance(one.memory_bytes, Missing):
        words.append(size(one.memory_bytes))
    if one.state != "well":
        words.append(clean(one.state, 100))
    line.append(f"  {'  '.join(word for word in words if word)}", style="dim")
    return [line, *(_model(model) for model in one.models)]


def _model(one: ModelRow) -> Text:
    words = [clean(one.name, 60)]
    if not isinstance(one.size_bytes, Missing):
        words.append(size(one.size_bytes))
    if not isinstance(one.gpu_ratio, Missing):
        words.append(f"{share(one.gpu_ratio)} GPU")
    if not isinstance(one.unload_seconds, Missing):
        words.append(f"leaves in {span(one.unload_seconds)}")
    return Text("      " + "  ".join(words))


def _request(one: RequestRow) -> Text:
    words = [clean(one.model, 40) or "-", clean(one.key, 20) or "-", clean(one.replica, 40) or "-", one.stage]
    words += [f"{one.seconds:.1f} s"] * bool(one.seconds)
    if not isinstance(one.tokens_per_second, Missing):
        words.append(f"{one.tokens_per_second:.0f} tokens/s")
    if one.source == "log":
        words.append("(round the gateway)")
    return Text("  " + "  ".join(words))


def _work(one: WorkRow) -> Text:
    words = [one.kind, clean(one.name, 40), one.state]
    if one.total:
        words.append(f"{one.done} of {one.total}")
    if not isinstance(one.left_seconds, Missing):
        words.append(f"{span(one.left_seconds)} left")
    return Text("  " + "  ".join(words)).append(f"  {clean(one.note, 80)}", style="dim")


def _alert(one: AlertRow, now: float) -> list[Text]:
    line = Text.assemble("  ", sign(one.status), f" {clean(one.title, 120)}")
    line.append(f"  for {span(max(0.0, now - one.since))}" + ", known" * one.acknowledged, style="dim")
    lines = [line]
    if one.command:
        lines.append(Text(f"      {clean(one.cause, 80)}  ".rstrip() + f"  $ {clean(one.command, 200)}", style="dim"))
    return lines


def _counted(number: float | Missing, word: str) -> str:
    if isinstance(number, Missing):
        return ""
    return f"{number:.0f} {word}"


def _ratio(number: float | Missing) -> str:
    if isinstance(number, Missing):
        return "–"
    return share(number)


def _memory(used: float | Missing, total: float | Missing) -> str:
    if isinstance(used, Missing):
        return "–"
    if isinstance(total, Missing):
        return size(used)
    return f"{used / 2**30:.1f}/{total / 2**30:.0f} GiB"


def _number(number: float | Missing, unit: str) -> str:
    if isinstance(number, Missing):
        return "–"
    return f"{number:.0f} {unit}"


def _clock(hertz: float | Missing) -> str:
    if isinstance(hertz, Missing):
        return "–"
    return f"{hertz / 1e6:.0f} MHz"
