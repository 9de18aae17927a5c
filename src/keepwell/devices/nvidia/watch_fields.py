"""Numbered fields of NVML, several in one call: which there are in a driver, and what their numbers mean.

PCIe throughput is taken from the drivers' counters alone: nvmlDeviceGetPcieThroughput waits 20 ms for each direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pynvml

from keepwell.core.observation import Missing, absent, failed
from keepwell.devices.nvidia.watch_questions import EACH_LOOK, OFTEN, Name, Number, Question, refusal


class Field(NamedTuple):
    """A field: its number (nvml.h, NVML_FI_DEV_*; 0 where this driver has none), its series, what its value is divided
    by, and which part of the card is meant.
    """

    number: int
    name: Name
    divisor: float = 1
    scope: int = 0


#: Numbers of the counters of time with lowered clocks (thermal, thermal by hardware, power brake) by the first branch
#: of the driver that has them so. They moved: NVIDIA's bindings 12.575 and 13.580 have 251 to 253, those from 13.590 on
#: 269 to 271, and those before 12.575 none.
_LOWERED: tuple[tuple[int, tuple[int, int, int]], ...] = ((590, (269, 270, 271)), (575, (251, 252, 253)))
#: Means all of a card's links together (nvml.h: the greatest unsigned number).
ALL_LINKS = 0xFFFFFFFF
_NO_NUMBER = absent("NVML: this driver has no such field")
#: ctypes' names of a field's value by its type (nvmlValueType_t).
_KINDS = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")


def field_questions(driver: str) -> tuple[Question, ...]:
    """What is asked by fields of a driver of this version ("550.54.14")."""
    heat = (Field(82, ("device.memory_temperature_celsius", ())),)
    return (
        Question(names=_names(heat), ask=_Fields(heat), every_seconds=EACH_LOOK),
        Question(names=_names(_counters(driver)), ask=_Fields(_counters(driver)), every_seconds=OFTEN),
    )


def _counters(driver: str) -> tuple[Field, ...]:
    """Counters. Energy is in millijoules, time with lowered clocks in nanoseconds, what went over NVLink in KiB."""
    thermal, hardware, brake = _lowered(driver)
    return (
        Field(83, ("device.energy_joules_total", ()), 1e3),
        Field(94, ("device.link_replays_total", ())),
        Field(197, ("device.link_sent_bytes_total", ())),
        Field(198, ("device.link_received_bytes_total", ())),
        Field(138, ("device.peer_link_sent_bytes_total", ()), 1 / 1024, ALL_LINKS),
        Field(139, ("device.peer_link_received_bytes_total", ()), 1 / 1024, ALL_LINKS),
        Field(74, _time_with("power-limit"), 1e9),
        Field(thermal, _time_with("thermal"), 1e9),
        Field(hardware, _time_with("thermal-hardware"), 1e9),
        Field(brake, _time_with("power-brake"), 1e9),
    )


def _lowered(driver: str) -> tuple[int, int, int]:
    branch = driver.partition(".")[0]
    if not (branch.isascii() and branch.isdecimal()):
        return (0, 0, 0)
    known = [numbers for first, numbers in _LOWERED if int(branch) >= first]
    return (known or [(0, 0, 0)])[0]


def _time_with(reason: str) -> Name:
    return "device.throttled_seconds_total", (("reason", reason),)


def _names(fields: Sequence[Field]) -> tuple[Name, ...]:
    return tuple(field.name for field in fields)


class _Fields:
    """Asks a card for fields, those without number left out."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = tuple(fields)
        self._numbers = [(field.number, field.scope) for field in fields if field.number]

    def __call__(self, handle: Any) -> tuple[Number, ...]:
        answers = iter(pynvml.nvmlDeviceGetFieldValues(handle, self._numbers))
        return tuple(_value(field, answers) for field in self._fields)


def _value(field: Field, answers: Any) -> Number:
    if not field.number:
        return _NO_NUMBER
    return _number_in(next(answers), field.divisor)


def _number_in(answer: Any, divisor: float) -> float | Missing:
    if answer.nvmlReturn:
        return refusal(pynvml.NVMLError(answer.nvmlReturn))
    if not 0 <= answer.valueType < len(_KINDS):
        return failed(f"NVML: a value of the unknown type {answer.valueType}")
    return float(getattr(answer.value, _KINDS[answer.valueType]) / divisor)
