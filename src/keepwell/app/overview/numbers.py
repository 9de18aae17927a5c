"""The numbers of an overview, taken out of the table in one pass: by subject, then by name. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from keepwell.core.observation import Missing, failed, unknown
from keepwell.core.series import SeriesKey
from keepwell.telemetry.table import Table, Track

#: Names that are wanted, and the seconds after which a number is too old to be shown as of now: three looks of the
#: slowest way, and more where a device that may sleep is asked every half a minute.
STALE_SECONDS: Mapping[str, float] = {
    **dict.fromkeys(
        ("host.cpu_busy_ratio", "host.memory_used_bytes", "host.memory_total_bytes"),
        20.0,
    ),
    **dict.fromkeys(
        (
            "device.utilisation_ratio",
            "device.memory_used_bytes",
            "device.memory_total_bytes",
            "device.temperature_celsius",
            "device.power_watts",
            "device.clock_hertz",
        ),
        75.0,
    ),
    **dict.fromkeys(
        (
            "engine.requests_running",
            "engine.requests_waiting",
            "engine.models_loaded",
            "engine.output_tokens_total",
            "model.loaded_bytes",
            "model.gpu_ratio",
            "model.expires_seconds",
            "model.input_progress_ratio",
            "process.memory_bytes",
        ),
        40.0,
    ),
}
#: A time that is left: it goes on after it was read.
LEFT = "model.expires_seconds"
#: The part of a process's memory that is its own; files that it looks into can be had again.
OWN_MEMORY = (("kind", "anonymous"),)
UNREAD = unknown("nobody has read it")


@dataclass(slots=True)
class Numbers:
    """`find` gives what is known of a subject; `seen_at` is when a node's own numbers came last."""

    rows: dict[str, dict[str, float | Missing]] = field(default_factory=dict)
    seen_at: dict[str, float] = field(default_factory=dict)

    def find(self, subject: str, name: str) -> float | Missing:
        """The number, or why there is none."""
        row = self.rows.get(subject)
        if row is None:
            return UNREAD
        return row.get(name, UNREAD)

    def within(self, kind: str) -> Iterator[tuple[str, str, str]]:
        """Subjects of this kind: the whole text, the node, the rest."""
        for subject in self.rows:
            found, _, path = subject.partition(":")
            if found == kind:
                node, _, rest = path.partition("/")
                yield subject, node, rest


def index_numbers(table: Table, now: float) -> Numbers:
    """All of them at this instant (seconds since the epoch). Series that differ only in labels are added up.

    Costs some 0.1 us for each series of the table.
    """
    numbers = Numbers()
    stale = STALE_SECONDS
    for key, track in table.tracks():
        if key.metric in stale:
            _take(numbers, key, track, now)
    return numbers


def _take(numbers: Numbers, key: SeriesKey, track: Track, now: float) -> None:
    name, subject, labels = key
    if name == "process.memory_bytes" and labels != OWN_MEMORY:
        return
    value, age = track.value, now - track.at
    if not isinstance(value, Missing):
        if age > STALE_SECONDS[name]:
            value = failed(f"no number for {age:.0f} s")
        elif name == LEFT:
            value = max(0.0, value - max(0.0, age))
    row = numbers.rows.setdefault(subject, {})
    row[name] = _add(row.get(name), value)
    if name.startswith("host."):
        numbers.seen_at[subject] = max(track.at, numbers.seen_at.get(subject, 0.0))


def _add(one: float | Missing | None, other: float | Missing) -> float | Missing:
    if one is None or isinstance(one, Missing):
        return other
    if isinstance(other, Missing):
        return one
    return one + other
