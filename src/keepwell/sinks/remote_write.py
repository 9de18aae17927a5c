"""Prometheus' remote-write 1.0: what Prometheus, Mimir, Thanos, VictoriaMetrics and Grafana Cloud take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import cramjam

from keepwell import __version__
from keepwell.core.observation import Missing
from keepwell.core.series import Batch, SeriesKey
from keepwell.formats.prometheus import find_labels
from keepwell.formats.protobuf import CONTENT_TYPE
from keepwell.formats.remote_write import HEADERS, render_labels, render_write
from keepwell.metrics.pages.names import outside_names
from keepwell.plugins.sink import Message, Verdict

#: Series whose labels are kept as bytes, some 200 each: they cost ten times more than a number.
SERIES = 50_000

#: The specification wants one.
_AGENT = f"keepwell/{__version__}"


class RemoteWrite:
    """One request holds each series once, its samples in order of time: a receiver refuses what is not."""

    title = "Prometheus remote-write"

    def render(self, batches: Sequence[Batch]) -> Message | None:
        """All numbers of these batches; readings without a number are left out, a gap says that well enough."""
        found: dict[SeriesKey, list[tuple[int, float]]] = {}
        for batch in sorted(batches, key=_at):
            for key, value in batch.readings:
                if not isinstance(value, Missing) and math.isfinite(value):
                    found.setdefault(key, []).append((round(batch.at * 1000), float(value)))
        series = [(labels, dict(samples).items()) for key, samples in found.items() if (labels := _labels(key))]
        if not series:
            return None
        body = bytes(cramjam.snappy.compress_raw(render_write(series)))
        return Message(body=body, headers={"content-type": CONTENT_TYPE, "user-agent": _AGENT, **HEADERS})

    def judge(self, status: int) -> Verdict:
        """By the specification: any 2xx is taken, 5xx and 429 are tried again, other 4xx never."""
        if 200 <= status < 300:
            return "taken"
        if status >= 500 or status in (408, 429):
            return "later"
        return "refused"


@lru_cache(SERIES)
def _labels(key: SeriesKey) -> bytes:
    """Its labels as they are sent; b"" where it is not."""
    labels = find_labels(key)
    outside = outside_names().get(key.metric)
    if labels is None or outside is None:
        return b""
    return render_labels(outside.name, labels)


def _at(batch: Batch) -> float:
    return batch.at


SINK = RemoteWrite()
