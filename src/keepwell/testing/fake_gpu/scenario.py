"""One row of the table of machines: what it is, what must be seen, which findings are bad, which cause comes first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from keepwell.core.observation import Value
from keepwell.testing.fake_gpu.machine import FakeMachine


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A machine and what keepwell must say of it.

    `bad` are the checks that come out bad, all of them, with facts of one of their findings; `good` some that must
    be OK. `values` are observations: those of devices as "0 device.power_watts", the node's and the engine's by
    their name alone; `missing` likewise with the kind and some words of the reason. `cause` is the first cause,
    "" where nothing is wrong. `log_hidden`: the kernel's log may not be read.
    """

    say: str
    machine: FakeMachine
    bad: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    good: tuple[str, ...] = ()
    values: Mapping[str, Value] = field(default_factory=dict)
    missing: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    cause: str = ""
    log_hidden: bool = False
