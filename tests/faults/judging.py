"""What a test reads in keepwell's answer, and the printed fix carried out to the letter."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from keepwell.testing.waiting import eventually
from keepwell.testing.world import World

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


def carry_out(
    world: World, answer: dict[str, Any], blanks: Mapping[str, str] | None = None, env: Mapping[str, str] | None = None
) -> list[list[str]]:
    """The fix of the first cause, each command exactly as it is given, in this environment; what was run.

    `blanks` are what only the owner can fill in ("source": where a whole copy of a file lies), shown as <source>.
    """
    fix, known = answer["hypotheses"][0]["fix"], blanks or {}
    assert fix is not None, "no fix is given"
    assert set(fix["missing"]) <= set(known), (fix["missing"], fix["say"])
    assert fix["commands"], fix["say"]
    done: list[list[str]] = []
    for number, command in enumerate(fix["commands"]):
        argv = [_filled(word, known) for word in command["argv"]]
        done.append(argv)
        if command["background"]:
            world.start(argv, log=world.root / f"fix-{number}.log")
            continue
        ran = world.run(argv, env=env)
        assert ran.returncode == 0, (argv, ran.stdout[-300:], ran.stderr[-300:])
        if argv[0] == "kill" and argv[-2] != "-CONT":
            eventually(partial(_gone, world, argv[-1]), 20, f"the end of process {argv[-1]}")
    return done


def _gone(world: World, pid: str) -> bool:
    """Nobody types the next command before this."""
    return world.run(["kill", "-0", pid]).returncode != 0


def _filled(word: str, known: Mapping[str, str]) -> str:
    for name, value in known.items():
        word = word.replace(f"<{name}>", value)
    return word
