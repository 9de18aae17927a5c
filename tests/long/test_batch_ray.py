"""A batch on a real Ray cluster of two nodes: none lost, none doubled, whatever dies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.engines.real import skip
from tests.long.ray_cluster import AT_A_TIME, LINES
from tests.support import REPOSITORY

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


def play(scene: str, folder: Path) -> Mapping[str, Any]:
    """What came of a scene; it has networks and processes of its own."""
    if not (REPOSITORY / ".cache" / "ray" / "ready").exists():
        skip("Ray is not set up: run scripts/setup_ray.py")
    spaces = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    spaces += ["--map-root-user"] * (os.geteuid() != 0)
    if subprocess.run([*spaces, "true"], check=False, capture_output=True).returncode:
        skip("processes cannot have a network of their own here")
    argv = [*spaces, sys.executable, "-m", "tests.long.ray_cluster", scene, str(folder)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, cwd=REPOSITORY, timeout=500)
    assert done.returncode == 0, done.stderr[-4000:]
    found: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(found)
    return found


def require_whole(found: Mapping[str, Any]) -> None:
    """Every line is answered once, and rightly."""
    assert (found["lost"], found["doubled"], found["wrong"], found["errors"]) == (0, 0, 0, 0)
    assert (found["lines"], found["code"]) == (LINES, 0)


def test_a_node_and_the_runner_are_killed(tmp_path: Path) -> None:
    found = play("kill_node_and_runner", tmp_path)
    require_whole(found)
    assert found["again"] <= 3 * AT_A_TIME  # of one node, then of the runner's two
    assert AT_A_TIME < found["at_once"] <= 3 * AT_A_TIME
    assert "what it was asked is asked again" in found["told"]


def test_the_head_is_killed_and_comes_back(tmp_path: Path) -> None:
    found = play("lose_head", tmp_path)
    require_whole(found)
    assert found["again"] <= AT_A_TIME
    assert "is back" in found["told"]
    assert "has come" in found["told"]


def test_only_nodes_with_a_resource_ask(tmp_path: Path) -> None:
    found = play("choose_nodes", tmp_path)
    require_whole(found)
    assert (found["again"], found["at_once"]) == (0, AT_A_TIME)


def test_what_cannot_be_had_is_told(tmp_path: Path) -> None:
    found = play("refuse", tmp_path)
    assert found["codes"] == [3, 3]
    assert "no node of the cluster has 2 of the resource 'nothing'" in found["told"]
    assert "the head of the cluster does not answer" in found["told"]
