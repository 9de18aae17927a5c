"""`keepwell forecast` on a screen: a line for each room, the soonest full first, then each step."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.forecasts import ForecastReport
from keepwell.cli.words import clean, figure, sign
from keepwell.core.finding import Finding
from keepwell.core.observation import Value
from keepwell.core.values import find_number, text_of, texts_of

_NOTHING = "Nothing is known yet: the hub of `keepwell up` has to run for some hours."


def render(report: ForecastReport) -> RenderableType:
    """Rooms and steps, or why there are none."""
    rooms = sorted((one for one in report.findings if one.check == "trend.rooms"), key=_order)
    parts: list[RenderableType] = [_line(one) for one in rooms]
    if report.steps:
        parts.append(Text("\nSteps", style="bold"))
        parts += [_step(row) for row in report.steps]
    if not parts:
        return Text(_NOTHING)
    if not report.steps:
        parts.append(Text("\nNothing became slower or faster at one moment in the last days.", style="dim"))
    return Group(*parts)


def _order(one: Finding) -> tuple[int, float, str]:
    days = float(one.facts.get("days", "inf"))
    return -int(one.status), days, str(one.subject)


def _line(one: Finding) -> Text:
    return sign(one.status) + Text(f" {clean(str(one.subject))}", style="bold") + Text(f"  {clean(one.message)}")


def _step(row: Mapping[str, Value]) -> Text:
    at = time.strftime("%a %H:%M", time.localtime(find_number(row.get("at")) or 0.0))
    before, after = (figure(find_number(row.get(name)) or 0.0) for name in ("before", "after"))
    word = {True: "slower", False: "faster"}[row.get("worse") is True]
    over = " (over)" * (row.get("standing") is not True)
    words = f"{at}  {text_of(row, 'subject')}  {text_of(row, 'name')}: {before} to {after}, {word}{over}"
    events = texts_of(row.get("events"))
    if events:
        words += f"; shortly before: {'; '.join(events)}"
    return Text(f"  {clean(words, 1000)}")
