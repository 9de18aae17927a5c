"""Official clients in every format before engines of every format: each feature works, is told as left out, or is
refused with a sentence, and what was recorded stays so.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.matrix.features import FEATURES
from tests.matrix.fleet import Fleet, make_fleet
from tests.matrix.outcome import Outcome, load_results, save_results, try_feature, try_vectors

pytestmark = [pytest.mark.real, pytest.mark.long, pytest.mark.timeout(900)]
CLIENTS = (
    "openai chat",
    "openai completions",
    "openai responses",
    "ollama chat",
    "ollama generate",
    "anthropic messages",
)
VECTOR_CLIENTS = ("openai embeddings", "ollama embed", "ollama embeddings")
ENGINES = ("ollama", "llamacpp", "fake-ollama", "fake-openai")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """See `make_fleet`."""
    with make_fleet(tmp_path_factory.mktemp("matrix")) as made:
        yield made


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_gets_what_it_asks(fleet: Fleet, client: str, engine: str, request: pytest.FixtureRequest) -> None:
    hold(request, client, engine, ask_all(fleet, client, engine))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("client", VECTOR_CLIENTS)
def test_a_client_gets_vectors(fleet: Fleet, client: str, engine: str, request: pytest.FixtureRequest) -> None:
    hold(request, client, engine, {"vectors": try_vectors(fleet, client, fleet.engines[engine])})


def ask_all(fleet: Fleet, client: str, engine: str) -> dict[str, Outcome]:
    """Every feature that applies: a model that only counts sees no pictures."""
    served = fleet.engines[engine]
    names = [one for one in FEATURES if served.able or one != "image"]
    return {name: try_feature(fleet, client, served, name) for name in names}


def hold(request: pytest.FixtureRequest, client: str, engine: str, row: dict[str, Outcome]) -> None:
    """The row as it was recorded, or with --record-matrix the record."""
    failing = {name: one for name, one in row.items() if one.what == "fails"}
    if request.config.getoption("--record-matrix"):
        save_results(client, engine, row)
    else:
        recorded = load_results().get(client, {}).get(engine, {})
        assert {name: one.what for name, one in row.items()} == {name: one.what for name, one in recorded.items()}
    assert not failing, failing
