"""How fast a real vLLM is, in its own words."""

from __future__ import annotations

import pytest

from keepwell.testing.world import World
from tests.faults.judging import bad_checks
from tests.long.engines import Vllm, the_engine

pytestmark = pytest.mark.long


def test_a_real_vllm_is_measured(vllm: Vllm, world: World) -> None:
    answer = world.keepwell("diagnose", "--level", "4", "--yes")
    speed = the_engine(answer)["speed"]
    assert speed["model"] == "tiny"
    assert speed["input_tokens_per_second"] > speed["output_tokens_per_second"] > 0
    assert {"speed.reload", "speed.queue", "collective.ranks"}.isdisjoint(bad_checks(answer))
    assert vllm.get("/metrics").text.count("vllm:request_success_total") > 0
