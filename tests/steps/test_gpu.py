"""GPU settings: set now and at each boot, taken back to what each card had."""

from __future__ import annotations

import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest

from keepwell.conform.desired.look import look
from keepwell.core.observation import Missing, Observation, Seen
from keepwell.core.ref import Ref
from keepwell.core.step import RunCommand
from keepwell.steps.gpu import STEP, UNITS
from keepwell.testing.fake_settings import FakeCard, FakeSettings
from keepwell.testing.rooted import RootedNode
from keepwell.transport.base import Ran
from tests.engines.real import skip
from tests.steps.keeping import find_drift, make, prove

WISH = {"persistence": True, "power_limit_watts": 300.0}
UNIT = """\
[Unit]
Description=GPU settings (kept by keepwell)
Wants=nvidia-persistenced.service
After=nvidia-persistenced.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=nvidia-smi -pm 1
ExecStart=nvidia-smi -pl 300

[Install]
WantedBy=multi-user.target
"""


def make_node(tmp_path: Path, *cards: FakeCard, power: str = "active") -> RootedNode:
    fake = FakeSettings(*cards)
    fake.put_on_bus(tmp_path, power)
    (tmp_path / "run" / "systemd" / "system").mkdir(parents=True)
    (tmp_path / "etc" / "systemd" / "system").mkdir(parents=True)

    def systemctl(argv: object, root: Path) -> Ran:
        del argv, root
        return Ran(argv=(), code=0, stdout=b"", stderr=b"")

    return RootedNode(tmp_path, programs={"nvidia-smi": fake, "systemctl": systemctl})


async def test_every_card_is_set_now_and_at_boot_and_given_back_what_it_had(tmp_path: Path) -> None:
    one, two = FakeCard(uuid="GPU-a"), FakeCard(uuid="GPU-b", persistence="Enabled", limit="320.00")
    node = make_node(tmp_path, one, two)
    drift = await prove(STEP, WISH, node)
    assert Path(node.at(f"{UNITS}/keepwell-gpu.service")).read_text() == UNIT
    assert (one.persistence, one.limit, two.limit) == ("Enabled", "300.00", "300.00")
    undone = [change.undo.argv for change in drift.changes if isinstance(change.undo, RunCommand)]
    assert undone == [
        ("nvidia-smi", "-i", "GPU-a", "-pm", "0"),
        ("nvidia-smi", "-i", "GPU-a", "-pl", "350"),
        ("nvidia-smi", "-i", "GPU-b", "-pl", "320"),
    ]
    assert drift.before == ("0: persistence mode off, power limit (W) 350; 1: persistence mode on, power limit (W) 320")


async def test_one_card_has_a_unit_of_its_own_after_that_of_all(tmp_path: Path) -> None:
    one, two = FakeCard(uuid="GPU-a"), FakeCard(uuid="GPU-b")
    node = make_node(tmp_path, one, two)
    drift = await prove(STEP, {"devices": ("0000:02:00.0",), "compute_mode": "exclusive-process"}, node)
    assert (one.mode, two.mode) == ("Default", "Exclusive_Process")
    assert str(drift.subject) == "device:made/1"
    unit = Path(node.at(f"{UNITS}/keepwell-gpu-0000-02-00-0.service")).read_text()
    assert "After=nvidia-persistenced.service keepwell-gpu.service\n" in unit
    assert "ExecStart=nvidia-smi -i GPU-b -c EXCLUSIVE_PROCESS\n" in unit


async def test_two_tables_for_all_cards_add_up(tmp_path: Path) -> None:
    node = make_node(tmp_path, FakeCard(uuid="GPU-a"))
    power, mode = {"power_limit_watts": 250.0}, {"compute_mode": "exclusive-process"}
    for wish in (WISH, power, mode):
        await make(await find_drift(STEP, wish, node), node)
    unit = Path(node.at(f"{UNITS}/keepwell-gpu.service")).read_text()
    started = [line for line in unit.splitlines() if line.startswith("ExecStart=")]
    assert started == [
        "ExecStart=nvidia-smi -pm 1",
        "ExecStart=nvidia-smi -c EXCLUSIVE_PROCESS",
        "ExecStart=nvidia-smi -pl 250",
    ]
    drift = await find_drift(STEP, power, node)
    assert drift.same
    assert drift.kept == ("the unit also runs nvidia-smi -pm 1", "the unit also runs nvidia-smi -c EXCLUSIVE_PROCESS")


async def test_a_card_that_lost_its_setting_is_set_again_and_nothing_else(tmp_path: Path) -> None:
    card = FakeCard(uuid="GPU-a")
    node = make_node(tmp_path, card)
    await make(await find_drift(STEP, WISH, node), node)
    card.persistence = "Disabled"
    drift = await find_drift(STEP, WISH, node)
    assert [one.what for one in drift.changes] == ["persistence mode"]
    assert drift.activate == ()


@pytest.mark.parametrize(
    ("card", "said"),
    [
        (FakeCard(uuid="GPU-a", most="280.00"), "power limit (W) goes from 100 to 280, not 300"),
        (FakeCard(uuid="GPU-a", limit="[N/A]", least="[N/A]", most="[N/A]"), "cannot be set: nvidia-smi says [N/A]"),
    ],
)
async def test_what_a_card_cannot_do_is_told_before_anything_is_done(tmp_path: Path, card: FakeCard, said: str) -> None:
    drift = await find_drift(STEP, WISH, make_node(tmp_path, card))
    assert said in drift.problem
    assert not drift.changes


async def test_a_sleeping_card_is_not_woken(tmp_path: Path) -> None:
    node = make_node(tmp_path, FakeCard(uuid="GPU-a"), power="suspended")
    told = STEP.compare(WISH, await look([partial(STEP.needs, WISH)], node))
    assert isinstance(told, Missing)
    assert "wake" in told.reason
    assert node.ran == []


async def test_no_card_and_no_such_card(tmp_path: Path) -> None:
    told = STEP.compare(WISH, await look([partial(STEP.needs, WISH)], RootedNode(tmp_path / "none")))
    assert isinstance(told, Missing)
    assert told.kind == "absent"
    wish = {**WISH, "devices": ("7",)}
    told = STEP.compare(wish, await look([partial(STEP.needs, wish)], make_node(tmp_path, FakeCard(uuid="GPU-a"))))
    assert isinstance(told, Missing)
    assert told.reason == "no GPU 7 is here: 0 (NVIDIA GeForce RTX 3090)"


async def test_without_systemd_it_would_not_last(tmp_path: Path) -> None:
    node = make_node(tmp_path, FakeCard(uuid="GPU-a"))
    shutil.rmtree(tmp_path / "run")
    assert "without systemd" in (await find_drift(STEP, WISH, node)).problem
    assert "no setting" in (await find_drift(STEP, {}, node)).problem


async def test_another_node_gets_the_same_where_the_cards_agree(tmp_path: Path) -> None:
    one, two = FakeCard(uuid="GPU-a", limit="300.00"), FakeCard(uuid="GPU-b", limit="300.00")
    node = make_node(tmp_path, one, two)
    looked = await look([partial(STEP.needs, {})], node)
    assert STEP.copy({"persistence": True}, looked) == {
        "persistence": True,
        "power_limit_watts": 300.0,
        "compute_mode": "default",
    }
    two.limit = "310.00"
    assert isinstance(STEP.copy({}, await look([partial(STEP.needs, {})], node)), Missing)
    rows = ({"plug_in": "nvidia", "index": 0},)
    told = Observation(subject=Ref("node", ("made",)), name="device.list", value=rows, at=1.0, source="test")
    assert STEP.propose(Seen([told]), "made") == ({},)
    assert STEP.propose(Seen(), "made") == ()


async def test_the_real_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        skip("there is no systemd-analyze")
    node = make_node(tmp_path, FakeCard(uuid="GPU-a"))
    await make(await find_drift(STEP, WISH, node), node)
    unit = Path(node.at(f"{UNITS}/keepwell-gpu.service"))
    unit.write_text(unit.read_text().replace("nvidia-smi", "/bin/true"))  # it is not installed here
    ran = subprocess.run([program, "verify", str(unit)], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, [line for line in ran.stderr.splitlines() if "keepwell-gpu" in line]) == (0, [])
