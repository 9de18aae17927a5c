"""Steps of the machine below the engines, cut short after any number of changes: what was made is taken back wholly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from keepwell.conform.actions import perform
from keepwell.plugins.wish import Keeps, Wish
from keepwell.steps.gpu import STEP as GPU
from keepwell.steps.log_rotation import STEP as LOG_ROTATION
from keepwell.steps.modules import STEP as MODULES
from keepwell.steps.mount import STEP as MOUNT
from keepwell.steps.packages import STEP as PACKAGES
from keepwell.steps.timer import STEP as TIMER
from keepwell.testing.fake_packages import FakeApt
from keepwell.testing.fake_settings import FakeCard
from keepwell.testing.rooted import RootedNode
from tests.steps import test_gpu, test_log_rotation, test_modules, test_mount, test_packages, test_timer
from tests.steps.keeping import find_drift, make, snapshot


def gpu_node(folder: Path) -> RootedNode:
    return test_gpu.make_node(folder, FakeCard(uuid="GPU-a"), FakeCard(uuid="GPU-b"))


def mount_node(folder: Path) -> RootedNode:
    return test_mount.make_node(folder, systemd=True)


def packages_node(folder: Path) -> RootedNode:
    return test_packages.make_node(folder, "ID=debian\n", FakeApt(test_packages.VERSIONS))


@pytest.mark.parametrize(
    ("step", "wish", "build"),
    [
        (GPU, test_gpu.WISH, gpu_node),
        (LOG_ROTATION, test_log_rotation.WISH, test_log_rotation.make_node),
        (MODULES, test_modules.WISH, test_modules.make_node),
        (MOUNT, test_mount.SHARE, mount_node),
        (PACKAGES, test_packages.WISH, packages_node),
        (TIMER, test_timer.WISH, test_timer.make_node),
    ],
)
async def test_any_number_of_changes_is_taken_back_and_the_rest_can_still_be_made(
    tmp_path: Path, step: Keeps, wish: Wish, build: Callable[[Path], RootedNode]
) -> None:
    (tmp_path / "node").mkdir()
    node = build(tmp_path / "node")
    before = snapshot(node.root)
    drift = await find_drift(step, wish, node)
    for count in range(1, len(drift.changes) + 1):
        for change in drift.changes[:count]:
            await perform(change.do, node)
        for change in reversed(drift.changes[:count]):
            assert change.undo is not None
            await perform(change.undo, node)
        assert snapshot(node.root) == before, count
    for change in drift.changes[:1]:
        await perform(change.do, node)
    await make(await find_drift(step, wish, node), node)  # what is still to do is found out anew
    assert (await find_drift(step, wish, node)).same
