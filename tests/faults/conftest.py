"""Fixtures: a world for each test, one model for all, and engines in the world."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from keepwell.testing.real_engines import LlamaServer, Ollama, give_to_nobody, make_llama_server, make_ollama
from keepwell.testing.tiny_model import TinyModel, write_tiny_model
from keepwell.testing.world import NoWorld, World, make_folder, make_world
from tests.faults.ways import OtherWays
from tests.faults.world import need_root, skip


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Iterator[None]:
    """A machine that cannot make a world, or has no such engine, skips the test."""
    yield from _skipping()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """The same for worlds and engines that a test makes itself."""
    yield from _skipping()


def _skipping() -> Iterator[None]:
    try:
        yield
    except NoWorld as error:
        skip(str(error))


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that answers " alpha 0001 0002 ..."."""
    return write_tiny_model(tmp_path_factory.mktemp("model") / "alpha.gguf", TinyModel(tag="alpha"))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """keepwell's cache of compiled signatures, shared by all worlds."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def world(cache: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """A machine of its own."""
    with make_folder() as root, make_world(root, cache) as made:
        if request.config.getoption("ways") or request.node.get_closest_marker("ways"):
            need_root("sshd")
            made.compare = OtherWays(made).compare
        yield made


@pytest.fixture
def llama(world: World, model: Path) -> LlamaServer:
    """A llama-server that serves, on its usual port."""
    server = make_llama_server(world, model)
    server.start()
    return server


@pytest.fixture
def ollama(world: World, model: Path) -> Ollama:
    """An Ollama that serves, with the model in its store but not in memory, on its usual port."""
    server = make_ollama(world)
    server.start()
    assert server.create(model).status == 200
    return server


@pytest.fixture
def nobodys_ollama(world: World, model: Path) -> Ollama:
    """An Ollama that runs as an ordinary user, with the model in its store."""
    server = make_ollama(world)
    give_to_nobody(server)
    server.start()
    assert server.create(model).status == 200
    return server
