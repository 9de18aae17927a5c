"""Level 3 on a real vLLM with a key, and on a real router of two models."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.testing.real_engines import configure
from keepwell.testing.world import World
from tests.faults.judging import bad_checks, likely_causes
from tests.long.engines import Router, make_vllm

pytestmark = pytest.mark.long


def test_a_vllm_with_a_key_that_is_well(world: World, folder: Path) -> None:
    server = make_vllm(world, folder, more=("--api-key", "right"))
    server.start()
    (world.root / "key").write_text("right\n")
    entry = f'[[engine]]\nkind = "vllm"\nurl = "{server.url}"\napi_key = {{ file = "{world.root}/key" }}\n'
    configure(world, entry)
    answer = world.keepwell("diagnose", "--level", "3", "--yes")
    assert bad_checks(answer) == set(), answer["findings"]
    assert likely_causes(answer) == []
    spoken = server.get("/metrics").text.partition("vllm:generation_tokens_total{")[2].partition("\n")[0]
    assert float(spoken.rpartition(" ")[2]) > 8


def test_a_router_that_is_well(router: Router, world: World) -> None:
    answer = world.keepwell("diagnose", "--level", "3", "--yes")
    assert bad_checks(answer) == set(), answer["findings"]
    assert likely_causes(answer) == []
    loaded = [one for one in router.get("/models").data["data"] if one["status"]["value"] == "loaded"]
    assert len(loaded) == 1
