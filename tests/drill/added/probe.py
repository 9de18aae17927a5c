"""Looks at the weather."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Observation, failed
from keepwell.plugins.place import Place
from keepwell.plugins.probe import Probe, ProbeEffect


class _Weather:
    """Reads a file."""

    level = 1
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.01
    gives: tuple[str, ...] = ("drill.weather",)
    needs: tuple[str, ...] = ()

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation."""
        try:
            text = (await place.transport.read("/drill/weather")).decode()
        except AccessError as error:
            return [place.saw("drill.weather", failed(error), "/drill/weather")]
        return [place.saw("drill.weather", text.strip(), "/drill/weather")]


PROBE: Probe = _Weather()
