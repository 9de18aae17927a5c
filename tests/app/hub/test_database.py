"""Requests in a real PostgreSQL that keepwell.toml names: the hub moves them there, and who asks finds them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from keepwell.app.hub.late import LateRequests
from keepwell.app.hub.moving import Moving
from keepwell.app.hub.opening import make_hub
from keepwell.app.operation import Caller
from keepwell.app.wiring import wire
from keepwell.core.errors import AccessError
from keepwell.store.requests import RECORD_FILE, add_rows, open_record
from keepwell.testing.request_rows import BEGIN, make_values
from tests.store.requestlog.postgres_server import Server, run_postgres

pytestmark = pytest.mark.real
VARIABLE = "KEEPWELL_TEST_DATABASE"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with run_postgres() as one:
        yield one


def serve(state: Path, *numbers: int) -> None:
    """What a gateway writes of requests with these ids."""
    with closing(open_record(state / RECORD_FILE)) as connection:
        add_rows(connection, [make_values(number) for number in numbers], {})


def declare(folder: Path) -> Path:
    config = folder / "keepwell.toml"
    config.write_text(f'[hub]\ndatabase = {{env = "{VARIABLE}"}}\n')
    return config


async def move(state: Path, config: Path) -> None:
    """What the hub does each second."""
    async with wire(Caller(config=config, state=state)) as wiring:
        hub = make_hub(wiring, print)
        assert isinstance(hub.requests, LateRequests)
        duty = Moving()
        try:
            await duty.do(hub, BEGIN)
        finally:
            hub.requests.close()


def ask(state: Path, config: Path, *words: str, url: str) -> Mapping[str, list[Mapping[str, object]]]:
    environment = {**os.environ, VARIABLE: url, "KEEPWELL_STATE": str(state)}
    argv = [sys.executable, "-m", "keepwell", *words, "--json", "--config", str(config)]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    found: Mapping[str, list[Mapping[str, object]]] = json.loads(done.stdout)
    return found


async def test_two_hubs_share_one_and_each_request_is_told_once(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, config = server.make_database(), declare(tmp_path)
    monkeypatch.setenv(VARIABLE, url)
    first, second = tmp_path / "first", tmp_path / "second"
    serve(first, 1, 2)
    serve(second, 101, 102)
    for state in (first, second, first, second):
        await move(state, config)
    serve(first, 3)
    assert [one["id"] for one in ask(first, config, "requests", url=url)["requests"]] == [1, 2, 101, 102, 3]
    assert [one["id"] for one in ask(second, config, "requests", url=url)["requests"]] == [1, 2, 101, 102]
    (first / RECORD_FILE).unlink()
    assert [one["id"] for one in ask(first, config, "requests", url=url)["requests"]] == [1, 2, 101, 102]


async def test_while_it_is_away_requests_wait_and_none_is_lost(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, config, state = server.make_database(), declare(tmp_path), tmp_path / "state"
    serve(state, 1, 2)
    for away in ("postgresql://keepwell@127.0.0.1:1/none", server.url("postgres", "wrong"), ""):
        monkeypatch.setenv(VARIABLE, away)
        with pytest.raises(AccessError):
            await move(state, config)
    monkeypatch.setenv(VARIABLE, url)
    await move(state, config)
    assert [one["id"] for one in ask(state, config, "requests", url=url)["requests"]] == [1, 2]
