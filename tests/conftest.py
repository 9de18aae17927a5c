"""Settings of every test: examples have no time limit of their own, as a busy machine is no fault of the code."""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("keepwell", deadline=None, print_blob=True)
settings.load_profile("keepwell")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--ways` looks at every fault over SSH and from a bundle too, `--record-matrix` writes what clients got."""
    parser.addoption("--ways", action="store_true", help="diagnose each fault over SSH and from a bundle as well")
    parser.addoption("--record-matrix", action="store_true", help="write tests/matrix/results.json again")
