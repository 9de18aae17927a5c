"""Engines that work, and slowly: measured at level 4, and the cause named."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.testing.real_engines import make_llama_server
from keepwell.testing.world import World
from tests.faults.judging import assert_named, bad_checks

pytestmark = pytest.mark.real

ONE_CORE = ("taskset", "-c", "0")


def test_more_threads_than_cores(world: World, model: Path) -> None:
    server = make_llama_server(world, model, more=["-t", "8"])
    server.prefix = ONE_CORE
    server.start()
    answer = world.keepwell("diagnose", "--level", "4", "--yes")
    assert_named(answer, "threads-exceed-cpu-quota", "speed.threads")
    speed = answer["node"]["engines"][0]["speed"]
    assert speed["output_tokens_per_second"] > 0
    assert answer["hypotheses"][0]["fix"]["commands"][-1]["argv"][-2:] == ["--threads", "1"]


def test_without_a_yes_no_token_is_asked_for(world: World, model: Path) -> None:
    server = make_llama_server(world, model)
    server.start()
    answer = world.keepwell("diagnose", "--level", "4")
    assert answer["node"]["engines"][0]["speed"]["missing"] == "unknown"
    assert "speed.measured" not in bad_checks(answer)
    assert not server.said("POST /completion")
