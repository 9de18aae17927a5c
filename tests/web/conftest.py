"""One Chromium for all tests of pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.browser import Chromium, chromium_running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """See `tests.web.browser`."""
    with chromium_running() as running:
        yield running
