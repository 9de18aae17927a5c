"""The fake engine: a true wire, and faults that look from outside as they should."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest

from keepwell.core.errors import AccessError, TimedOut, TooLarge, Unreachable
from keepwell.testing.engine import FLAVOURS, FakeEngine, FakeModel, Fault
from keepwell.testing.tiny_model import TinyModel
from keepwell.transport.base import Reply
from keepwell.transport.local import LocalTransport
from tests.support import eventually_async, free_port

PATHS = {"ollama": "/api/tags", "vllm": "/v1/models", "llamacpp": "/models", "openai": "/v1/models"}


async def get(url: str, **headers: str) -> Reply:
    """One GET within a second."""
    transport = LocalTransport("node")
    try:
        return await transport.http("GET", url, headers=headers, timeout_seconds=1.0, max_bytes=1024 * 1024)
    finally:
        await transport.close()


async def post(url: str, asked: object, seconds: float = 5.0) -> Reply:
    """One POST of JSON."""
    transport = LocalTransport("node")
    try:
        return await transport.http("POST", url, body=json.dumps(asked).encode(), timeout_seconds=seconds)
    finally:
        await transport.close()


def asked(model: str = "tiny-alpha", words: int = 6, **more: object) -> dict[str, object]:
    """A request for words."""
    return {"model": model, "messages": [{"role": "user", "content": "hi you"}], "max_tokens": words, **more}


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_it_lists_its_models_and_remembers_what_was_asked(flavour: str) -> None:
    async with FakeEngine(flavour, models=(FakeModel(name="one"), FakeModel(name="two"))) as engine:
        reply = await get(engine.url + PATHS[flavour])
    found = json.loads(reply.body)
    names = [row.get("id") or row["name"] for row in found.get("data") or found["models"]]
    assert [name.partition(":")[0] for name in names] == ["one", "two"]
    assert [(request.method, request.path) for request in engine.requests] == [("GET", PATHS[flavour])]


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Fault.HANG, TimedOut), (Fault.DROP, Unreachable), (Fault.TRUNCATED, Unreachable), (Fault.HUGE, TooLarge)],
)
@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_faults_of_the_wire(flavour: str, fault: Fault, error: type[AccessError]) -> None:
    async with FakeEngine(flavour) as engine:
        await engine.set_fault(fault)
        with pytest.raises(error):
            await get(engine.url + PATHS[flavour])
        await engine.clear_faults()
        assert (await get(engine.url + PATHS[flavour])).status == 200


async def test_a_fault_of_one_path_leaves_the_others_alone() -> None:
    async with FakeEngine("ollama") as engine:
        await engine.set_fault(Fault.MALFORMED, "/api/tags")
        with pytest.raises(ValueError, match=r"."):
            json.loads((await get(f"{engine.url}/api/tags")).body)
        assert json.loads((await get(f"{engine.url}/api/version")).body) == {"version": "0.9.3"}


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_its_answers_are_those_of_the_tiny_model(flavour: str) -> None:
    async with FakeEngine(flavour) as engine:
        reply = await post(f"{engine.url}/v1/chat/completions", asked())
        found = json.loads(reply.body)
        assert found["choices"][0]["message"]["content"] == TinyModel(tag="alpha").answer(6)
        assert found["usage"] == {"prompt_tokens": 2, "completion_tokens": 6, "total_tokens": 8}
        await engine.set_fault(Fault.WRONG_MODEL)
        wrong = json.loads((await post(f"{engine.url}/v1/chat/completions", asked())).body)
    assert (wrong["model"], wrong["choices"][0]["message"]["content"].split()[0]) == ("other-model", "other")


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_stream_counts_and_ends(flavour: str) -> None:
    async with FakeEngine(flavour) as engine:
        reply = await post(f"{engine.url}/v1/chat/completions", asked(stream=True))
    events = [line.removeprefix(b"data: ") for line in reply.body.split(b"\n\n") if line]
    assert events[-1] == b"[DONE]"
    pieces = [json.loads(one)["choices"][0]["delta"].get("content", "") for one in events[:-1]]
    assert "".join(pieces) == TinyModel(tag="alpha").answer(6)


async def test_ollamas_own_stream() -> None:
    async with FakeEngine("ollama") as engine:
        body = {"model": "tiny-alpha", "prompt": "a b c", "options": {"num_predict": 4}}
        reply = await post(f"{engine.url}/api/generate", body)
        lines = [json.loads(line) for line in reply.body.splitlines()]
        await engine.set_fault(Fault.DEAD)
        dead = await post(f"{engine.url}/api/generate", {**body, "options": {"num_predict": 9}})
    assert "".join(line["response"] for line in lines) == TinyModel(tag="alpha").answer(4)
    assert (lines[-1]["done"], lines[-1]["done_reason"], lines[-1]["prompt_eval_count"]) == (True, "length", 3)
    assert (dead.status, json.loads(dead.body.splitlines()[-1])) == (
        200,
        {"error": "an error was encountered while running the model: unexpected EOF"},
    )


async def test_a_dead_engine_of_vllm_says_so_in_the_stream_and_in_its_health() -> None:
    async with FakeEngine("vllm") as engine:
        await engine.set_fault(Fault.DEAD)
        reply = await post(f"{engine.url}/v1/chat/completions", asked(stream=True))
        assert (await get(f"{engine.url}/health")).status == 503
    assert reply.status == 200
    assert b'"InternalServerError"' in reply.body
    assert reply.body.endswith(b"data: [DONE]\n\n")


async def test_a_stream_that_is_cut_breaks() -> None:
    async with FakeEngine("llamacpp") as engine:
        await engine.set_fault(Fault.CUT)
        with pytest.raises(Unreachable):
            await post(f"{engine.url}/v1/chat/completions", asked(stream=True))


@pytest.mark.parametrize(
    ("flavour", "model", "status", "words"),
    [
        ("ollama", "nope", 404, 'model "nope" not found, try pulling it first'),
        ("vllm", "nope", 404, "The model `nope` does not exist. Valid aliases: tiny-alpha."),
        ("llamacpp", "nope", 200, "alpha"),
        ("openai", "nope", 404, "does not exist"),
    ],
)
async def test_a_wrong_name(flavour: str, model: str, status: int, words: str) -> None:
    async with FakeEngine(flavour) as engine:
        reply = await post(f"{engine.url}/v1/chat/completions", asked(model))
    assert reply.status == status
    assert words in reply.body.decode().replace("\\", "")


@pytest.mark.parametrize(("flavour", "status"), [("ollama", 200), ("vllm", 400), ("llamacpp", 400)])
async def test_a_prompt_that_is_too_long(flavour: str, status: int) -> None:
    path = {"ollama": "/api/chat"}.get(flavour, "/v1/chat/completions")
    long = asked(messages=[{"role": "user", "content": "word " * 3000}], stream=False)
    async with FakeEngine(flavour) as engine:
        reply = await post(engine.url + path, long)
    assert reply.status == status
    found = json.loads(reply.body)
    if flavour == "ollama":
        assert found["prompt_eval_count"] == 2048, "cut in silence"
    else:
        assert "2048" in found["error"]["message"]


@pytest.mark.parametrize(
    ("flavour", "path", "status"), [("ollama", "/api/chat", 503), ("vllm", "/v1/chat/completions", 503)]
)
async def test_a_full_queue(flavour: str, path: str, status: int) -> None:
    async with FakeEngine(flavour) as engine:
        await engine.set_fault(Fault.BUSY)
        assert (await post(engine.url + path, asked())).status == status


async def test_asleep_lets_requests_of_vllm_hang_and_health_be_fine() -> None:
    async with FakeEngine("vllm", switches=("dev",)) as engine:
        await engine.set_fault(Fault.ASLEEP)
        assert (await get(f"{engine.url}/health")).status == 200
        assert json.loads((await get(f"{engine.url}/is_sleeping")).body) == {"is_sleeping": True}
        with pytest.raises(TimedOut):
            await post(f"{engine.url}/v1/chat/completions", asked(), seconds=0.3)


async def test_a_loading_vllm_has_a_closed_port_and_opens_the_same_one() -> None:
    async with FakeEngine("vllm") as engine:
        port = engine.port
        await engine.set_fault(Fault.LOADING)
        with pytest.raises(Unreachable):
            await get(f"{engine.url}/health")
        await engine.clear_faults()
        assert (await get(f"{engine.url}/health")).status == 200
        assert engine.port == port


async def test_hosts_and_origins_of_ollama() -> None:
    async with FakeEngine("ollama") as engine:
        for headers, status in (
            ({"Host": "example.com"}, 403),
            ({"Host": "gpu.local:1"}, 200),
            ({"Host": "10.0.0.1:11434"}, 200),
            ({"Origin": "http://evil.example"}, 403),
            ({"Origin": "http://localhost:3000"}, 200),
        ):
            assert (await get(f"{engine.url}/api/version", **headers)).status == status, headers


async def test_running_requests_are_counted() -> None:
    async with FakeEngine("vllm") as engine:
        engine.state.token_seconds = 0.02
        task = asyncio.create_task(post(f"{engine.url}/v1/chat/completions", asked(words=30, stream=True)))

        async def started() -> bool:
            return engine.state.running > 0

        await eventually_async(started)
        metrics = (await get(f"{engine.url}/metrics")).body
        assert b'vllm:num_requests_running{engine="0",model_name="tiny-alpha"} 1.0' in metrics
        await task
        assert engine.state.running == 0


async def test_no_request_line_is_refused_and_the_next_connection_is_served() -> None:
    async with FakeEngine("openai") as engine:
        reader, writer = await asyncio.open_connection("127.0.0.1", engine.port)
        writer.write(b"\x00\x01\r\n\r\n")
        assert (await reader.read(100)).startswith(b"HTTP/1.1 400 ")
        writer.close()
        await writer.wait_closed()
        assert (await get(f"{engine.url}/v1/models")).status == 200


async def test_one_connection_carries_several_requests_and_a_body_in_chunks() -> None:
    async with FakeEngine("ollama") as engine:
        reader, writer = await asyncio.open_connection("127.0.0.1", engine.port)
        writer.write(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        body = b'{"model":"tiny-alpha"}'
        head = b"POST /api/show HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        writer.write(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        answer = await reader.read()
        assert b"200 OK" in answer
        assert b"llama.context_length" in answer
        writer.close()
        await writer.wait_closed()


def test_an_unknown_flavour() -> None:
    with pytest.raises(ValueError, match="known: ollama"):
        FakeEngine("nothing")


async def test_as_a_process_with_a_control_path() -> None:
    port = free_port()
    argv = [sys.executable, "-m", "keepwell.testing.engine", "--flavour", "llamacpp", "--port", str(port), "--control"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().decode().strip()
            assert url == f"http://127.0.0.1:{port}"
            assert (await get(f"{url}/health")).status == 200
            assert json.loads((await post(f"{url}/_fake", {"fault": "loading"})).body) == {"": "loading"}
            assert (await get(f"{url}/health")).status == 503
            assert (await post(f"{url}/_fake", {"fault": "nothing"})).status == 400
        finally:
            process.terminate()
        assert process.wait(10) == 0
