"""The whole way over a real sshd: what differs, the plan, its changes, nothing to do afterwards, then against now."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.app.desired.against import compare_times
from keepwell.app.desired.drifting import find_drift
from keepwell.app.desired.planning import plan_all
from keepwell.app.operation import Caller
from keepwell.conform.actions import perform
from keepwell.store.journal import list_runs
from keepwell.testing.sshd import find_sshd, run_sshd
from keepwell.transport.ssh.way import open_ssh

NODE = """
[[node]]
name = "gpu01"
address = "{address}"
port = {port}
user = "{user}"
key = "{key}"
known_hosts = "{known_hosts}"

[[desired]]
nodes = ["gpu01"]
[[desired.environment]]
path = "{root}/x.env"
values = {{A = "1"}}
[[desired.folder]]
path = "{root}/models"
mode = "0750"
"""


@pytest.mark.skipif(not find_sshd(), reason="no sshd here")
async def test_the_whole_way(tmp_path: Path) -> None:
    root = tmp_path / "far"
    root.mkdir()
    (root / "x.env").write_bytes(b"# mine\r\nA=0\r\nB=2\r\n")
    with run_sshd(tmp_path / "sshd") as server:
        node = server.node()
        fields = {name: getattr(node, name) for name in ("address", "port", "user", "key", "known_hosts")}
        (tmp_path / "keepwell.toml").write_text(NODE.format(root=root, **fields))
        caller = Caller(config=tmp_path / "keepwell.toml", state=tmp_path / "state")

        first = await find_drift(caller, [])
        assert [(one.node, [wish.state for wish in one.wishes]) for one in first.nodes] == [
            ("gpu01", ["differs", "differs"])
        ]
        report = await plan_all(caller, "gpu01", [])
        (run,) = report.planned
        assert (run.plan.check, run.plan.wishes) == (
            "desired.several",
            (f"environment {root}/x.env", f"folder {root}/models"),
        )
        assert str(run.plan.subject) == "node:gpu01"
        assert (await plan_all(caller, "", ["gpu01"])).planned[0].id == run.id  # the same plan waits once
        assert len(list_runs(tmp_path / "state")) == 1
        assert [one.plan.check for one in (await plan_all(caller, "folder", [])).planned] == ["desired.folder"]

        hands = await open_ssh(node, changes=True)
        for change in run.plan.changes:
            await perform(change.do, hands)
        await hands.close()
        assert (root / "x.env").read_bytes() == b"# mine\r\nA=1\r\nB=2\r\n"
        assert (root / "models").stat().st_mode & 0o7777 == 0o750

        again = await find_drift(caller, ["gpu01"])
        assert again.exit_code == 0
        assert (await plan_all(caller, "gpu01", [])).planned == ()
        since = await compare_times(caller, [], f"{run.id}")
        (pair,) = since.between
        assert [(one.before, one.after) for one in pair.differences if one.key == "values.A"] == [("0", "1")]
        early = await compare_times(caller, [], "2001-01-01")
        assert early.exit_code == 3
        assert "no look was kept" in early.unreached[0].what
