"""Official clients in every format before a real vLLM: as tests/matrix, and held to the same record."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.matrix.fleet import Fleet, make_fleet
from tests.matrix.outcome import try_vectors
from tests.matrix.test_matrix import CLIENTS, VECTOR_CLIENTS, ask_all, hold
from tests.matrix.vllm import vllms

pytestmark = [pytest.mark.real, pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Three vLLMs and nothing else; about two minutes on two idle cores."""
    folder = tmp_path_factory.mktemp("vllm")
    with vllms(folder) as ports, make_fleet(folder, vllm=ports) as made:
        yield made


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_gets_what_it_asks_of_vllm(fleet: Fleet, client: str, request: pytest.FixtureRequest) -> None:
    hold(request, client, "vllm", ask_all(fleet, client, "vllm"))


@pytest.mark.parametrize("client", VECTOR_CLIENTS)
def test_a_client_gets_vectors_of_vllm(fleet: Fleet, client: str, request: pytest.FixtureRequest) -> None:
    hold(request, client, "vllm", {"vectors": try_vectors(fleet, client, fleet.engines["vllm"])})
