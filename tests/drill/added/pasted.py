"""A pasted weather report as the observation that the probe makes."""

from __future__ import annotations

from collections.abc import Iterable

from keepwell.formats.transcript import Transcript
from keepwell.plugins.pasted import Told


class PastedWeather:
    """Gives drill.weather."""

    hints = ("weather: ",)
    gives = ("drill.weather",)

    def read(self, text: Transcript) -> Iterable[Told]:
        """The last report."""
        for line in text.lines:
            if line.text.startswith("weather: "):
                yield Told(name="drill.weather", value=line.text.removeprefix("weather: "), lines=(line.number,))


PASTED = PastedWeather()
