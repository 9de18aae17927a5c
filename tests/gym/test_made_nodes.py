"""Made machines: nothing is wrong with them, and they answer as real ones do."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from keepwell.core.errors import TimedOut
from keepwell.survey.survey import survey
from keepwell.testing.fake_gpu.card import GPU_IS_LOST
from keepwell.testing.fake_gpu.node import clock_of_made_nodes, open_node
from keepwell.testing.fake_gpu.said import say_cuda, say_nvml
from keepwell.testing.fake_gpu.scenarios import SCENARIOS
from keepwell.testing.gym.made.changes import card, engine, engine_says, kernel_says
from keepwell.testing.gym.made.node import MadeNode
from keepwell.testing.gym.made.profiles import PROFILES
from keepwell.testing.gym.made.state import MadeState
from keepwell.testing.gym.windows import HAPPENINGS, draw_window

NAMES = sorted(PROFILES)
#: Described machines that differ in what their drivers refuse, split, or do not know.
SAID = ("h100", "geforce", "mig-split", "virtual-unlicensed", "lost", "reset-required", "container-without-libraries")


def make(name: str) -> MadeState:
    return PROFILES[name].make(random.Random(1))


@pytest.mark.parametrize("name", NAMES)
async def test_nothing_is_wrong_with_a_profile(name: str) -> None:
    result = await survey(MadeNode(make(name)), clock_of_made_nodes(), PROFILES[name].expect(), level=2)
    assert [one.message for one in result.findings if one.bad] == []
    assert len(result.sites) == 1
    assert {"engine.healthy", "engine.running", "store.files"} <= {one.check for one in result.findings}


@pytest.mark.parametrize("name", SAID)
async def test_what_is_told_is_what_the_children_print(name: str, tmp_path: Path) -> None:
    machine = SCENARIOS[name].machine
    cache = tmp_path / "cache"
    (tmp_path / "node").mkdir()
    async with open_node(machine, tmp_path / "node", cache) as node:
        nvml = json.loads((await node.run([node.python, "-m", "keepwell.devices._nvml_child"])).stdout)
        cuda = json.loads((await node.run([node.python, "-m", "keepwell.devices._cuda_child"])).stdout)
    assert json.loads(json.dumps(say_nvml(machine))) == nvml
    told = say_cuda(machine)
    assert {key: told[key] for key in told if key not in ("seconds", "missing")} == {
        key: cuda[key] for key in cuda if key not in ("seconds", "missing")
    }
    assert ("missing" in told) == ("missing" in cuda)


async def test_a_change_shows_where_probes_look() -> None:
    state = make("ollama-box")
    card(0, every=GPU_IS_LOST)(state)
    kernel_says("NVRM: something")(state)
    engine_says(("level=ERROR told",))(state)
    node = MadeNode(state)
    journal = (await node.run(("journalctl", "-k", "--no-pager", "-o", "short-unix", "-n", "6000"))).text
    assert "kernel: NVRM: something" in journal
    unit = ("journalctl", "--unit=ollama.service", "-n", "5000", "-o", "short-iso", "--no-pager", "-q")
    assert "ollama[4711]: time=2025-12-31T23:50:00.000Z level=ERROR told" in (await node.run(unit)).text
    said = json.loads((await node.run((node.python, "-m", "keepwell.devices._nvml_child"))).stdout)
    assert said["devices"][0]["power"] == {"missing": {"code": 15, "reason": "GPU is lost"}}


async def test_an_engine_that_is_stopped_takes_connections_and_never_answers() -> None:
    state = make("llamacpp-cpu")
    engine(state="T", mute=True)(state)
    node = MadeNode(state)
    await node.connect("127.0.0.1", 8080)
    with pytest.raises(TimedOut):
        await node.http("GET", "http://127.0.0.1:8080/health")


async def test_a_container_is_seen_from_inside_and_by_its_engine() -> None:
    node = MadeNode(make("llamacpp-container"))
    told = json.loads((await node.http("GET", "http+unix://%2Frun%2Fdocker.sock/containers/llama/json")).body)
    assert told["State"]["Pid"] == 4711
    assert (await node.http("GET", "http+unix://%2Frun%2Fdocker.sock/containers/other/json")).status == 404
    assert (await node.stat("/proc/4711/root/dev/nvidia0")).kind == "character"


@pytest.mark.parametrize("name", list(HAPPENINGS))
async def test_what_happens_on_ordinary_days_raises_no_alarm(name: str) -> None:
    for profile in ("ollama-box", "cluster-node", "llamacpp-container"):
        state = make(profile)
        HAPPENINGS[name](state, random.Random(name))
        result = await survey(MadeNode(state), clock_of_made_nodes(), PROFILES[profile].expect(), level=2)
        assert [one.message for one in result.findings if one.bad] == [], (name, profile)


def test_the_same_seed_draws_the_same_window() -> None:
    one, other = draw_window(3, 7), draw_window(3, 7)
    assert (one.world, one.held) == (other.world, other.held)
    assert [engine.log for engine in one.state.engines] == [engine.log for engine in other.state.engines]
    assert len({draw_window(3, number).held for number in range(20)}) > 10
