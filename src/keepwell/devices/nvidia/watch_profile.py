"""How much of a card's parts worked between two samples (GPM): of Hopper and newer, without DCGM.

A card that is said to be 100 % busy while it answers one chat uses little of its arithmetic; these numbers tell how
much, and how near its memory is to its bandwidth, which is what limits decoding.
"""

from __future__ import annotations

import contextlib
from typing import Any

import pynvml

from keepwell.core.observation import unknown
from keepwell.devices.nvidia.watch_questions import Name, Number, Refused, refusal

#: NVML_GPM_METRIC_*: SM_UTIL, ANY_TENSOR_UTIL, DRAM_BW_UTIL, all in per cent.
METRICS: dict[int, Name] = {
    2: ("device.compute_busy_ratio", ()),
    5: ("device.tensor_busy_ratio", ()),
    10: ("device.memory_bandwidth_ratio", ()),
}
NAMES = tuple(METRICS.values())
FIRST = unknown("it is told from two samples, and there is only one yet")


class Profile:
    """Asks one card, as a question is asked: the first answer is that there is one sample only. To be closed before
    NVML is, since its samples are NVML's memory.
    """

    def __init__(self) -> None:
        self._samples: list[Any] = []
        self._taken = 0
        self._request: Any = None

    def __call__(self, handle: Any) -> tuple[Number, ...]:
        """The shares between the sample before and one taken now. Raises Refused."""
        if not self._samples:
            self._begin(handle)
        newest, before = self._samples[self._taken % 2], self._samples[(self._taken + 1) % 2]
        pynvml.nvmlGpmSampleGet(handle, newest)
        self._taken += 1
        if self._taken < 2:
            return (FIRST,) * len(METRICS)
        self._request.sample1, self._request.sample2 = before, newest
        pynvml.nvmlGpmMetricsGet(self._request)
        return tuple(_share(self._request.metrics[place]) for place in range(len(METRICS)))

    def close(self) -> None:
        """Give the samples back; safe to call twice."""
        for sample in self._samples:
            with contextlib.suppress(*Refused):
                pynvml.nvmlGpmSampleFree(sample)
        self._samples, self._taken = [], 0

    def _begin(self, handle: Any) -> None:
        if not pynvml.nvmlGpmQueryDeviceSupport(handle).isSupportedDevice:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        self._request = pynvml.c_nvmlGpmMetricsGet_t()
        self._request.version = pynvml.NVML_GPM_METRICS_GET_VERSION
        self._request.numMetrics = len(METRICS)
        for place, number in enumerate(METRICS):
            self._request.metrics[place].metricId = number
        for _ in range(2):
            self._samples.append(pynvml.nvmlGpmSampleAlloc())


def _share(metric: Any) -> Number:
    if metric.nvmlReturn:
        return refusal(pynvml.NVMLError(metric.nvmlReturn))
    return float(metric.value / 100)
