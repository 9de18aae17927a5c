"""Every path of every dialect: answered here, sent to an engine that has it, or refused in the client's own words."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import cast

import pytest

from keepwell.gateway.access import NOBODY, Refused
from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.fronts import Fronted, make_fronts
from keepwell.gateway.choice.names import Names
from keepwell.gateway.work.entrance import require_owner
from keepwell.plugins.dialect import InMemory, Offered
from keepwell.plugins.routing import Replica
from tests.gateway.made import KEY, MODEL, SECRET, Running, gateway
from tests.support import eventually_async

AUTH = [f"authorization: Bearer {SECRET}"]
OFFERED = (
    Offered(
        name=MODEL,
        size_bytes=7,
        digest="d",
        nodes=("gpu01", "gpu02"),
        held=(InMemory(node="gpu02", size_bytes=9, gpu_bytes=9, context_tokens=2048, expires_at=120.0),),
    ),
    Offered(name="org/other", nodes=("gpu01",), dialects=("openai",)),
)


@dataclass
class Echo:
    """An HTTP server that tells what it was asked."""

    port: int = 0
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    status: int = 200
    serving: set[asyncio.Task[None]] = field(default_factory=set)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests of one connection."""
        self.serving.add(cast("asyncio.Task[None]", asyncio.current_task()))
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                method, path, _ = head[0].split(" ")
                headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.asked.append((method, path, headers, body))
                await self.go.wait()
                said = json.dumps({"method": method, "path": path, "model": "?"}).encode()
                lines = (
                    f"HTTP/1.1 {self.status} X\r\ncontent-type: application/json\r\ncontent-length: {len(said)}\r\n\r\n"
                )
                writer.write(lines.encode() + said)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def echo() -> AsyncIterator[Echo]:
    made = Echo()
    made.go.set()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made
        server.close()
        await asyncio.gather(*made.serving)


@contextlib.asynccontextmanager
async def surfaces(engine: Echo, service: Echo, *, admin: bool = False, keyed: bool = True) -> AsyncIterator[Running]:
    """A gateway with a model, a service under /chroma, and nodes that can be changed."""
    keys = [replace(KEY, admin=admin)] * keyed
    async with gateway([engine.port], keys=keys) as running:
        gate = running.gate
        (replica,) = (one.replica for one in gate.scheduler.stations.values())
        behind = Replica(id="s", node="box", host="127.0.0.1", port=service.port, dialects=frozenset({"plain"}))
        front = Fronted(name="vectors", prefix="/chroma", replica=behind)
        fronts = make_fronts([front], [replica], gate.surface.changed_by)
        route = Route(name=MODEL, replicas={replica.id: MODEL}, policy=("least_work",))
        gate.scheduler.replace([replica, *fronts.replicas], [route, *fronts.routes])
        other = Route(name="org/other", replicas={})
        gate.surface.replace(Names({MODEL: route, other.name: other}, {"the-alias": MODEL}), OFFERED, fronts)
        yield running


@contextlib.asynccontextmanager
async def all_of_it(*, admin: bool = False, keyed: bool = True) -> AsyncIterator[tuple[Running, Echo, Echo]]:
    async with echo() as engine, echo() as service, surfaces(engine, service, admin=admin, keyed=keyed) as running:
        yield running, engine, service


async def test_lists_have_the_form_of_whoever_asks_and_tell_the_nodes() -> None:
    async with all_of_it() as (running, engine, _):
        openai = await running.ask("/v1/models", method="GET", headers=AUTH)
        anthropic = await running.ask("/v1/models", method="GET", headers=[*AUTH, "anthropic-version: 2023-06-01"])
        tags = await running.ask("/api/tags", method="GET", headers=AUTH)
        held = await running.ask("/api/ps", method="GET", headers=AUTH)
        assert [one["id"] for one in openai.data["data"]] == [MODEL, "org/other"]
        assert openai.data["data"][0]["nodes"] == ["gpu01", "gpu02"]
        assert anthropic.data["data"][0]["type"] == "model"
        assert (anthropic.data["first_id"], anthropic.data["has_more"]) == (MODEL, False)
        assert [(one["name"], one["nodes"]) for one in tags.data["models"]] == [
            (MODEL, ["gpu01", "gpu02"]),
            ("org/other", ["gpu01"]),
        ]
        (row,) = held.data["models"]
        assert (row["nodes"], row["size"], row["size_vram"], row["context_length"]) == (["gpu02"], 9, 9, 2048)
        assert row["expires_at"] == "1970-01-01T00:02:00+00:00"
        assert not engine.asked


async def test_one_model_of_the_list() -> None:
    async with all_of_it() as (running, _, _):
        one = await running.ask("/v1/models/org%2Fother", method="GET", headers=AUTH)
        plain = await running.ask("/v1/models/org/other", method="GET", headers=AUTH)
        alias = await running.ask("/v1/models/the-alias", method="GET", headers=AUTH)
        none = await running.ask("/v1/models/nope", method="GET", headers=AUTH)
        assert one.data["id"] == plain.data["id"] == "org/other"
        assert (alias.data["id"], alias.data["object"]) == ("the-alias", "model")
        assert (none.status, none.data["error"]["code"]) == (404, "model_not_found")


async def test_a_key_is_shown_what_it_may_use() -> None:
    key = replace(KEY, routes=("tiny-*",))
    async with echo() as engine, echo() as service, surfaces(engine, service) as running:
        running.gate.access.replace([key], frozenset())
        models = await running.ask("/v1/models", method="GET", headers=AUTH)
        other = await running.ask("/v1/models/org/other", method="GET", headers=AUTH)
        assert [one["id"] for one in models.data["data"]] == [MODEL]
        assert (other.status, other.data["error"]["code"]) == (404, "model_not_found")


async def test_the_root_answers_as_ollama_does() -> None:
    async with all_of_it(keyed=False) as (running, _, _):
        answer = await running.ask("/", method="GET")
        head = await running.ask("/", method="HEAD")
        assert (answer.status, answer.body) == (200, b"Ollama is running")
        assert answer.headers["content-type"].startswith("text/plain")
        assert (head.status, head.body) == (200, b"")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/responses", {"model": MODEL, "input": "x"}),
        ("/v1/embeddings", {"model": MODEL, "input": "x"}),
        ("/v1/rerank", {"model": MODEL, "query": "x", "documents": []}),
        ("/v1/audio/speech", {"model": MODEL, "input": "x"}),
        ("/api/embed", {"model": MODEL, "input": "x"}),
        ("/api/show", {"name": MODEL}),
        ("/v1/messages/count_tokens", {"model": MODEL, "messages": []}),
        ("/tokenize", {"model": MODEL, "content": "x"}),
        ("/infill", {"model": MODEL, "input_prefix": "x"}),
        ("/classify", {"model": MODEL, "input": "x"}),
    ],
)
async def test_paths_that_go_to_an_engine_as_they_came(path: str, body: dict[str, object]) -> None:
    async with all_of_it() as (running, engine, _):
        answer = await running.ask(path, body, headers=AUTH)
        assert answer.status == 200
        assert [(method, asked, json.loads(sent)) for method, asked, _, sent in engine.asked] == [("POST", path, body)]


async def test_where_a_body_names_no_model_the_query_or_a_header_does() -> None:
    async with all_of_it() as (running, engine, _):
        got = await running.ask(f"/props?model={MODEL}", method="GET", headers=AUTH)
        posted = await running.ask("/tokenize", {"content": "x"}, headers=[*AUTH, f"x-keepwell-model: {MODEL}"])
        aliased = await running.ask("/tokenize", {"content": "x"}, headers=[*AUTH, "x-keepwell-model: the-alias"])
        unnamed = await running.ask("/tokenize", {"content": "x"}, headers=AUTH)
        head = await running.ask(f"/props?model={MODEL}", method="HEAD", headers=AUTH)
        assert [one.status for one in (got, posted, aliased, unnamed, head)] == [200, 200, 200, 404, 405]
        assert "names no model" in unnamed.data["error"]["message"]
        assert [path for _, path, _, _ in engine.asked] == [f"/props?model={MODEL}", "/tokenize", "/tokenize"]


async def test_a_form_goes_to_the_engine_of_the_model_that_it_names() -> None:
    part = b'--b\r\ncontent-disposition: form-data; name="%b"\r\n\r\n%b\r\n'
    body = part % (b"file", b"RIFF\x00") + part % (b"model", b"the-alias") + b"--b--\r\n"
    head = f"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\n{AUTH[0]}\r\nconnection: close\r\n"
    head += f"content-type: multipart/form-data; boundary=b\r\ncontent-length: {len(body)}\r\n\r\n"
    async with all_of_it() as (running, engine, _):
        assert b" 200 " in (await running.send(head.encode() + body))[:20]
        ((_, path, _, sent),) = engine.asked
        assert path == "/v1/audio/transcriptions"
        assert sent == body.replace(b"the-alias", MODEL.encode())


async def test_what_changes_an_engine_needs_an_admin_key_and_a_node() -> None:
    body = {"model": "new", "stream": False}
    async with all_of_it() as (running, engine, _):
        plain = await running.ask("/api/pull", body, headers=[*AUTH, "x-keepwell-node: box"])
        assert plain.status == 403
        assert "keepwell key new NAME admin=yes" in plain.data["error"]
        assert not engine.asked
    async with all_of_it(keyed=False) as (running, engine, _):
        assert (await running.ask("/api/pull", body, headers=["x-keepwell-node: box"])).status == 403
    async with all_of_it(admin=True) as (running, engine, _):
        unnamed = await running.ask("/api/pull", body, headers=AUTH)
        wrong = await running.ask("/api/pull", body, headers=[*AUTH, "x-keepwell-node: nowhere"])
        assert (unnamed.status, wrong.status) == (400, 400)
        assert "there are: box" in unnamed.data["error"]
        assert not engine.asked
        for path, method in (("/api/pull", "POST"), ("/api/delete", "DELETE"), ("/api/blobs/sha256:00", "POST")):
            answer = await running.ask(path, body, method=method, headers=[*AUTH, "x-keepwell-node: box"])
            assert answer.status == 200
            assert answer.headers["x-keepwell-replica"] == "box/0 admin"
            assert engine.asked[-1][:2] == (method, path)
            assert json.loads(engine.asked[-1][3]) == body
        assert (await running.ask("/api/copy?node=box/0", body, headers=AUTH)).status == 200


async def test_what_changes_an_engine_is_never_late_and_takes_no_slot() -> None:
    async with all_of_it(admin=True) as (running, engine, _):
        engine.go.clear()
        headers = [*AUTH, "x-keepwell-node: box"]
        pull = asyncio.create_task(running.ask("/api/pull", {"model": "new"}, headers=headers))

        async def asked() -> bool:
            return len(engine.asked) == 1

        await eventually_async(asked)
        assert not running.gate.scheduler.stations["box/0"].running
        now = running.gate.now() + 100_000
        running.gate.now = partial(float, now)
        running.gate.look()
        engine.go.set()
        assert (await pull).status == 200


async def test_what_others_do_is_told_to_admin_keys_and_to_this_machine() -> None:
    for keyed, admin, status in ((True, False, 403), (True, True, 404), (False, False, 404)):
        async with all_of_it(keyed=keyed, admin=admin) as (running, _, _):
            answer = await running.ask("/keepwell/state", method="GET", headers=AUTH)
            assert answer.status == status, (keyed, admin)  # this gateway has no such path of its own


@pytest.mark.parametrize(
    ("peer", "fine"), [(("::1", 1, 0, 0), True), (("10.0.0.7", 1), False), ("", False), (None, False)]
)
def test_only_this_machine_is_told_without_a_key(peer: object, fine: bool) -> None:
    with contextlib.nullcontext() if fine else pytest.raises(Refused):
        require_owner(NOBODY, peer)


async def test_a_service_is_behind_its_prefix_and_the_keys() -> None:
    async with all_of_it() as (running, engine, service):
        assert (await running.ask("/chroma/api/v2/heartbeat", method="GET")).status == 401
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            answer = await running.ask("/chroma/api/v2/x?a=b%20c", {"n": 1}, method=method, headers=AUTH)
            assert (answer.status, answer.data["method"], answer.data["path"]) == (200, method, "/api/v2/x?a=b%20c")
        assert json.loads(service.asked[1][3]) == {"n": 1}
        assert all("authorization" not in headers for _, _, headers, _ in service.asked)
        assert (await running.ask("/chroma", method="GET", headers=AUTH)).data["path"] == "/"
        assert (await running.ask("/chroma?x=1", method="GET", headers=AUTH)).data["path"] == "/?x=1"
        assert (await running.ask("/chromatic", method="GET", headers=AUTH)).status == 404
        assert (await running.ask("/chroma/x", method="HEAD", headers=AUTH)).status == 405
        assert not engine.asked


async def test_errors_of_a_service_are_its_own_affair() -> None:
    """They are passed on, and nobody is shut out for them."""
    async with all_of_it() as (running, _, service):
        service.status = 500
        answers = [await running.ask("/chroma/x", {}, headers=AUTH) for _ in range(8)]
        assert [one.status for one in answers] == [500] * 8
        service.status = 200
        assert (await running.ask("/chroma/x", {}, headers=AUTH)).status == 200


async def test_websockets_are_refused_clearly() -> None:
    async with all_of_it() as (running, _, service):
        headers = [*AUTH, "upgrade: websocket", "sec-websocket-version: 13"]
        answer = await running.ask("/chroma/ws", method="GET", headers=headers)
        assert answer.status == 501
        assert "websocket" in answer.data["message"]
        assert not service.asked


async def test_a_path_that_was_a_services_is_one_no_more() -> None:
    """The head of a request is remembered; what it means is found out again when the configuration changes."""
    async with all_of_it() as (running, _, service):
        assert (await running.ask("/chroma/v1/models", method="GET", headers=AUTH)).status == 200
        surface = running.gate.surface
        surface.replace(surface.names, OFFERED)
        assert (await running.ask("/chroma/v1/models", method="GET", headers=AUTH)).status == 404
        assert len(service.asked) == 1


async def test_an_unknown_path_is_told_and_a_wrong_method_with_the_right_one() -> None:
    async with all_of_it() as (running, _, _):
        unknown = await running.ask("/v2/everything", {}, headers=AUTH)
        wrong = await running.ask("/v1/chat/completions", method="DELETE", headers=AUTH)
        assert (unknown.status, wrong.status) == (404, 405)
        assert "takes POST" in wrong.data["error"]["message"]
