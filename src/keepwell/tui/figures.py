"""Numbers as cells: rounded to steps, and steady while a number only trembles, so that few cells change a second."""

from __future__ import annotations

from dataclasses import dataclass, field

from keepwell.core.observation import Missing
from keepwell.tui.cells import Cell, Tone

#: Shares from which a load is some and much, and the same of memory: nvitop's, which people know.
LOAD_SOME, LOAD_MUCH = 0.10, 0.75
MEMORY_SOME, MEMORY_MUCH = 0.10, 0.80
#: Degrees from which a device is warm, and hot: most lower their clocks at 83 to 90.
WARM_CELSIUS, HOT_CELSIUS = 75.0, 85.0
#: Cells of a bar.
BAR = 8
#: Part of a step by which a number must leave the one that is shown, beyond half of it.
SLACK = 0.25
GIB = 2.0**30
#: What stands where there is no number; its reason is in the detail.
NONE = "–"
#: What a missing number is sorted as: below all.
LOWEST = -1.0


@dataclass(slots=True)
class Figures:
    """`shown` are steps that stand on the screen, by what they are about. `plain`: ASCII alone."""

    plain: bool = False
    shown: dict[tuple[str, str], float] = field(default_factory=dict)

    def steady(self, subject: str, name: str, value: float, step: float) -> float:
        """The value in whole steps; the one that is shown while the value is near it."""
        key = subject, name
        old = self.shown.get(key)
        if old is not None and abs(value - old) <= step * (0.5 + SLACK):
            return old
        found = self.shown[key] = round(value / step) * step
        return found

    def ratio(self, subject: str, name: str, value: float | Missing, some: float, much: float) -> Cell:
        """A share as per cent, in steps of two."""
        if isinstance(value, Missing):
            return self.none()
        shown = self.steady(subject, name, value, 0.02)
        return Cell(f"{shown * 100:.0f}%", judge(shown, some, much), (value, ""))

    def bar(self, subject: str, name: str, value: float | Missing, some: float, much: float) -> Cell:
        """A share as a bar."""
        if isinstance(value, Missing):
            return Cell("")
        full = round(self.steady(subject, f"{name} bar", value, 1 / BAR) * BAR)
        full = max(0, min(BAR, full))
        mark, rest = ("█", "░")
        if self.plain:
            mark, rest = ("#", ".")
        return Cell(mark * full + rest * (BAR - full), judge(value, some, much), (value, ""))

    def memory(self, subject: str, used: float | Missing, total: float | Missing) -> Cell:
        """Used and all of it, in GiB."""
        if isinstance(used, Missing):
            return self.none()
        shown = self.steady(subject, "used", used, 0.2 * GIB) / GIB
        if isinstance(total, Missing):
            return Cell(f"{shown:.1f}G", "", (used, ""))
        return Cell(
            f"{shown:.1f}/{total / GIB:.0f}G", judge(share_of(used, total), MEMORY_SOME, MEMORY_MUCH), (used, "")
        )

    def heat(self, subject: str, value: float | Missing) -> Cell:
        """Degrees, with a mark where it is hot."""
        if isinstance(value, Missing):
            return self.none()
        shown = self.steady(subject, "heat", value, 1.0)
        tone: Tone = ""
        if shown >= HOT_CELSIUS:
            tone = "bad"
        elif shown >= WARM_CELSIUS:
            tone = "warn"
        return Cell("!" * (tone == "bad") + f"{shown:.0f}C", tone, (value, ""))

    def power(self, subject: str, value: float | Missing) -> Cell:
        """Watts, in steps of five."""
        if isinstance(value, Missing):
            return self.none()
        return Cell(f"{self.steady(subject, 'power', value, 5.0):.0f}W", "", (value, ""))

    def clock(self, subject: str, hertz: float | Missing) -> Cell:
        """Megahertz, in steps of fifty."""
        if isinstance(hertz, Missing):
            return self.none()
        return Cell(f"{self.steady(subject, 'clock', hertz, 5e7) / 1e6:.0f}M", "dim", (hertz, ""))

    def size(self, subject: str, value: float | Missing) -> Cell:
        """Bytes in GiB, or MiB below a tenth of one."""
        if isinstance(value, Missing):
            return self.none()
        if value < 0.1 * GIB:
            return Cell(f"{value / 2**20:.0f}M", "", (value, ""))
        return Cell(f"{self.steady(subject, 'size', value, 0.1 * GIB) / GIB:.1f}G", "", (value, ""))

    def count(self, value: float | Missing) -> Cell:
        """A whole number; 0 is pale."""
        if isinstance(value, Missing):
            return self.none()
        tone: Tone = ""
        if not value:
            tone = "dim"
        return Cell(f"{value:.0f}", tone, (value, ""))

    def rate(self, subject: str, value: float | Missing) -> Cell:
        """Tokens a second: three digits that count."""
        if isinstance(value, Missing):
            return self.none()
        step = 10.0 ** max(0, len(f"{value:.0f}") - 2)
        return Cell(f"{self.steady(subject, 'rate', value, step):.0f}/s", "", (value, ""))

    def seconds(self, value: float | Missing, *, ago: bool = False) -> Cell:
        """A length of time, the coarser the longer."""
        if isinstance(value, Missing):
            return self.none()
        return Cell(length(value) + " ago" * ago, "", (value, ""))

    def none(self) -> Cell:
        """No number."""
        return Cell({True: "-", False: NONE}[self.plain], "dim", (LOWEST, ""))

    def forget(self, subjects: set[str]) -> None:
        """Let go of all that is about none of these."""
        for key in [key for key in self.shown if key[0] not in subjects]:
            del self.shown[key]


def judge(value: float, some: float, much: float) -> Tone:
    """A share as a tone: a little is pale, much stands out."""
    if value >= much:
        return "warn"
    if value < some:
        return "dim"
    return "good"


def share_of(used: float | Missing, total: float | Missing) -> float:
    """0..1; 0 where it cannot be told."""
    if isinstance(used, Missing) or isinstance(total, Missing) or not total:
        return 0.0
    return used / total


def length(seconds: float) -> str:
    """Seconds as a person reads them on a screen that changes: 0.4s, 7s, 1m20s, 12m, 3h, 2d."""
    if seconds < 1:
        return f"{seconds:.1f}s"
    if seconds < 60:
        return f"{seconds:.0f}s"
    if seconds < 600:
        return f"{seconds // 60:.0f}m{seconds % 60 // 10 * 10:02.0f}s"
    for unit, name in ((86400, "d"), (3600, "h")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f}{name}"
    return f"{seconds / 60:.0f}m"
