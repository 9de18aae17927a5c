"""What a test reads in keepwell's answer."""

from __future__ import annotations

from typing import Any

#: Above this a cause counts as named.
NAMED = 0.5


def causes(answer: dict[str, Any]) -> list[tuple[str, float]]:
    """All causes with their confidence: the first fault's ranking, then those of other faults."""
    return [(one["issue"], round(one["confidence"], 3)) for one in (*answer["hypotheses"], *answer["also"])]


def likely_causes(answer: dict[str, Any]) -> list[tuple[str, float]]:
    """Causes above one half."""
    return [one for one in causes(answer) if one[1] > NAMED]


def bad_checks(answer: dict[str, Any]) -> set[str]:
    """The checks that came out as a warning or critical."""
    return {one["check"] for one in answer["findings"] if one["status"] in ("warning", "critical")}


def assert_named(answer: dict[str, Any], issue: str, check: str) -> None:
    """The cause is the first, and the check that tells of it is bad."""
    told = [(one["check"], one["message"], one["facts"]) for one in answer["findings"]]
    assert check in bad_checks(answer), told
    assert causes(answer), told
    assert causes(answer)[0][0] == issue, (causes(answer)[:4], told)


def assert_well(answer: dict[str, Any], check: str) -> None:
    """The check no longer complains, and nothing is named any more."""
    told = [(one["check"], one["message"]) for one in answer["findings"]]
    assert check not in bad_checks(answer), told
    assert likely_causes(answer) == [], (likely_causes(answer), told, reasons(answer))


def reasons(answer: dict[str, Any]) -> list[tuple[float, str]]:
    """What speaks for the first cause, for the message of a test that fails."""
    first = answer["hypotheses"][:1]
    return [(row["weight"], row["quote"][:120]) for one in first for row in one["supporting"]]
