"""The course of a number as a line of characters. Pure."""

from __future__ import annotations

from collections.abc import Sequence

_MARKS, _PLAIN = "▁▂▃▄▅▆▇█", "_.:-=+*#"


def draw_spark(values: Sequence[float], width: int, *, top: float = 0.0, plain: bool = False) -> str:
    """The last `width` of them, each as high as it is against `top` (their highest if that is more)."""
    marks = {True: _PLAIN, False: _MARKS}[plain]
    shown = values[-width:]
    high = max([top, *shown], default=0.0)
    if high <= 0:
        return marks[0] * len(shown)
    return "".join(marks[max(0, min(len(marks) - 1, int(one / high * len(marks))))] for one in shown)
