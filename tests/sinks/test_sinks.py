"""What both sinks send: every number, once, under the names of the page."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.metric import Metric
from keepwell.core.observation import unknown
from keepwell.core.series import Batch, SeriesKey
from keepwell.formats.prometheus import find_labels
from keepwell.metrics import declared
from keepwell.metrics.pages.names import outside_names
from keepwell.sinks.otlp import SINK as OTLP
from keepwell.sinks.otlp import UNITS
from keepwell.sinks.remote_write import SINK as WRITE
from tests.export.made import NOW, key
from tests.sinks.reading import read_metrics, read_spreads, read_write

POWER, USED = "device.power_watts", "device.memory_used_bytes"
ZERO, ONE = key(POWER, "device:gpu01/0"), key(USED, "device:gpu02/1")


def batches() -> list[Batch]:
    return [
        Batch(node="gpu01", at=NOW + 1, readings=[(ZERO, 72.5)]),
        Batch(node="gpu01", at=NOW, readings=[(ZERO, 71.0), (key(POWER, "process:gpu01/3"), 1.0)]),
        Batch(node="gpu02", at=NOW, readings=[(ONE, 5.0), (key(POWER, "device:gpu02/1"), unknown("asleep"))]),
    ]


def test_remote_write_sends_each_number_in_order_of_time() -> None:
    message = WRITE.render(batches())
    assert message is not None
    assert message.headers["content-encoding"] == "snappy"
    assert message.path == ""
    labels = (("gpu", "0"), ("node", "gpu01"))
    assert read_write(message) == {
        ("keepwell_device_power_watts", labels, 1_800_000_000_000): 71.0,
        ("keepwell_device_power_watts", labels, 1_800_000_001_000): 72.5,
        ("keepwell_device_memory_used_bytes", (("gpu", "1"), ("node", "gpu02")), 1_800_000_000_000): 5.0,
    }


def test_otlp_sends_a_resource_for_each_node_with_units() -> None:
    message = OTLP.render(batches())
    assert message is not None
    assert message.path == "/v1/metrics"
    found, kinds, resources = read_metrics(message.body)
    assert resources == [
        {"service.name": "keepwell", "host.name": "gpu01"},
        {"service.name": "keepwell", "host.name": "gpu02"},
    ]
    assert kinds == {"keepwell.device.power_watts": ("W", False), "keepwell.device.memory_used_bytes": ("By", False)}
    labels = (("gpu", "0"), ("node", "gpu01"))
    assert found["keepwell.device.power_watts", labels, 1_800_000_001_000_000_000] == 72.5
    assert len(found) == 3


def test_a_counter_is_a_sum_that_only_rises() -> None:
    kinds_of = outside_names()
    counters = [one for one in declared().values() if isinstance(one, Metric) and kinds_of[one.name].kind == "counter"]
    reading = key(counters[0].name, "node:a"), 3.0
    message = OTLP.render([Batch(node="a", at=NOW, readings=[reading])])
    assert message is not None
    _, kinds, _ = read_metrics(message.body)
    assert kinds == {f"keepwell.{counters[0].name}": (UNITS[counters[0].unit], True)}


def test_a_distribution_is_a_histogram() -> None:
    about = {"model": "m"}
    whole = [
        (key("engine.queue_seconds_total", "engine:a/b", **about), 1.5),
        (key("engine.queue_total", "engine:a/b", **about), 6.0),
        (key("engine.queue_bucket_total", "engine:a/b", **about, le="0.5"), 3.0),
        (key("engine.queue_bucket_total", "engine:a/b", **about, le="0.1"), 1.0),
        (key("engine.queue_bucket_total", "engine:a/b", **about, le="+Inf"), 6.0),
    ]
    half = [(key("engine.queue_bucket_total", "engine:a/c", **about, le="0.5"), 2.0)]
    falling = [
        (key("engine.input_seconds_total", "engine:a/b", **about), 1.5),
        (key("engine.input_total", "engine:a/b", **about), 1.0),
        (key("engine.input_bucket_total", "engine:a/b", **about, le="0.5"), 3.0),
    ]
    message = OTLP.render([Batch(node="a", at=NOW, readings=[*whole, *half, *falling])])
    assert message is not None
    labels = (("engine", "b"), ("model", "m"), ("node", "a"))
    assert read_spreads(message.body) == {("keepwell.engine.queue_seconds", labels): (1.5, [0.1, 0.5], [1, 2, 3])}
    assert read_metrics(message.body)[0] == {}


def test_nothing_to_send_is_no_request() -> None:
    nothing = [
        Batch(node="a", at=NOW, readings=[(ZERO, unknown("asleep")), (ZERO, math.nan), (key("x.y", "node:a"), 1.0)])
    ]
    for given_batches in ([], nothing):
        assert WRITE.render(given_batches) is None
        assert OTLP.render(given_batches) is None


@pytest.mark.parametrize("status", [200, 204, 400, 401, 404, 408, 413, 429, 500, 503])
def test_what_an_answer_means(status: int) -> None:
    wished = {2: "taken", 4: "refused", 5: "later"}[status // 100]
    if status in (408, 429):
        wished = "later"
    assert (WRITE.judge(status), OTLP.judge(status)) == (wished, wished)


names = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)
metrics = sorted(name for name, one in declared().items() if isinstance(one, Metric) and one.about == "engine")
keys = st.builds(
    SeriesKey,
    st.sampled_from(metrics or ["device.power_watts"]),
    st.builds("engine:{}/{}".format, st.sampled_from(["a", "b"]), names),
    st.builds(lambda value: (("model", value),), names),
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(keys, st.floats(allow_nan=False, allow_infinity=False), max_size=8))
def test_every_number_comes_back_as_it_was(readings: dict[SeriesKey, float]) -> None:
    message = WRITE.render([Batch(node="a", at=NOW, readings=list(readings.items()))])
    wished = {}
    for one, value in readings.items():
        labels = find_labels(one)
        assert labels is not None
        wished[outside_names()[one.metric].name, tuple(sorted(labels.items())), round(NOW * 1000)] = value
    assert (read_write(message) if message else {}) == wished
