"""One gateway before real engines and able fakes, and the official clients at it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import anthropic
import httpx
import httpx2
import ollama
import openai

from keepwell.testing.tiny_model import TOOL_TEMPLATE, TinyModel
from keepwell.testing.waiting import eventually
from tests.engines import real
from tests.gateway.processes import Gateway, fake_engine, gateway, llama_server
from tests.matrix import anthropic_calls, ollama_calls, openai_calls
from tests.matrix.wishes import Asker, Said, Wish
from tests.support import free_port

#: Template by which Ollama believes that a model calls tools.
OLLAMA_TEMPLATE = (
    "{{ if .Tools }}<|system|>{{ .Tools }}<|end|>{{ end }}{{ range .Messages }}<|{{ .Role }}|>{{ .Content }}"
    "{{ if .ToolCalls }}<tool_call>\n{{ range .ToolCalls }}"
    '{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}\n{{ end }}</tool_call>{{ end }}'
    "<|end|>{{ end }}<|assistant|>"
)
#: Ollama tells probabilities since 0.12.11.
NO_ODDS = frozenset({"odds"})
#: What a model says that calls both tools.
TWO_CALLS = (
    '<tool_call>\n{"name": "weather", ',
    '"arguments": {"city"',
    ': "Paris"}}\n</tool_call>',
    '\n<tool_call>\n{"name": "hour", ',
    '"arguments": {"zone": ',
    '"CET"}}\n</tool_call>',
)


@dataclass(frozen=True, slots=True)
class Served:
    """An engine by its title, and its models: one that counts, one that calls tools, one for vectors ("": none).

    `able` is a fake that does what it is asked; a real tiny model counts. `lacks` are features that no client gets from
    this release, asked in its own format or in another.
    """

    title: str
    counts: str
    calls: str = ""
    vectors: str = ""
    able: bool = False
    lacks: frozenset[str] = frozenset()


@dataclass(slots=True)
class Heads:
    """The headers of the last answer that a client got."""

    last: Mapping[str, str] = field(default_factory=dict)

    def note(self, response: httpx.Response | httpx2.Response) -> None:
        """As an event hook of a client."""
        self.last = dict(response.headers)

    @property
    def way(self) -> str:
        """How it was translated; "" if it was not."""
        return self.last.get("x-keepwell-translated", "")

    @property
    def dropped(self) -> list[str]:
        """What was left out, by name."""
        return [one.strip() for one in self.last.get("x-keepwell-dropped", "").split(",") if one.strip()]


@dataclass(slots=True)
class Fleet:
    """The gateway, its engines by a short word, and how each client asks."""

    made: Gateway
    engines: Mapping[str, Served]
    heads: Heads
    askers: Mapping[str, Asker]
    vectors: Mapping[str, Callable[[str, list[str]], list[list[float]]]]


@contextmanager
def make_fleet(folder: Path, *, vllm: Mapping[str, int] | None = None) -> Iterator[Fleet]:
    """Real Ollama, llama-servers, and fakes of Ollama and of a server that speaks OpenAI's format alone; with `vllm`
    what listens on these ports, by model, and nothing else.
    """
    if vllm:
        with ExitStack() as stack:
            made = stack.enter_context(gateway(folder, [("vllm", port) for port in vllm.values()]))
            yield _Clients(stack, made).fleet(vllm)
        return
    shapes = {
        "tiny-alpha": TinyModel(tag="alpha", name="tiny-alpha", chat_template=TOOL_TEMPLATE, words=64),
        "tiny-caller": TinyModel(name="tiny-caller", script=TWO_CALLS, chat_template=TOOL_TEMPLATE),
        "tiny-vectors": TinyModel(tag="alpha", name="tiny-vectors", width=32, feed=32, words=32),
        "tiny-bravo": TinyModel(tag="bravo", name="tiny-bravo", words=64),
        "tiny-bcaller": TinyModel(name="tiny-bcaller", script=TWO_CALLS),
    }
    files = {name: real.make_model(folder / f"{name}.gguf", shape) for name, shape in shapes.items()}
    with ExitStack() as stack:
        rows = []
        for name in ("tiny-alpha", "tiny-caller", "tiny-vectors"):
            more = (
                ["--embeddings", "--set", "pooling_type=1"] if name == "tiny-vectors" else ["--set", "use_jinja=true"]
            )
            rows.append(("llamacpp", free_port()))
            stack.enter_context(llama_server(folder, files[name], rows[-1][1], *more, name=name))
        store = folder / "ollama"
        store.mkdir()
        engine = stack.enter_context(real.ollama(store))
        for name in ("tiny-bravo", "tiny-bcaller"):
            _give(engine, files[name], name)
        rows.append(("ollama", int(engine.url.rpartition(":")[2])))
        for kind, model in (("ollama", "tiny-oscar"), ("openai", "tiny-papa")):
            rows.append((kind, free_port()))
            stack.enter_context(fake_engine(folder, rows[-1][1], kind, "--switch", "able", "--model", model))
        made = stack.enter_context(gateway(folder, rows))
        yield _Clients(stack, made).fleet({})


@dataclass(slots=True)
class _Clients:
    stack: ExitStack
    made: Gateway
    heads: Heads = field(default_factory=Heads)

    def fleet(self, vllm: Mapping[str, int]) -> Fleet:
        url = f"http://127.0.0.1:{self.made.port}"
        hooks = {"response": [self.heads.note]}
        known: dict[str, Any] = {"api_key": "none", "max_retries": 0}
        first = openai.OpenAI(base_url=f"{url}/v1", http_client=httpx2.Client(event_hooks=hooks, timeout=60), **known)
        second = ollama.Client(host=url, event_hooks=hooks, timeout=60)
        third = anthropic.Anthropic(base_url=url, http_client=httpx2.Client(event_hooks=hooks, timeout=60), **known)
        for one in (first, second, third):
            self.stack.enter_context(one)
        engines = {
            "ollama": Served("Ollama 0.9.3", "tiny-bravo", "tiny-bcaller", "tiny-bravo", lacks=NO_ODDS),
            "llamacpp": Served("llama-server", "tiny-alpha", "tiny-caller", "tiny-vectors"),
            "fake-ollama": Served("fake Ollama", "tiny-oscar", "tiny-oscar", "tiny-oscar", able=True, lacks=NO_ODDS),
            "fake-openai": Served("fake OpenAI-compatible", "tiny-papa", "tiny-papa", "tiny-papa", able=True),
        }
        if vllm:
            engines["vllm"] = Served("vLLM 0.32.0", *vllm)
        eventually(lambda: len(first.models.list().data) >= (len(vllm) or 7), 60, "every model is offered")
        askers: dict[str, Callable[[Wish], Said]] = {
            "openai chat": partial(openai_calls.ask_chat, first),
            "openai completions": partial(openai_calls.ask_completion, first),
            "openai responses": partial(openai_calls.ask_response, first),
            "ollama chat": partial(ollama_calls.ask_chat, second),
            "ollama generate": partial(ollama_calls.ask_generate, second),
            "anthropic messages": partial(anthropic_calls.ask_messages, third),
        }
        vectors = {
            "openai embeddings": partial(openai_calls.ask_vectors, first),
            "ollama embed": partial(ollama_calls.ask_vectors, second),
            "ollama embeddings": partial(ollama_calls.ask_old_vectors, second),
        }
        return Fleet(self.made, engines, self.heads, askers, vectors)


def _give(engine: real.RealEngine, model: Path, name: str) -> None:
    content = model.read_bytes()
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    assert engine.ask(f"/api/blobs/{digest}", content)[0] == 201
    body = {"model": name, "files": {model.name: digest}, "template": OLLAMA_TEMPLATE, "stream": False}
    body["parameters"] = {"num_thread": 1}  # two spin against other work
    assert engine.ask("/api/create", body)[0] == 200
