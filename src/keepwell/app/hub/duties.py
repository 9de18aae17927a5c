"""Which duties the hub has, in the order in which they begin. One that cannot be loaded costs only itself."""

from __future__ import annotations

import importlib

from keepwell.app.hub.duty import Duty

#: Each as `module:Class` below `keepwell.app.hub`; the class is made without arguments.
DUTIES: tuple[str, ...] = (
    "collecting:Collecting",
    "surveying:Surveying",
    "rolling:Rolling",
    "answering:Answering",
    "asking:Asking",
    "moving:Moving",
    "objectives:Objectives",
    "sending:Sending",
    "trends:Trends",
    "limits:Limits",
    "smoking:Smoking",
    "benchmarks:Benchmarks",
    "alerting:Alerting",
    "overviewing:Overviewing",
    "telling:Telling",
)


def make_duty(name: str) -> Duty:
    """The duty of this name, new. Raises what its module raises."""
    module, _, kind = name.partition(":")
    made = getattr(importlib.import_module(f"keepwell.app.hub.{module}"), kind)()
    if not isinstance(made, Duty):
        raise TypeError(f"{name} is no Duty")
    return made
