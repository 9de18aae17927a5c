"""What a test asks of the machine that it runs on; without it the test is skipped."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

from keepwell.testing.world import lacking


def skip(reason: str) -> NoReturn:
    """Skip the test, or fail it where everything must be there (CI=true)."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"with CI=true nothing may be skipped: {reason}")
    pytest.skip(reason)


def need(*programs: str) -> None:
    """Skip unless these programs are there."""
    missing = lacking(*programs)
    if missing:
        skip(missing)


def need_root(*programs: str) -> None:
    """Skip unless these programs are there and the test runs as root."""
    need(*programs)
    if os.geteuid():
        skip("this takes root")
