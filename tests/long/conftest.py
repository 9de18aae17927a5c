"""Fixtures: the worlds of tests/faults, a model folder for vLLM, a folder of models for a router."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from keepwell.testing.world import World
from tests.faults.conftest import cache, model, pytest_runtest_call, pytest_runtest_setup, world
from tests.long.engines import Router, Vllm, find_vllm, make_router, make_vllm
from tests.support import REPOSITORY

__all__ = ["cache", "model", "pytest_runtest_call", "pytest_runtest_setup", "world"]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model in Hugging Face's format that answers " valpha 0001 0002 ...", made by vLLM's own Python."""
    made = tmp_path_factory.mktemp("hf") / "tiny"
    script = REPOSITORY / "src" / "keepwell" / "testing" / "tiny_hf.py"
    # -P: the folder of the script holds modules whose names are those of others.
    argv = [str(find_vllm().with_name("python")), "-P", str(script), str(made), "--tag", "valpha"]
    subprocess.run(argv, check=True, timeout=60)
    return made


@pytest.fixture
def vllm(world: World, folder: Path) -> Vllm:
    """A vLLM that serves, on its usual port."""
    server = make_vllm(world, folder)
    server.start()
    return server


@pytest.fixture
def router(world: World, model: Path) -> Router:
    """A llama-server as a router of two whole models, none loaded, on its usual port."""
    server = make_router(world, model)
    server.start()
    return server
