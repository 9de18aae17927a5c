#!/usr/bin/env python3
"""What the API costs the hub beside the same table on FastAPI: python benchmarks/api.py --peer FOLDER

    --peer FOLDER  where FastAPI lies: pip install --target FOLDER fastapi
    --rounds N     each is measured so often, in turns; the medians count
    --json         every figure instead of the table

Each is made in a process of its own, in which Starlette and pydantic are there already, as in the hub (the SDK of MCP
brings the latter): an application with one path for each operation. Processor seconds until it can answer, memory that
came with it, processor time of a request that is looked at and refused (a number out of range, by POST), and what the
description costs where it is made: ours has the forms of all answers, FastAPI's here has none.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

import pydantic
from starlette.applications import Starlette
from starlette.routing import Route

from keepwell.api.calls import make_call, path_of
from keepwell.app.hub.visitor import Visitor
from keepwell.app.rights import FACE
from keepwell.app.table import operations

#: Requests that are measured, after some that are not.
REQUESTS, WARM = 1000, 100
#: What is asked: a number that is too large.
PATH, BODY = "/api/v1/alerts/history", b'{"last": 1000000000}'


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Processor seconds and bytes."""

    made_seconds: float
    made_bytes: int
    request_seconds: float
    description_seconds: float
    description_bytes: int


def main() -> None:
    """Measure in turns and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peer", default="")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", default="")
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(asdict(measure(asked.one))))
        return
    sides = {"keepwell": ""}
    if asked.peer:
        sides["FastAPI"] = asked.peer
    found: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
    for _ in range(asked.rounds):
        for name, folder in sides.items():
            found[name].append(run_one(name, folder))
    medians = {
        name: {key: statistics.median(one[key] for one in rows) for key in rows[0]} for name, rows in found.items()
    }
    if asked.json:
        print(json.dumps(medians, indent=1))
        return
    for name, row in medians.items():
        print(
            f"{name:9} ready {row['made_seconds']:.2f} s, {row['made_bytes'] / 1e6:.1f} MB; a request "
            f"{row['request_seconds'] * 1e6:.0f} µs; description {row['description_seconds']:.2f} s, "
            f"{row['description_bytes'] / 1e6:.1f} MB"
        )


def run_one(name: str, folder: str) -> dict[str, float]:
    """In a process of its own."""
    code = (
        f"import sys; sys.path.append({folder!r}) if {folder!r} else None; sys.argv = ['api.py', '--one', {name!r}]; "
    )
    code += f"import runpy; runpy.run_path({__file__!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told


def measure(name: str) -> Cost:
    """One side, from a process in which the table is loaded already."""
    assert pydantic.VERSION
    operations(FACE)
    before, memory = time.process_time(), read_memory()
    app, describe = {"keepwell": make_own, "FastAPI": make_peer}[name]()
    made_seconds, made_bytes = time.process_time() - before, read_memory() - memory
    request_seconds = asyncio.run(ask(app))
    before, memory = time.process_time(), read_memory()
    describe()
    return Cost(
        made_seconds=made_seconds,
        made_bytes=made_bytes,
        request_seconds=request_seconds,
        description_seconds=time.process_time() - before,
        description_bytes=read_memory() - memory,
    )


class _Open:
    """A house that lets everybody look: what is measured is the way to the arguments."""

    class gatehouse:
        """Nobody in particular."""

        @staticmethod
        def admit(request: Any) -> Any:
            """May look."""
            return Visitor()


def make_own() -> tuple[Any, Callable[[], object]]:
    """Ours, and what makes its description."""
    house: Any = _Open()
    app = Starlette(
        routes=[Route(path_of(one), make_call(house, one), methods=["GET", "POST"]) for one in operations(FACE)]
    )

    def describe() -> object:
        from keepwell.api.openapi import render_openapi

        return render_openapi(operations(FACE), "0")

    return app, describe


def make_peer() -> tuple[Any, Callable[[], object]]:
    """The same table: a model of the body for each operation."""
    from fastapi import FastAPI
    from pydantic import Field, create_model

    app = FastAPI()
    for one in operations(FACE):
        rows: dict[str, Any] = {}
        for row in one.parameters(FACE):
            default = ... if row.required else row.default
            form = Field(default, description=row.param.help, ge=row.param.minimum, le=row.param.maximum)
            rows[row.name.rstrip("_")] = (row.type, form)
        model = create_model(one.name.title().replace(" ", ""), **rows)
        app.add_api_route(path_of(one), _answer(model), methods=["POST"], summary=one.summary)
    return app, app.openapi


def _answer(model: Any) -> Callable[..., Awaitable[dict[str, str]]]:
    async def call(given: Any) -> dict[str, str]:
        return {}

    call.__annotations__["given"] = model
    return call


async def ask(app: Any) -> float:
    """Processor seconds of a request."""
    for _ in range(WARM):
        await _send(app)
    before = time.process_time()
    for _ in range(REQUESTS):
        await _send(app)
    return (time.process_time() - before) / REQUESTS


async def _send(app: Any) -> None:
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": PATH,
        "raw_path": PATH.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 4001),
    }
    told: list[int] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            told.append(message["status"])

    await app(scope, receive, send)
    assert told[0] in (400, 422), told


def read_memory() -> int:
    """Most bytes that this process had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
