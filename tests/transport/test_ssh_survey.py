"""A survey over SSH sees of a node what a survey on it sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.core.observation import Missing
from keepwell.survey.survey import SurveyResult, survey
from keepwell.testing.sshd import find_sshd, run_sshd
from keepwell.transport.clock import SystemClock
from keepwell.transport.local import LocalTransport
from keepwell.transport.ssh.way import open_ssh


def _known(result: SurveyResult) -> dict[str, bool]:
    """What was observed of the node itself, by name, and whether there was nothing (for want of time is no matter)."""
    return {
        one.name: isinstance(one.value, Missing) and "within" not in one.value.reason
        for one in result.seen
        if one.subject.kind == "node"
    }


@pytest.mark.skipif(not find_sshd(), reason="no sshd here")
async def test_the_same_is_seen(tmp_path: Path) -> None:
    here = LocalTransport("far")
    with run_sshd(tmp_path / "sshd") as server:
        there = await open_ssh(server.node())
        try:
            near, far = await survey(here, SystemClock(), level=2), await survey(there, SystemClock(), level=2)
        finally:
            await there.close()
            await here.close()
    assert _known(far) == _known(near)
    assert len(_known(far)) > 10
