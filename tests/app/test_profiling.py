"""`keepwell profile`: what it says of a store, of none, and of real engines behind a real gateway."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from keepwell.app.operation import Caller
from keepwell.app.profiling import profile_requests
from keepwell.core.errors import ConfigurationError
from keepwell.store.requestlog.files import open_request_log
from keepwell.testing.request_rows import values_of
from keepwell.testing.tiny_model import TinyModel
from tests.engines.real import give, make_model, ollama
from tests.gateway.test_real import ask
from tests.gateway.test_residency_real import gateway, llama
from tests.support import free_port
from tests.telemetry.test_phases import row


def keepwell(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "KEEPWELL_STATE": str(state), "COLUMNS": "140"}
    argv = [sys.executable, "-m", "keepwell", *words]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=60)


def fill(state: Path) -> None:
    """Requests of two replicas on two nodes, an hour ago."""
    at = time.time() - 3600
    known: dict[str, Any] = {"route": "big", "first_byte_seconds": 9.0, "total_seconds": 10.0}
    rows = [row(id=one, at=at + one, queue_seconds=8.0, **known) for one in range(10)]
    rows += [row(id=50 + one, at=at + one, replica="other/one", **known) for one in range(10)]
    with closing(open_request_log(state)) as log:
        log.add([values_of(one) for one in rows])


def test_the_best_change_is_told(tmp_path: Path) -> None:
    fill(tmp_path)
    report = profile_requests(Caller(state=tmp_path), since="", route="", node="")
    assert [(one.replica, one.bottleneck, one.count) for one in report.profiles] == [
        ("box/one", "queue", 10),
        ("other/one", "prefill", 10),
    ]
    assert report.best is not None
    assert (report.best_at, report.best.phase, report.best.saves_seconds) == ("big at box/one", "queue", 80.0)


def test_it_is_narrowed_by_node_route_and_time(tmp_path: Path) -> None:
    fill(tmp_path)
    caller = Caller(state=tmp_path)
    assert [one.replica for one in profile_requests(caller, since="2h", route="", node="other").profiles] == [
        "other/one"
    ]
    assert profile_requests(caller, since="", route="small", node="").profiles == ()
    assert profile_requests(caller, since="10m", route="", node="").profiles == ()
    with pytest.raises(ConfigurationError):
        profile_requests(caller, since="soon", route="", node="")


def test_who_has_no_requests_is_told_how_to_have_some(tmp_path: Path) -> None:
    said = keepwell(tmp_path, "profile")
    assert said.returncode == 0
    assert "keepwell gateway" in said.stdout


@pytest.mark.real
def test_real_engines_tell_what_their_time_went_into(tmp_path: Path) -> None:
    model = make_model(tmp_path / "alpha.gguf", TinyModel(tag="alpha", words=32))
    port = free_port()
    with ollama(tmp_path) as engine, llama(tmp_path, model, port):
        give(engine, model, "tiny-alpha", num_thread=1)
        config = f'[[engine]]\nkind = "ollama"\nurl = "{engine.url}"\n'
        config += f'[[engine]]\nkind = "llamacpp"\nurl = "http://127.0.0.1:{port}"\n'
        with gateway(tmp_path, config) as entrance:
            for number in range(6):
                options = {"num_predict": 12}
                body = {"model": "tiny-alpha", "prompt": "count", "stream": bool(number % 2), "options": options}
                assert asyncio.run(ask(entrance, "/api/generate", body)).status == 200
                body = {"model": "m", "prompt": "count", "max_tokens": 12, "stream": bool(number % 2)}
                assert asyncio.run(ask(entrance, "/v1/completions", body)).status == 200
    told = json.loads(keepwell(tmp_path / "state", "profile", "--json").stdout)
    found = {one["route"]: one for one in told["profiles"]}
    assert {name: one["count"] for name, one in found.items()} == {"tiny-alpha": 6, "m": 6}
    assert found["tiny-alpha"]["cold"] == 1
    assert found["tiny-alpha"]["seconds"]["load"] > 0.01
    for one in found.values():
        assert one["seconds"]["prefill"] > 0
        assert one["seconds"]["decode"] > 0
        assert one["seconds"]["undivided"] == 0
        assert one["rate"] > 1
    text = keepwell(tmp_path / "state", "profile").stdout
    assert "most goes into" in text
