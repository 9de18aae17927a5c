"""What a run's node used while it went on: its devices' power, read now and then, times the time between. Pure."""

from __future__ import annotations

import re

from keepwell.core.observation import Missing, unknown

#: Joules in what energy is counted in.
UNITS = {"J": 1.0, "kJ": 1e3, "MJ": 1e6, "Wh": 3.6e3, "kWh": 3.6e6}
_WRITTEN = re.compile(r"(\d+(?:\.\d+)?)\s*(J|kJ|MJ|Wh|kWh)")
#: Seconds between two readings beyond which nobody knows what was between them.
GAP_SECONDS = 60.0


class Energy:
    """Instants are monotonic seconds. It is unknown for the whole where it was for a part: no sum is without that."""

    def __init__(self, why: str = "") -> None:
        """`why` it cannot be known at all, "" where it can."""
        #: Watts as last read.
        self.watts: float | Missing = unknown(why or "its power was not read yet")
        self._joules = 0.0
        self._why = why
        self._last: tuple[float, float] | None = None

    @property
    def joules(self) -> float | Missing:
        """All until the last reading."""
        if self._why:
            return unknown(self._why)
        if self._last is None:
            return unknown("its power was not read yet")
        return self._joules

    def add(self, at: float, watts: float | Missing) -> None:
        """A reading: between two of them power is taken to go evenly from one to the other."""
        self.watts = watts
        if isinstance(watts, Missing):
            self._why = self._why or watts.reason
            return
        if self._last is not None:
            before, was = self._last
            if at - before > GAP_SECONDS:
                self._why = self._why or f"its power was not known for {at - before:.0f} s"
            self._joules += (at - before) * (was + watts) / 2
        self._last = (at, watts)


def parse_energy(written: str) -> float:
    """Joules of "2kWh", "500 Wh", "3MJ". Raises ValueError."""
    found = _WRITTEN.fullmatch(written.strip())
    if found is None or not float(found[1]):
        raise ValueError(f"energy like 500Wh, 2kWh or 3MJ, not {written!r}")
    return float(found[1]) * UNITS[found[2]]


def render_energy(joules: float) -> str:
    """In watt-hours, below one in joules."""
    if joules < UNITS["Wh"]:
        return f"{joules:.3g} J"
    if joules < UNITS["kWh"]:
        return f"{joules / UNITS['Wh']:.3g} Wh"
    return f"{joules / UNITS['kWh']:.4g} kWh"
