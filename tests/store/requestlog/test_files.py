"""The log in files keeps the contract of every log of requests."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.store.request_log import RequestLog
from keepwell.store.requestlog.files import RequestFiles
from keepwell.testing.request_log_contract import CHECKS, Check, Wall


@pytest.mark.parametrize("check", CHECKS)
def test_contract(check: Check, tmp_path: Path) -> None:
    def make(wall: Wall) -> RequestFiles:
        return RequestFiles(tmp_path / "requests", wall)

    assert isinstance(make(Wall()), RequestLog)
    check(make)
