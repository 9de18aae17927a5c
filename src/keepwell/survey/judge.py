"""Runs every check over what was seen: pure, worst findings first."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from keepwell.core.finding import Check, Finding
from keepwell.core.observation import Seen
from keepwell.plugins import registry


def load_checks(level: int) -> tuple[Check, ...]:
    """Every check that can say something at this level of a diagnosis, by the file it stands in."""
    return tuple(one for one in _all() if one.level <= level and not one.purpose)


def checks_for(purpose: str) -> tuple[Check, ...]:
    """Every check of a purpose, by the file it stands in; () for a purpose that has none."""
    return tuple(one for one in _all() if one.purpose == purpose)


@cache
def find_purposes() -> tuple[str, ...]:
    """All purposes that checks have beside a diagnosis."""
    return tuple(sorted({one.purpose for one in _all() if one.purpose}))


@cache
def _all() -> tuple[Check, ...]:
    found = (one for checks in registry.load_all("checks").values() if isinstance(checks, tuple) for one in checks)
    return tuple(one for one in found if isinstance(one, Check))


def judge(seen: Seen, checks: Iterable[Check]) -> tuple[Finding, ...]:
    """All findings, the worst first, then by check and subject."""
    return tuple(sorted((finding for one in checks for finding in one.judge(seen)), key=_worst_first))


def _worst_first(one: Finding) -> tuple[int, str, str]:
    return -one.status, one.check, str(one.subject)
