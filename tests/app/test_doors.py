"""Asking the gateway that runs: none there, and one that does not answer, are told apart."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from keepwell.app.serving.doors import require_serving
from keepwell.core.errors import Unreachable
from keepwell.gateway.door import DoorPlate, save_plate
from keepwell.transport.local import LocalTransport
from tests.support import free_port


async def test_no_gateway_and_a_silent_one_are_two_things(tmp_path: Path) -> None:
    transport = LocalTransport()
    with pytest.raises(Unreachable, match="no gateway runs here"):
        await require_serving(tmp_path, transport)
    save_plate(tmp_path, DoorPlate(pid=os.getpid(), port=free_port(), secret="s"))
    with pytest.raises(Unreachable, match=rf"process {os.getpid()}\) and did not answer"):
        await require_serving(tmp_path, transport)
