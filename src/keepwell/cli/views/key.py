"""`keepwell key` on a screen: a new key's secret, then all keys."""

from __future__ import annotations

import time

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.serving.keyring import KeyLine, KeysReport
from keepwell.cli.words import clean
from keepwell.gateway.choice.ask import PRIORITIES

_COLUMNS = ("key", "made", "priority", "routes", "limits", "tokens today", "expires", "digest")


def render(report: KeysReport) -> RenderableType:
    """The secret with how it is used, then a line for each key."""
    parts: list[RenderableType] = []
    if report.done:
        parts.append(Text.assemble(("✓ ", "green"), clean(report.done)))
    if report.secret:
        how = "   shown this once; send it as Authorization: Bearer KEY"
        parts.append(Text.assemble("  ", (report.secret, "bold"), how))
    if not report.keys:
        parts.append(Text("No keys: the gateway serves this machine alone. keepwell key new NAME makes one."))
        return Group(*parts)
    table = Table(box=None, pad_edge=False)
    for name in _COLUMNS:
        table.add_column(name)
    for one in report.keys:
        table.add_row(*_words(one))
    return Group(*parts, table)


def _words(one: KeyLine) -> list[str]:
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.made_at))
    return [
        clean(one.name) + " (admin)" * one.admin + " (proposes)" * one.propose,
        made,
        _priority(one),
        clean(", ".join(one.routes) or "all", 60),
        _limits(one),
        str(one.tokens_today or "-"),
        _expires(one),
        one.digest,
    ]


def _priority(one: KeyLine) -> str:
    words = {number: word for word, number in PRIORITIES.items()}
    return words[one.priority] + f" x{one.weight:g}" * (one.weight != 1.0)


def _limits(one: KeyLine) -> str:
    limits = {
        "requests a minute": one.per_minute,
        "tokens a minute": one.tokens_per_minute,
        "tokens a day": one.tokens_per_day,
        "at once": one.at_once,
    }
    return ", ".join(f"{number} {word}" for word, number in limits.items() if number) or "none"


def _expires(one: KeyLine) -> str:
    if one.expired:
        return "expired"
    if not one.expires_at:
        return "never"
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(one.expires_at))
