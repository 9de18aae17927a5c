"""What a test reads in keepwell's answer, and the printed fix carried out to the letter."""

from __future__ import annotations

from typing import Any

from tests.faults.world import World

#: Above this a cause counts as named.
NAMED = 0.5


def causes(answer: dict[str, Any]) -> list[tuple[str, float]]:
    """All causes with their confidence: the first fault's ranking, then those of other faults."""
    diagnosis = answer
    return [(one["issue"], round(one["confidence"], 3)) for one in (*diagnosis["hypotheses"], *diagnosis["also"])]


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
    assert likely_causes(answer) == [], told


def carry_out(world: World, answer: dict[str, Any]) -> list[list[str]]:
    """The fix of the first cause, each command exactly as it is given; what was run."""
    fix = answer["hypotheses"][0]["fix"]
    assert fix is not None, "no fix is given"
    assert fix["missing"] == [], (fix["missing"], fix["say"])
    assert fix["commands"], fix["say"]
    for number, command in enumerate(fix["commands"]):
        if command["background"]:
            world.start(command["argv"], log=world.root / f"fix-{number}.log")
            continue
        ran = world.run(command["argv"])
        assert ran.returncode == 0, (command["argv"], ran.stdout[-300:], ran.stderr[-300:])
    return [command["argv"] for command in fix["commands"]]
