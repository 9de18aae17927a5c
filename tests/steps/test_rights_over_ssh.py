"""The same over a real sshd: a tree is judged, corrected and taken back; the far kernel's settings are read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from keepwell.conform.actions import perform
from keepwell.conform.desired.look import look
from keepwell.plugins.wish import Drift, Keeps, Wish
from keepwell.steps.account import STEP as ACCOUNT
from keepwell.steps.permissions import STEP as PERMISSIONS
from keepwell.steps.sysctl import STEP as SYSCTL
from keepwell.testing.sshd import find_sshd, run_sshd
from keepwell.transport.base import Hands
from keepwell.transport.ssh.way import open_ssh
from tests.steps.keeping import snapshot

TOKEN = "hf_" + "a1B2" * 8


@pytest.fixture
async def far(tmp_path: Path) -> AsyncIterator[Hands]:
    if not find_sshd():
        pytest.skip("no sshd here")
    with run_sshd(tmp_path / "sshd") as server:
        hands = await open_ssh(server.node(), changes=True)
        yield hands
        await hands.close()


async def compare(keeps: Keeps, wish: Wish, hands: Hands) -> Drift:
    drift = keeps.compare(wish, await look([partial(keeps.needs, wish)], hands))
    assert isinstance(drift, Drift), drift
    return drift


async def test_a_tree_is_corrected_and_taken_back(tmp_path: Path, far: Hands) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    tree.chmod(0o755)
    for name, mode, text in (("open", 0o666, ""), ("app.conf", 0o644, f"token = {TOKEN}\n"), ("suid", 0o4755, "")):
        (tree / name).write_text(text)
        (tree / name).chmod(mode)
    before = snapshot(tree)
    drift = await compare(PERMISSIONS, {"path": str(tree)}, far)
    assert [Path(one.subject.name).name for one in drift.changes] == ["app.conf", "open", "suid"]
    for change in drift.changes:
        await perform(change.do, far)
    assert (await compare(PERMISSIONS, {"path": str(tree)}, far)).same
    for change in reversed(drift.changes):
        assert change.undo is not None
        await perform(change.undo, far)
    assert snapshot(tree) == before


async def test_its_kernel_and_its_accounts_are_read(far: Hands) -> None:
    drift = await compare(SYSCTL, {"values": {"kernel.ostype": "Linux"}}, far)
    assert drift.before.startswith("kernel.ostype = Linux")
    assert (await compare(ACCOUNT, {"user": "root", "group": "root", "home": "/root"}, far)).same
    assert (await compare(ACCOUNT, {"user": "keepwell-test-nobody"}, far)).before == "no such account"
