"""The official OpenAI, Ollama and Anthropic clients, and curl, through the gateway to real engines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import anthropic
import ollama
import openai
import pytest

from keepwell.store.keys import Key, add_key, digest_secret, make_secret
from keepwell.testing.tiny_model import TinyModel
from keepwell.testing.waiting import eventually
from tests.engines import real
from tests.gateway.processes import Gateway, gateway, llama_server
from tests.support import free_port

pytestmark = pytest.mark.real
WORDS = 12
COUNTED = " ".join(["alpha", *(f"{number:04d}" for number in range(1, WORDS))])
MESSAGES = [{"role": "user", "content": "count"}]
QUIET = {"num_thread": 1, "num_predict": WORDS}
MORE = """
[[route]]
name = "tiny-alpha"
aliases = ["gpt-4o", "claude-*"]
"""


@dataclass
class Running:
    """The gateway, and keys of its clients."""

    made: Gateway
    key: str
    admin: str
    slow: str
    stack: ExitStack
    node: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.made.port}"

    def openai(self, key: str = "") -> openai.OpenAI:
        made = openai.OpenAI(base_url=f"{self.url}/v1", api_key=key or self.key, max_retries=0, timeout=30)
        return self.stack.enter_context(made)

    def anthropic(self) -> anthropic.Anthropic:
        made = anthropic.Anthropic(base_url=self.url, api_key=self.key, max_retries=0, timeout=30)
        return self.stack.enter_context(made)

    def ollama(self, key: str = "", **headers: str) -> ollama.Client:
        headers["authorization"] = f"Bearer {key or self.key}"
        return self.stack.enter_context(ollama.Client(host=self.url, headers=headers, timeout=30))

    def at_work(self) -> int:
        """Requests that replicas work on, as the gateway tells it."""
        key = f"authorization: Bearer {self.admin}"
        argv = ["curl", "-sS", "--noproxy", "*", "-H", key, f"{self.url}/keepwell/state"]
        told = json.loads(subprocess.run(argv, capture_output=True, check=True, timeout=10).stdout)
        return sum(int(one["running"]) for one in told["replicas"])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A llama-server with tiny-alpha, an Ollama with tiny-bravo, and the gateway before them."""
    folder = tmp_path_factory.mktemp("clients")
    alpha = real.make_model(folder / "alpha.gguf", TinyModel(tag="alpha", name="tiny-alpha"))
    bravo = real.make_model(folder / "bravo.gguf", TinyModel(tag="bravo", name="tiny-bravo"))
    with ExitStack() as stack:
        port = free_port()
        stack.enter_context(llama_server(folder, alpha, port, "-np", "2"))
        store = folder / "ollama"
        store.mkdir()
        engine = stack.enter_context(real.ollama(store))
        real.give(engine, bravo, "tiny-bravo")
        engines = [("llamacpp", port), ("ollama", int(engine.url.rpartition(":")[2]))]
        made = stack.enter_context(gateway(folder, engines, MORE))
        secrets = [_new_key(made, "ada"), _new_key(made, "root", admin=True), _new_key(made, "slow", per_minute=1)]
        running = Running(made, *secrets, stack)
        client = running.ollama()
        eventually(lambda: bool(client.list().models), 30, "the keys are known")
        node = json.loads(made.keepwell("route", "tiny-bravo", "--json").stdout)["candidates"]["ollama"][0]["replica"]
        running.node = node.partition("/")[0]
        yield running


def _new_key(made: Gateway, name: str, *, admin: bool = False, per_minute: int = 0) -> str:
    secret = make_secret()
    add_key(made.state, Key(name=name, digest=digest_secret(secret), admin=admin, per_minute=per_minute))
    return secret


def test_openai_chats_streams_and_lists(running: Running) -> None:
    client = running.openai()
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=MESSAGES, max_tokens=WORDS)
    answer = raw.parse()
    assert (answer.choices[0].message.content or "").strip() == COUNTED
    assert raw.headers["x-keepwell-asked"] == "gpt-4o"
    assert raw.headers["x-keepwell-model"] == "tiny-alpha"
    assert "llamacpp" in raw.headers["x-keepwell-replica"]
    stream = client.chat.completions.create(model="tiny-alpha", messages=MESSAGES, max_tokens=WORDS, stream=True)
    assert "".join(one.choices[0].delta.content or "" for one in stream if one.choices).strip() == COUNTED
    usage = {"include_usage": True}
    told = client.chat.completions.create(
        model="tiny-alpha", messages=MESSAGES, max_tokens=WORDS, stream=True, stream_options=usage
    )
    assert [one.usage.completion_tokens for one in told if one.usage] == [WORDS]
    assert client.completions.create(model="tiny-alpha", prompt="x", max_tokens=3).choices[0].text.split()[0] == "alpha"
    assert {one.id for one in client.models.list()} == {"tiny-alpha", "tiny-bravo", "gpt-4o"}
    assert client.models.retrieve("tiny-bravo").id == "tiny-bravo"


def test_openai_reaches_ollama_and_embeds(running: Running) -> None:
    client = running.openai()
    answer = client.chat.completions.create(model="tiny-bravo", messages=MESSAGES, max_tokens=4)
    assert (answer.choices[0].message.content or "").split()[0] == "bravo"
    made = client.embeddings.create(model="tiny-bravo", input=["one", "two"])
    assert len(made.data) == 2
    assert len(made.data[0].embedding) == 256


def test_openai_errors_are_of_their_classes(running: Running) -> None:
    with pytest.raises(openai.NotFoundError, match="did you mean tiny-alpha"):
        running.openai().chat.completions.create(model="tiny-alfa", messages=MESSAGES)
    with pytest.raises(openai.NotFoundError):
        running.openai().models.retrieve("nothing-like-it")
    with pytest.raises(openai.AuthenticationError):
        running.openai("wrong").models.list()
    slow = running.openai(running.slow)
    slow.chat.completions.create(model="tiny-alpha", messages=MESSAGES, max_tokens=1)
    with pytest.raises(openai.RateLimitError) as caught:
        slow.chat.completions.create(model="tiny-alpha", messages=MESSAGES, max_tokens=1)
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 60
    with pytest.raises(openai.BadRequestError):
        running.openai().chat.completions.create(model="tiny-alpha", messages=MESSAGES, extra_body={"messages": 7})


def test_openai_tools_are_told_to_be_too_much(running: Running) -> None:
    """The tiny models call none, which the engine tells beforehand: nothing is asked of it in vain."""
    tool = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}
    with pytest.raises(openai.BadRequestError, match="calls tools"):
        running.openai().chat.completions.create(model="tiny-bravo", messages=MESSAGES, tools=[tool], max_tokens=4)


def test_a_stream_that_is_left_frees_the_engine(running: Running) -> None:
    stream = running.openai().chat.completions.create(
        model="tiny-alpha", messages=MESSAGES, max_tokens=500, stream=True
    )
    next(iter(stream))
    stream.close()
    eventually(lambda: running.at_work() == 0, 10, "nothing is at work")


def test_ollama_chats_generates_and_embeds(running: Running) -> None:
    client = running.ollama()
    assert client.chat("tiny-bravo", MESSAGES, options=QUIET).message.content.split()[:2] == ["bravo", "0001"]
    parts = list(client.chat("tiny-bravo", MESSAGES, stream=True, options=QUIET))
    assert "".join(one.message.content or "" for one in parts).split()[-1] == f"{WORDS - 1:04d}"
    assert parts[-1].done
    assert client.generate("tiny-bravo", "x", options=QUIET).response.split()[0] == "bravo"
    assert len(client.embed("tiny-bravo", ["one", "two"]).embeddings) == 2
    assert len(client.embeddings("tiny-bravo", "one").embedding) == 256


def test_ollama_lists_shows_and_tells_the_node(running: Running) -> None:
    client = running.ollama()
    client.generate("tiny-bravo", "x", options=QUIET)
    assert [one.model for one in client.list().models] == ["gpt-4o", "tiny-alpha", "tiny-bravo"]
    assert client.show("tiny-bravo").details is not None
    assert client.show("gpt-4o").capabilities == ["completion"]
    held = {"gpt-4o", "tiny-alpha", "tiny-bravo"}
    eventually(lambda: {one.model for one in client.ps().models} == held, 15, "it is told to be in memory")
    (row,) = (one for one in client.ps().models if one.model == "tiny-bravo")
    assert (row.size or 0) > 0
    assert row.expires_at is not None


def test_ollama_errors(running: Running) -> None:
    with pytest.raises(ollama.ResponseError) as caught:
        running.ollama().chat("nothing-like-it", MESSAGES)
    assert caught.value.status_code == 404
    with pytest.raises(ollama.ResponseError) as caught:
        running.ollama("wrong").list()
    assert caught.value.status_code == 401


def test_ollama_changes_an_engine_with_an_admin_key_and_a_node(running: Running) -> None:
    with pytest.raises(ollama.ResponseError, match="admin key"):
        running.ollama(**{"x-keepwell-node": running.node}).copy("tiny-bravo", "tiny-copy")
    with pytest.raises(ollama.ResponseError, match=running.node):
        running.ollama(running.admin).copy("tiny-bravo", "tiny-copy")
    admin = running.ollama(running.admin, **{"x-keepwell-node": running.node})
    admin.copy("tiny-bravo", "tiny-copy")
    eventually(lambda: "tiny-copy" in [one.model for one in admin.list().models], 15, "the copy is offered")
    assert admin.chat("tiny-copy", MESSAGES, options=QUIET).message.content.split()[0] == "bravo"
    steps = list(admin.create("tiny-made", from_="tiny-bravo", stream=True))
    assert steps[-1].status == "success"
    for name in ("tiny-copy", "tiny-made"):
        admin.delete(name)
    eventually(lambda: "tiny-copy" not in [one.model for one in admin.list().models], 15, "it is gone")


def test_anthropic_asks_streams_and_counts(running: Running) -> None:
    client = running.anthropic()
    answer = client.messages.create(model="claude-made-up", max_tokens=WORDS, messages=MESSAGES)
    assert answer.content[0].text.strip() == COUNTED
    with client.messages.stream(model="tiny-alpha", max_tokens=WORDS, messages=MESSAGES) as stream:
        assert "".join(stream.text_stream).strip() == COUNTED
        assert stream.get_final_message().usage.output_tokens == WORDS
    assert client.messages.count_tokens(model="tiny-alpha", messages=MESSAGES).input_tokens > 0
    assert "tiny-alpha" in [one.id for one in client.models.list()]
    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(model="nothing", max_tokens=1, messages=MESSAGES)


def test_curl(running: Running) -> None:
    curl = shutil.which("curl")
    assert curl is not None
    body = json.dumps({"model": "tiny-alpha", "messages": MESSAGES, "max_tokens": WORDS, "stream": True})
    head = ["-H", f"authorization: Bearer {running.key}", "-H", "expect: 100-continue"]
    argv = [curl, "-sSN", "--fail", "--noproxy", "*", *head, "-d", body, f"{running.url}/v1/chat/completions"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.rstrip().endswith("data: [DONE]")
    argv = [curl, "-sSI", "--noproxy", "*", *head, f"{running.url}/api/tags"]
    assert "200 OK" in subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30).stdout


@pytest.mark.long
def test_the_ollama_program_notices_nothing(tmp_path: Path) -> None:
    """`ollama list`, `show`, `run` and `ps` with OLLAMA_HOST at the gateway; changing needs more than it can send."""
    bravo = real.make_model(tmp_path / "bravo.gguf", TinyModel(tag="bravo", name="tiny-bravo", words=20))
    store = tmp_path / "ollama"
    store.mkdir()
    program, needed = real.find_ollama()
    with ExitStack() as stack:
        engine = stack.enter_context(real.ollama(store))
        real.give(engine, bravo, "tiny-bravo")
        made = stack.enter_context(gateway(tmp_path, [("ollama", int(engine.url.rpartition(":")[2]))]))
        env = {**os.environ, **needed, "HOME": str(tmp_path), "OLLAMA_HOST": f"127.0.0.1:{made.port}"}

        def say(*words: str) -> tuple[int, str]:
            done = subprocess.run([program, *words], env=env, capture_output=True, text=True, check=False, timeout=60)
            return done.returncode, done.stdout + done.stderr

        assert "tiny-bravo" in say("list")[1]
        assert "context length" in say("show", "tiny-bravo")[1]
        code, said = say("run", "tiny-bravo", "hello")
        assert code == 0
        assert " ".join(["bravo", *(f"{number:04d}" for number in range(1, 21))]) in said
        eventually(lambda: "tiny-bravo" in say("ps")[1], 15, "it is told to be in memory")
        code, said = say("cp", "tiny-bravo", "other")
        assert code == 1
        assert "admin key" in said
