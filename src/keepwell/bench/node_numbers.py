"""What a node did while it was measured, out of what its collectors read: one number a name. Pure.

Energy is what the devices' own counters grew by; where a device has none, its mean power times the time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import fmean

from keepwell.bench.summary import JOULES
from keepwell.core.observation import Missing
from keepwell.core.series import Batch, SeriesKey

POWER, ENERGY = "device.power_watts", "device.energy_joules_total"
#: Gauges whose mean over time and devices is told, by the name under which it is.
MEANS = {
    "device.clock_hertz": "device_clock_hertz",
    "device.compute_busy_ratio": "device_busy_ratio",
    "host.cpu_busy_ratio": "host_cpu_busy_ratio",
}
#: Gauges of which the largest sum over all of them is told.
LARGEST = {"device.memory_used_bytes": "device_memory_bytes", "process.memory_bytes": "engine_memory_bytes"}
#: Seconds of a processor that the engine used, told as cores.
CPU, CORES = "process.cpu_seconds_total", "engine_cpu_cores"
WATCHED = frozenset((POWER, ENERGY, CPU, *MEANS, *LARGEST))

_Points = Mapping[SeriesKey, Sequence[tuple[float, float]]]


def sum_up(batches: Iterable[Batch]) -> dict[str, float]:
    """The numbers of what was read, as far as it was; power and energy only where every device told them."""
    series: dict[SeriesKey, list[tuple[float, float]]] = defaultdict(list)
    silent: set[tuple[str, str]] = set()
    for batch in batches:
        for key, value in batch.readings:
            if key.metric not in WATCHED:
                continue
            if isinstance(value, Missing):
                silent.add((key.metric, key.subject))
            else:
                series[key].append((batch.at, float(value)))
    found: dict[str, float] = {}
    for metric, name in MEANS.items():
        values = [value for _, points in _of(series, metric) for _, value in points]
        if values:
            found[name] = fmean(values)
    for metric, name in LARGEST.items():
        total = _find_largest_sum(series, metric)
        if total:
            found[name] = total
    cores = [_grow(points) / (points[-1][0] - points[0][0]) for _, points in _of(series, CPU) if _spans(points)]
    if cores:
        found[CORES] = sum(cores)
    return found | _find_energy(series, silent)


def _find_energy(series: _Points, silent: set[tuple[str, str]]) -> dict[str, float]:
    power = {key.subject: points for key, points in _of(series, POWER)}
    joules = {key.subject: _grow(points) for key, points in _of(series, ENERGY) if _spans(points)}
    quiet = {subject for metric, subject in silent if metric == POWER}
    found: dict[str, float] = {}
    if power and not quiet:
        found["device_power_watts"] = sum(fmean([value for _, value in points]) for points in power.values())
    for subject, points in power.items():
        if subject not in joules and _spans(points):
            joules[subject] = fmean([value for _, value in points]) * (points[-1][0] - points[0][0])
    if joules and not quiet - joules.keys():
        found[JOULES] = sum(joules.values())
    return found


def _find_largest_sum(series: _Points, metric: str) -> float:
    """The largest, over time, of the sum of all series of this metric."""
    sums: dict[float, float] = defaultdict(float)
    for _, points in _of(series, metric):
        for at, value in points:
            sums[at] += value
    return max(sums.values(), default=0.0)


def _of(series: _Points, metric: str) -> list[tuple[SeriesKey, Sequence[tuple[float, float]]]]:
    return [(key, points) for key, points in series.items() if key.metric == metric]


def _spans(points: Sequence[tuple[float, float]]) -> bool:
    return len(points) > 1 and points[-1][0] > points[0][0]


def _grow(points: Sequence[tuple[float, float]]) -> float:
    """How much a counter grew; what it lost by starting again is no growth."""
    steps = (after[1] - before[1] for before, after in pairwise(points))
    return sum(step for step in steps if step > 0)
