"""Fixtures of the tests of engines."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from keepwell.transport.local import LocalTransport


@pytest.fixture
async def transport() -> AsyncIterator[LocalTransport]:
    """This machine."""
    made = LocalTransport("node")
    yield made
    await made.close()
