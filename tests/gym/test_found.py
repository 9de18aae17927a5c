"""What the gym found stays mended: each as a made machine, or by itself where it is a function."""

from __future__ import annotations

import random

import pytest

from keepwell.app.gym_run import weigh
from keepwell.core.hypothesis import Diagnosis
from keepwell.core.observation import Missing
from keepwell.plugins.recognise import load_engines
from keepwell.probes.engine_log import find_last_run
from keepwell.survey.survey import SurveyResult, survey
from keepwell.testing.fake_gpu.node import clock_of_made_nodes
from keepwell.testing.gym.made.changes import Change, card, engine, engine_says, machine, stopped
from keepwell.testing.gym.made.node import MadeNode
from keepwell.testing.gym.made.profiles import PROFILES
from keepwell.testing.gym.made.state import MadeState


async def look_at(name: str, *changes: Change) -> tuple[SurveyResult, Diagnosis]:
    """Survey and diagnosis of a profile, changed."""
    state = PROFILES[name].make(random.Random(1))
    for change in changes:
        change(state)
    clock = clock_of_made_nodes()
    result = await survey(MadeNode(state), clock, PROFILES[name].expect(), level=2)
    return result, weigh(result.seen, result.findings, without=frozenset(), now=clock.now())


def _end(state: MadeState) -> None:
    stopped(state, 137)


@pytest.mark.parametrize("name", ["llamacpp-container", "ollama-container"])
async def test_a_container_that_hangs_is_not_its_proxy(name: str) -> None:
    result, diagnosis = await look_at(name, engine(state="T", mute=True))
    bad = {one.check for one in result.findings if one.bad}
    assert "engine.responding" in bad
    assert "address.port_free" not in bad
    assert diagnosis.hypotheses[0].issue == "engine-not-responding"


async def test_the_store_of_a_container_that_does_not_run_is_not_missing() -> None:
    result, _ = await look_at("llamacpp-container", _end)
    (store,) = result.seen.named("engine.store")
    assert isinstance(store.value, Missing)
    assert store.value.kind == "unknown"


async def test_one_card_that_is_well_does_not_speak_for_the_other() -> None:
    _, diagnosis = await look_at("vllm-two-gpus", card(1, link=(3, 4, 1, 16)))
    assert diagnosis.hypotheses[0].issue == "pcie-link-narrow"


async def test_the_fix_of_a_host_restarts_the_only_engine_and_is_no_container_s() -> None:
    _, diagnosis = await look_at("llamacpp-container", machine(library="570.86.10", nvml_code=18, cuda_code=803))
    fix = diagnosis.hypotheses[0].fix
    assert fix is not None
    assert [" ".join(one.argv) for one in fix.commands] == ["systemctl reboot"]
    _, diagnosis = await look_at("ollama-box", card(0, compute_mode=2), machine(cuda_code=100))
    fix = diagnosis.hypotheses[0].fix
    assert fix is not None
    assert fix.missing == ()
    assert ("systemctl", "restart", "ollama.service") in [one.argv for one in fix.commands]


async def test_a_count_of_tokens_is_no_error_of_cuda() -> None:
    line = "1.02.123.456 I slot print_timing: id  0 | task 9 |       total time =    8822.37 ms / 802 tokens"
    _, diagnosis = await look_at("llamacpp-container", engine_says((line,)), card(0, link=(3, 4, 1, 16)))
    assert "fabric-manager-state-wrong" not in [one.issue for one in diagnosis.hypotheses]


def test_of_a_process_that_is_gone_the_last_run_with_trouble_counts() -> None:
    vllm = load_engines()["vllm"]
    first = "vLLM API server version 0.32.0"
    lines = [first, "Application startup complete.", first, "ValueError: cannot do it", first, "loading"]
    assert find_last_run(lines, vllm) == 2
    assert find_last_run([first, "all is well"], vllm) == 0
    assert find_last_run(["cannot do it"], vllm) == 0
    assert find_last_run(lines, object()) == 0
