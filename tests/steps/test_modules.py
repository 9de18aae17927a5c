"""Kernel modules: loaded at boot and now, kept away, with options; what others' files say counts."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from keepwell.conform.desired.look import look
from keepwell.core.observation import Missing, Observation, Seen
from keepwell.core.ref import Ref
from keepwell.core.step import RunCommand
from keepwell.steps.modules import LOAD_LIST, RULES, STEP
from keepwell.testing.fake_modprobe import FakeModprobe, write_loaded
from keepwell.testing.rooted import RootedNode
from tests.steps.keeping import find_drift, prove

WISH = {
    "load": ("nvidia-uvm", "loop"),
    "blacklist": ("nouveau",),
    "options": {"nvidia-drm": "modeset=1"},
}


def make_node(tmp_path: Path, loaded: tuple[str, ...] = ("ext4",), **files: str) -> RootedNode:
    for path, content in files.items():
        place = tmp_path / path.replace("__", "/").replace("_conf", ".conf")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
    (tmp_path / "etc").mkdir(exist_ok=True)
    write_loaded(tmp_path, loaded)
    return RootedNode(tmp_path, programs={"modprobe": FakeModprobe(["nvidia_uvm", "nouveau"], ["loop"])})


async def test_modules_are_loaded_kept_away_and_given_options_and_all_is_taken_back(tmp_path: Path) -> None:
    node = make_node(tmp_path)
    drift = await prove(STEP, WISH, node)
    assert Path(node.at(LOAD_LIST)).read_text() == "nvidia-uvm\nloop\n"
    assert Path(node.at(RULES)).read_text() == "options nvidia-drm modeset=1\nblacklist nouveau\n"
    assert (
        drift.before
        == "nvidia-uvm not loaded; loop loaded, not at boot; nouveau not on a blacklist; options nvidia-drm (none)"
    )
    commands = [one.do.argv for one in drift.changes if isinstance(one.do, RunCommand)]
    assert commands == [("modprobe", "nvidia-uvm")]  # loop is built in


async def test_what_is_loaded_is_not_taken_out_by_an_undo(tmp_path: Path) -> None:
    drift = await prove(STEP, WISH, make_node(tmp_path, loaded=("nvidia_uvm", "nouveau")))
    assert not [one for one in drift.changes if isinstance(one.do, RunCommand)]
    assert drift.kept == ("nouveau is loaded and stays so until the next boot (`modprobe -r nouveau` ends it now)",)


async def test_files_of_others_count_and_stay(tmp_path: Path) -> None:
    node = make_node(
        tmp_path,
        loaded=("nvidia_uvm",),
        etc__modules_load_d__nvidia_conf="nvidia_uvm\n",
        usr__lib__modprobe_d__away_conf="blacklist nouveau\noptions nvidia_drm  modeset=1\n",
    )
    # The names of folders hold a dash and a dot.
    (tmp_path / "etc" / "modules_load_d").rename(tmp_path / "etc" / "modules-load.d")
    (tmp_path / "usr" / "lib" / "modprobe_d").rename(tmp_path / "usr" / "lib" / "modprobe.d")
    assert (await find_drift(STEP, {**WISH, "load": ("nvidia-uvm",)}, node)).same


async def test_two_tables_for_one_node_add_up(tmp_path: Path) -> None:
    node = make_node(tmp_path)
    await prove(STEP, WISH, node)
    await prove(STEP, {"blacklist": ("rival",), "options": {"nvidia_drm": "modeset=1 fbdev=1"}}, node)
    assert Path(node.at(RULES)).read_text() == (
        "blacklist nouveau\noptions nvidia_drm modeset=1 fbdev=1\nblacklist rival\n"
    )


@pytest.mark.parametrize("line", ["blacklist nvidia_uvm", "install nvidia-uvm /bin/false"])
async def test_a_module_that_another_file_keeps_away_is_told(tmp_path: Path, line: str) -> None:
    node = make_node(tmp_path)
    (tmp_path / "etc" / "modprobe.d").mkdir()
    (tmp_path / "etc" / "modprobe.d" / "mine.conf").write_text(line)
    drift = await find_drift(STEP, WISH, node)
    assert (
        drift.problem
        == "/etc/modprobe.d/mine.conf keeps nvidia-uvm from being loaded at boot: take that line out first"
    )
    assert not drift.changes


async def test_a_module_that_the_kernel_does_not_have_is_told(tmp_path: Path) -> None:
    drift = await find_drift(STEP, {"load": ("nvidia-peermem",)}, make_node(tmp_path))
    assert "no module nvidia-peermem" in drift.problem
    drift = await find_drift(STEP, {"load": ("a-b",), "blacklist": ("a_b",)}, make_node(tmp_path))
    assert "wished both" in drift.problem


async def test_a_kernel_without_modules_cannot_be_told(tmp_path: Path) -> None:
    node = RootedNode(tmp_path)
    assert isinstance(STEP.compare(WISH, await look([partial(STEP.needs, WISH)], node)), Missing)


async def test_another_node_gets_what_the_files_say(tmp_path: Path) -> None:
    node = make_node(tmp_path)
    await prove(STEP, WISH, node)
    looked = await look([partial(STEP.needs, {})], node)
    assert STEP.copy({}, looked) == {
        "load": ("loop", "nvidia_uvm"),
        "blacklist": ("nouveau",),
        "options": {"nvidia_drm": "modeset=1"},
    }
    assert STEP.copy({"load": ("x",)}, looked) == {**WISH, "load": ("x",), "options": {"nvidia_drm": "modeset=1"}}
    told = Observation(subject=Ref("node", ("made",)), name="device.driver", value=(), at=1.0, source="test")
    assert STEP.propose(Seen([told]), "made") == ({},)
    assert STEP.propose(Seen(), "made") == ()
