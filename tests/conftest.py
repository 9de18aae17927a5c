"""Settings of every test: examples have no time limit of their own, as a busy machine is no fault of the code."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator

import pytest
from hypothesis import settings

settings.register_profile("keepwell", deadline=None, print_blob=True)
settings.load_profile("keepwell")


#: Turns of the event loop in which a server sees that its client has gone, and lets go of the connection.
LAST_TURNS = 5


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every asynchronous test ends with `last_turns`, after all its other fixtures."""
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.fixturenames.insert(0, "last_turns")


@pytest.fixture
async def last_turns() -> AsyncIterator[None]:
    """Let the tasks of a test's own servers end before its event loop does: a cut one leaves its socket open."""
    yield
    for _ in range(LAST_TURNS):
        await asyncio.sleep(0)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--ways` looks at every fault over SSH and from a bundle too, `--record-matrix` writes what clients got."""
    parser.addoption("--ways", action="store_true", help="diagnose each fault over SSH and from a bundle as well")
    parser.addoption("--record-matrix", action="store_true", help="write tests/matrix/results.json again")
