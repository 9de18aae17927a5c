"""What a node did, out of readings whose sums are known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.bench.node_numbers import WATCHED, sum_up
from keepwell.core.observation import absent
from keepwell.core.series import Batch, Reading, SeriesKey

GPU0, GPU1, NODE, ENGINE = "device:box/0", "device:box/1", "node:box", "engine:box/stub"


def batch(at: float, *readings: tuple[str, str, float | None]) -> Batch:
    """What was read at one instant; None is a reading that is missing."""
    rows: list[Reading] = []
    for metric, subject, value in readings:
        if value is None:
            rows.append((SeriesKey(metric, subject), absent("it does not tell")))
        else:
            rows.append((SeriesKey(metric, subject), value))
    return Batch(node="box", at=at, readings=rows)


def test_energy_is_what_counters_grew_by() -> None:
    """And where a device has no counter, its mean power times the time."""
    numbers = sum_up(
        batch(
            at,
            ("device.energy_joules_total", GPU0, 1000.0 + 50 * at),
            ("device.power_watts", GPU0, 51.0),
            ("device.energy_joules_total", GPU1, None),
            ("device.power_watts", GPU1, 30.0),
        )
        for at in (0.0, 1.0, 2.0)
    )
    assert numbers["energy_joules"] == pytest.approx(100 + 60)
    assert numbers["device_power_watts"] == pytest.approx(81)


def test_a_sum_without_a_device_would_be_false() -> None:
    """One that tells neither: no energy, no power."""
    numbers = sum_up(
        batch(at, ("device.power_watts", GPU0, 50.0), ("device.power_watts", GPU1, None)) for at in (0.0, 1.0)
    )
    assert numbers == {}


def test_the_engine_s_own_use() -> None:
    """Cores by its counter, which may begin anew; the most memory of all its kinds together."""
    points = [(0.0, 100.0), (1.0, 101.5), (2.0, 0.5), (4.0, 3.0)]
    numbers = sum_up(
        Batch(
            node="box",
            at=at,
            readings=[
                (SeriesKey("process.cpu_seconds_total", ENGINE), seconds),
                (SeriesKey("process.memory_bytes", ENGINE, (("kind", "anonymous"),)), 100 + at),
                (SeriesKey("process.memory_bytes", ENGINE, (("kind", "file"),)), 50.0),
                (SeriesKey("host.cpu_busy_ratio", NODE), 0.25 * at),
            ],
        )
        for at, seconds in points
    )
    assert numbers["engine_cpu_cores"] == pytest.approx(1.0)
    assert numbers["engine_memory_bytes"] == 154
    assert numbers["host_cpu_busy_ratio"] == pytest.approx(0.4375)


@given(
    st.lists(
        st.tuples(
            st.floats(0, 100),
            st.lists(
                st.tuples(
                    st.sampled_from([*sorted(WATCHED), "host.load"]),
                    st.sampled_from([GPU0, GPU1, ENGINE]),
                    st.none() | st.floats(0, 1e9),
                ),
                max_size=6,
            ),
        ),
        max_size=6,
    )
)
def test_whatever_was_read_is_summed_up(read: list[tuple[float, list[tuple[str, str, float | None]]]]) -> None:
    """Numbers of 0 or more."""
    assert all(value >= 0 for value in sum_up(batch(at, *rows) for at, rows in read).values())
