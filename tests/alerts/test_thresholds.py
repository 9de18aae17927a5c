"""Numbers of the table to findings: one value raises, a lower one clears, and what is not known says nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.alerts.conditions import key_of
from keepwell.alerts.thresholds import (
    Threshold,
    choose_thresholds,
    find_status,
    judge_thresholds,
    own_thresholds,
)
from keepwell.config.alert_model import ThresholdEntry
from keepwell.core.errors import ConfigurationError
from keepwell.core.finding import Finding, Status
from keepwell.core.metric import Metric
from keepwell.core.observation import Missing, unknown
from keepwell.core.series import Batch, SeriesKey
from keepwell.metrics import declared
from keepwell.telemetry.table import Table

NOW = 1_767_225_600.0
HOT = SeriesKey("device.temperature_celsius", "device:gpu01/0")
OWN = {one.name: one for one in own_thresholds()}


def _table(key: SeriesKey, numbers: Iterable[float | Missing], step: float = 1.0) -> Table:
    """The last number is of NOW."""
    table = Table()
    found = list(numbers)
    for place, number in enumerate(found):
        table.put(Batch(node="gpu01", at=NOW - (len(found) - 1 - place) * step, readings=[(key, number)]))
    return table


def _judge(table: Table, *names: str, raised: dict[str, Status] | None = None) -> list[Finding]:
    found = judge_thresholds([OWN[one] for one in names], table, NOW, raised or {})
    rows = list(found)
    assert [key for key, _ in rows] == [key_of(one) for _, one in rows]
    return [one for _, one in rows]


def test_every_threshold_is_about_declared_numbers_and_says_where_it_is_from() -> None:
    known = declared()
    for one in own_thresholds():
        for name in (one.metric, *[one.per] * bool(one.per)):
            found = known[name]
            assert isinstance(found, Metric), name
            assert set(one.labels) <= set(found.labels)
            assert one.grows is (found.kind == "counter")
            words = set(re.findall(r"{(\w+)}", one.say)) - {"subject", "value"}
            assert words <= set(found.labels)
        assert one.source


def test_clearing_is_never_above_raising() -> None:
    for one in own_thresholds():
        sign = {True: -1.0, False: 1.0}[one.below]
        for raised, clear in ((one.warning, one.warning_clear), (one.critical, one.critical_clear)):
            assert clear is None or (raised is not None and sign * clear < sign * raised), one.name
        if one.warning is not None and one.critical is not None:
            assert sign * one.warning < sign * one.critical


def test_a_mean_of_a_minute_counts_and_not_a_peak() -> None:
    (peak,) = _judge(_table(HOT, [70.0] * 59 + [99.0]), "device.hot")
    assert peak.status is Status.OK
    (hot,) = _judge(_table(HOT, [95.0] * 60), "device.hot")
    assert hot.status is Status.CRITICAL
    assert hot.message == "device:gpu01/0 is at 95 °C"


def test_a_lower_value_clears() -> None:
    table = _table(HOT, [90.0] * 60)
    key = "device.hot device:gpu01/0"
    assert _judge(table, "device.hot")[0].status is Status.WARNING
    assert _judge(table, "device.hot", raised={key: Status.CRITICAL})[0].status is Status.CRITICAL
    table = _table(HOT, [82.0] * 60)
    assert _judge(table, "device.hot")[0].status is Status.OK
    assert _judge(table, "device.hot", raised={key: Status.WARNING})[0].status is Status.WARNING
    assert _judge(table, "device.hot", raised={key: Status.CRITICAL})[0].status is Status.WARNING


def test_what_is_missing_old_or_too_little_says_nothing() -> None:
    assert _judge(_table(HOT, [95.0, unknown("the device sleeps")]), "device.hot") == []
    assert _judge(_table(HOT, [95.0] * 10), "device.hot") == []
    old = Table()
    old.put(Batch(node="gpu01", at=NOW - 3600, readings=[(HOT, 95.0)]))
    assert _judge(old, "device.hot") == []


def test_shares_are_of_the_same_subject() -> None:
    table = Table()
    for subject, used in (("device:a/0", 79.0), ("device:a/1", 10.0)):
        for second in range(400):
            readings = [
                (SeriesKey("device.memory_used_bytes", subject), used),
                (SeriesKey("device.memory_total_bytes", subject), 80.0),
            ]
            table.put(Batch(node="a", at=NOW - 400 + second, readings=readings))
    found = {str(one.subject): one for one in _judge(table, "device.memory_full")}
    assert found["device:a/0"].status is Status.WARNING
    assert found["device:a/0"].message.startswith("99 %") or "98" in found["device:a/0"].message
    assert found["device:a/1"].status is Status.OK


def test_failures_are_a_share_of_enough_requests() -> None:
    def judge(requests: float, failed: float) -> list[Finding]:
        table = Table()
        for share in range(11):
            readings = [
                (SeriesKey("engine.requests_total", "engine:a/x"), 1000 + requests * share / 10),
                (SeriesKey("engine.requests_failed_total", "engine:a/x"), 5 + failed * share / 10),
            ]
            table.put(Batch(node="a", at=NOW - 600 + share * 60, readings=readings))
        return _judge(table, "engine.errors")

    assert judge(10, 10) == []
    assert judge(100, 4)[0].status is Status.OK
    assert judge(100, 10)[0].status is Status.WARNING
    assert judge(100, 50)[0].status is Status.CRITICAL


def test_labels_choose_series_and_tell_them_apart() -> None:
    table = Table()
    for resource in ("memory", "cpu"):
        for share in ("some", "full"):
            key = SeriesKey("host.pressure_ratio", "node:a", (("resource", resource), ("share", share)))
            for second in range(90):
                table.put(Batch(node="a", at=NOW - 90 + second, readings=[(key, 0.9)]))
    (found,) = _judge(table, "host.memory_pressure")
    assert found.status is Status.CRITICAL
    assert found.facts["series"] == "resource=memory share=full"
    disks = Table()
    for disk in ("sda", "sdb"):
        key = SeriesKey("host.disk_healthy", "node:a", (("disk", disk),))
        disks.put(Batch(node="a", at=NOW, readings=[(key, 0.0)]))
    assert len({key_of(one) for one in _judge(disks, "disk.failing")}) == 2


def test_the_owner_changes_adds_and_takes_away() -> None:
    entries = [
        ThresholdEntry(name="device.hot", warning=70.0),
        ThresholdEntry(name="mount.full", off=True),
        ThresholdEntry(name="my.own", metric="host.load", warning=8.0),
    ]
    chosen = {one.name: one for one in choose_thresholds(entries)}
    assert "mount.full" not in chosen
    assert (chosen["device.hot"].warning, chosen["device.hot"].warning_clear) == (70.0, None)
    assert chosen["device.hot"].critical == OWN["device.hot"].critical
    assert "host.load" in chosen["my.own"].say
    with pytest.raises(ConfigurationError, match=r"my\.other"):
        choose_thresholds([ThresholdEntry(name="my.other", warning=1.0)])


@given(st.lists(st.floats(70, 100), max_size=60))
def test_a_number_that_sways_between_both_values_changes_nothing(numbers: list[float]) -> None:
    hot = Threshold(name="a.b", metric="m", say="", warning=85.0, warning_clear=80.0)
    status, changes = Status.OK, 0
    for number in [min(max(one, 80.5), 84.5) for one in numbers]:
        after = find_status(hot, number, status)
        changes += after is not status
        status = after
    assert changes == 0
    status = find_status(hot, 85.0, status)
    for number in [min(max(one, 80.5), 99.0) for one in numbers]:
        status = find_status(hot, number, status)
        assert status is Status.WARNING
    assert find_status(hot, 79.9, status) is Status.OK
