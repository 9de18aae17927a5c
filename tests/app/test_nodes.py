"""Several nodes at once: what fails is named and harms no other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from keepwell.app.nodes import ask_all
from keepwell.app.operation import silent
from keepwell.app.targets import Target
from keepwell.app.unreached import Unreached
from keepwell.core.errors import Unreachable

NODES = [Target(name=name) for name in ("a", "gone", "hangs", "b")]


@contextlib.asynccontextmanager
async def way(target: Target) -> AsyncIterator[Target]:
    if target.name == "gone":
        raise Unreachable("connection refused", where="10.0.0.9:22", command="ssh 10.0.0.9", hint="is sshd running?")
    yield target


async def ask(target: Target) -> str:
    if target.name == "hangs":
        await asyncio.Event().wait()
    return target.name.upper()


async def test_each_answer_in_its_place() -> None:
    told: list[tuple[str, int, int]] = []
    answers = await ask_all(NODES, way, ask, lambda *row: told.append(row), node_seconds=0.05)
    assert answers[0] == "A"
    assert answers[1] == Unreached(
        node="gone",
        what="connection refused",
        where="10.0.0.9:22",
        command="ssh 10.0.0.9",
        hint="is sshd running?",
    )
    assert isinstance(answers[2], Unreached)
    assert "0.05 s" in answers[2].what
    assert answers[3] == "B"
    assert [row[1:] for row in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]


async def test_a_bug_is_not_hidden() -> None:
    async def broken(target: Target) -> str:
        raise KeyError(target.name)

    with pytest.raises(ExceptionGroup):
        await ask_all(NODES, way, broken, silent)
