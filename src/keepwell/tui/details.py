"""All that is known of one thing: what its row had no room for, and why a number is not there. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from keepwell.app.overview.model import AlertRow, DeviceRow, EngineRow, NodeRow, Overview, RequestRow, WorkRow
from keepwell.core.observation import Missing
from keepwell.core.words import clean, size, span
from keepwell.tui.cells import TONES, Tone
from keepwell.tui.lines import Words, fill, wrap
from keepwell.tui.tables.fleet import device_title

#: Characters of a label.
LABEL = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A number over time: its series, what it is called, its number now (None: none), and what is much of it."""

    metric: str
    about: str
    title: str
    now: float | None
    top: float = 0.0
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """`rows` are labels and texts, `courses` are drawn below them."""

    title: str
    tone: Tone = ""
    rows: tuple[tuple[str, str, Tone], ...] = ()
    courses: tuple[Course, ...] = ()


def describe(overview: Overview, subject: str) -> Detail:
    """What the subject of a row is now; says so where it is gone."""
    kind, _, path = subject.partition(":")
    node = next((one for one in overview.nodes if one.name == path.partition("/")[0]), None)
    if kind == "node" and node is not None:
        return _node(node, overview)
    if kind == "device" and node is not None:
        return next((_device(node, one) for one in node.devices if one.ref == subject), _gone(path))
    if kind == "engine" and node is not None:
        return next((_engine(one) for one in node.engines if one.ref == subject), _gone(path))
    if kind == "request":
        return next((_request(one) for one in overview.requests if f"{one.source}/{one.id}" == path), _gone(path))
    if kind == "work":
        return next((_work(one) for one in overview.work if f"{one.kind}/{one.name}" == path), _gone(path))
    return next((_alert(one, overview) for one in overview.alerts if one.id == path), _gone(path))


def render_rows(detail: Detail, width: int) -> Iterator[Words]:
    """Labels and texts as lines, long texts on several."""
    for label, text, tone in detail.rows:
        first, *rest = wrap(clean(text, 2000), width - LABEL - 1) or [""]
        yield (fill(label, LABEL), "dim"), (first, tone)
        for one in rest:
            yield (" " * LABEL, ""), (one, tone)


def _gone(path: str) -> Detail:
    return Detail(title=clean(path, 120), rows=(("", "It is over, or gone. Esc goes back.", "dim"),))


def _node(one: NodeRow, overview: Overview) -> Detail:
    seen = "never"
    if one.seen_at:
        seen = f"{span(max(0.0, overview.at - one.seen_at))} ago"
    return Detail(
        title=f"node {clean(one.name, 80)}",
        tone=TONES[one.status],
        rows=(
            ("state", one.state or "well", TONES[one.status]),
            ("system", one.system or "-", ""),
            ("numbers came", seen, ""),
            ("processor", *_share(one.processor_ratio)),
            ("memory", *_memory(one.memory_used_bytes, one.memory_total_bytes)),
            ("GPUs", ", ".join(device_title(device) for device in one.devices) or "none", ""),
            ("engines", ", ".join(engine.title for engine in one.engines) or "none", ""),
        ),
        courses=(
            _course("host.cpu_busy_ratio", one.ref, "processor", one.processor_ratio, top=1.0, unit="%"),
            _course("host.memory_used_bytes", one.ref, "memory", one.memory_used_bytes, of=one.memory_total_bytes),
        ),
    )


def _device(node: NodeRow, one: DeviceRow) -> Detail:
    return Detail(
        title=clean(f"{node.name} {device_title(one)}", 120),
        tone=TONES[node.status],
        rows=(
            ("load", *_share(one.utilisation_ratio)),
            ("memory", *_memory(one.memory_used_bytes, one.memory_total_bytes)),
            ("heat", *_number(one.temperature_celsius, " °C")),
            ("power", *_number(one.power_watts, " W")),
            ("clock", *_number(one.clock_hertz, " MHz", 1e6)),
            ("of node", node.state or "which is well", TONES[node.status]),
        ),
        courses=(
            _course("device.utilisation_ratio", one.ref, "load", one.utilisation_ratio, top=1.0, unit="%"),
            _course("device.memory_used_bytes", one.ref, "memory", one.memory_used_bytes, of=one.memory_total_bytes),
            _course("device.temperature_celsius", one.ref, "heat", one.temperature_celsius, top=100.0, unit=" °C"),
            _course("device.power_watts", one.ref, "power", one.power_watts, unit=" W"),
        ),
    )


def _engine(one: EngineRow) -> Detail:
    rows: list[tuple[str, str, Tone]] = [
        ("state", one.state, TONES[one.status]),
        ("address", one.url, ""),
        ("release", *_text(one.version)),
        ("at work", *_number(one.running, " requests")),
        ("wait", *_number(one.waiting, " requests")),
        ("memory", *_bytes(one.memory_bytes)),
    ]
    for model in one.models:
        told = [_bytes(model.size_bytes)[0], f"on GPU {_share(model.gpu_ratio)[0]}"]
        told.append(f"unloads {_left(model.unload_seconds)}")
        rows += [("model", model.name, "bold"), ("", ", ".join(told), "")]
    if not one.models:
        rows.append(("model", "none in memory", "dim"))
    return Detail(
        title=clean(f"{one.title} {one.ref.partition(':')[2]}", 120),
        tone=TONES[one.status],
        rows=tuple(rows),
        courses=(
            _course("engine.requests_running", one.ref, "at work", one.running),
            _course("process.memory_bytes", one.ref, "memory", one.memory_bytes),
        ),
    )


def _request(one: RequestRow) -> Detail:
    source = "the gateway"
    if one.source == "log":
        source = "the engine itself: its client goes round the gateway"
    return Detail(
        title=f"request {clean(one.id, 60)}",
        rows=(
            ("told by", source, ""),
            ("model", one.model or "not told", ""),
            ("key", one.key or "none", ""),
            ("engine", one.replica or "none yet", ""),
            ("stage", one.stage, ""),
            ("for", f"{one.seconds:.1f} s" * bool(one.seconds) or "not told", ""),
            ("queued", *_number(one.queue_seconds, " s")),
            ("first token", *_number(one.ttft_seconds, " s")),
            ("tokens so far", *_number(one.output_tokens, "")),
            ("speed", *_number(one.tokens_per_second, " tokens/s")),
        ),
    )


def _work(one: WorkRow) -> Detail:
    done = "nobody knows how far it is"
    if one.total:
        done = f"{one.done} of {one.total} ({one.done / one.total * 100:.1f} %)"
    return Detail(
        title=f"{one.kind} {clean(one.name, 80)}",
        rows=(("state", one.state, ""), ("done", done, ""), ("left", _left(one.left_seconds), ""), ("", one.note, "")),
    )


def _alert(one: AlertRow, overview: Overview) -> Detail:
    known = {True: "yes, somebody acknowledged it", False: "no: press a to acknowledge it"}[one.acknowledged]
    return Detail(
        title=f"alert {clean(one.id, 40)}",
        tone=TONES[one.status],
        rows=(
            ("what", one.title, TONES[one.status]),
            ("of", one.subject, ""),
            ("for", span(max(0.0, overview.at - one.since)), ""),
            ("known", known, ""),
            ("cause", one.cause or "not known", ""),
            ("next", one.command or "keepwell diagnose", "bold"),
        ),
    )


def _course(
    metric: str,
    about: str,
    title: str,
    now: float | Missing,
    *,
    top: float = 0.0,
    unit: str = "",
    of: float | Missing | None = None,
) -> Course:
    value = None
    if not isinstance(now, Missing):
        value = float(now)
    if of is not None and not isinstance(of, Missing):
        top = of
    return Course(metric=metric, about=about, title=title, now=value, top=top, unit=unit)


def _share(value: float | Missing) -> tuple[str, Tone]:
    if isinstance(value, Missing):
        return str(value), "dim"
    return f"{value * 100:.0f} %", ""


def _memory(used: float | Missing, total: float | Missing) -> tuple[str, Tone]:
    if isinstance(used, Missing) or isinstance(total, Missing):
        return _bytes(used)
    return f"{size(used)} of {size(total)}", ""


def _bytes(value: float | Missing) -> tuple[str, Tone]:
    if isinstance(value, Missing):
        return str(value), "dim"
    return size(value), ""


def _number(value: float | Missing, unit: str, scale: float = 1.0) -> tuple[str, Tone]:
    if isinstance(value, Missing):
        return str(value), "dim"
    return f"{value / scale:.4g}{unit}", ""


def _text(value: str | Missing) -> tuple[str, Tone]:
    if isinstance(value, Missing):
        return str(value), "dim"
    return value, ""


def _left(value: float | Missing) -> str:
    if isinstance(value, Missing):
        return value.reason
    return f"in {span(value)}"
