"""A real Ollama understands what is written here, and its answers are read: text, limits, JSON, tools, thoughts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from keepwell.dialects.ollama.chat import CHAT
from keepwell.dialects.ollama.generate import GENERATE
from keepwell.plugins.answer_events import CallPiece, Ended, Failed, Finished
from keepwell.plugins.asked import Asked, Message, Shape, Tool, ToolCall
from keepwell.plugins.codec import Codec, read_whole
from keepwell.testing.tiny_model import TOOL_TEMPLATE, TinyModel
from tests.dialects.folding import Folded, fold
from tests.engines.real import RealEngine, make_model, ollama

pytestmark = pytest.mark.real

#: Shows tools, calls and thoughts, so that Ollama looks for them in answers.
TEMPLATE = (
    "{{ if .Tools }}<|system|>{{ .Tools }}<|end|>{{ end }}{{ range .Messages }}<|{{ .Role }}|>"
    "{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}{{ .Content }}"
    '{{ if .ToolCalls }}<tool_call>\n{{ range .ToolCalls }}{"name": "{{ .Function.Name }}", '
    '"arguments": {{ .Function.Arguments }}}\n{{ end }}</tool_call>{{ end }}<|end|>{{ end }}<|assistant|>'
)
CALLS = (
    '<tool_call>\n{"name": "weather", ', '"arguments": {"city"', ': "Paris"}}\n</tool_call>',
    '\n<tool_call>\n{"name": "hour", ', '"arguments": {"zone": ', '"CET"}}\n</tool_call>',
)  # fmt: skip
THOUGHTS = ("<think>", "\nHow", " far", "?\n", "</think>", "\n\nTo", " three", ".")
CITY = {"type": "object", "properties": {"city": {"type": "string", "enum": ["Paris"]}}, "required": ["city"]}
ZONE = {"type": "object", "properties": {"zone": {"type": "string"}}}
TOOLS = (Tool("weather", "Tells the weather.", CITY), Tool("hour", parameters=ZONE))
QUESTION = (Message("system", ("Be short.",)), Message("user", ("count",)))
CALLED = (
    Message("user", ("weather?",)),
    Message("assistant", calls=(ToolCall("c1", "weather", '{"city":"Paris"}'), ToolCall("c2", "hour", "{}"))),
    Message("tool", ("sunny",), call_id="c1"),
    Message("tool", ("noon",), call_id="c2"),
)
MODELS = {
    "counter": TinyModel(tag="alpha", words=16),
    "caller": TinyModel(script=CALLS, chat_template=TOOL_TEMPLATE),
    "thinker": TinyModel(script=THOUGHTS),
}
both_ways = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealEngine]:
    """An Ollama with the three models."""
    folder = tmp_path_factory.mktemp("ollama")
    files = {name: make_model(folder / f"{name}.gguf", shape) for name, shape in MODELS.items()}
    with ollama(folder) as engine:
        for name, file in files.items():
            create(engine, name, file)
        yield engine


def create(engine: RealEngine, name: str, file: Path) -> None:
    """Put a model into its store, with the template."""
    content = file.read_bytes()
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    assert engine.ask(f"/api/blobs/{digest}", content)[0] == 201
    body = {"model": name, "files": {file.name: digest}, "template": TEMPLATE, "stream": False}
    assert engine.ask("/api/create", body)[0] == 200


def ask(engine: RealEngine, codec: Codec, asked: Asked) -> Folded:
    """What it answers, one thread."""
    asked = msgspec.structs.replace(asked, options={**asked.options, "num_thread": 1}, temperature=0.0)
    status, body = engine.ask(codec.path.decode(), codec.write_request(asked))
    assert status == 200, body
    events = read_whole(codec, body, stream=asked.stream)
    assert isinstance(events[-1], Ended), events
    return fold(events)


@both_ways
def test_text_and_limit(engine: RealEngine, stream: bool) -> None:
    said = ask(engine, CHAT, Asked(model="counter", stream=stream, messages=QUESTION, max_tokens=3))
    assert said.texts == {0: " alpha 0001 0002"}
    assert said.finished == {0: Finished("length")}
    (counted,) = said.counted
    assert counted.output_tokens == 3
    assert min(counted.input_tokens, counted.total_ns, counted.input_ns, counted.output_ns) > 0


@both_ways
def test_stop(engine: RealEngine, stream: bool) -> None:
    said = ask(engine, CHAT, Asked(model="counter", stream=stream, messages=QUESTION, stop=(" 0002",)))
    assert said.texts == {0: " alpha 0001"}
    assert said.finished == {0: Finished("stop")}


# A tiny model fills JSON with blanks, after 30 of which Ollama breaks off: little room where any object will do.
@pytest.mark.parametrize(("shape", "room"), [(Shape(), 6), (Shape(schema=CITY), 60)], ids=["object", "schema"])
def test_json(engine: RealEngine, shape: Shape, room: int) -> None:
    said = ask(engine, CHAT, Asked(model="counter", messages=QUESTION, shape=shape, max_tokens=room))
    if shape.schema is not None:
        assert json.loads(said.texts[0]) == {"city": "Paris"}
    assert said.texts[0].lstrip().startswith("{"), said


@both_ways
def test_parallel_calls(engine: RealEngine, stream: bool) -> None:
    said = ask(engine, CHAT, Asked(model="caller", stream=stream, messages=QUESTION, tools=TOOLS))
    assert [(name, json.loads(arguments)) for _, name, arguments in said.calls.values()] == [
        ("weather", {"city": "Paris"}),
        ("hour", {"zone": "CET"}),
    ]
    assert len({made for made, _, _ in said.calls.values()} - {""}) == 2
    assert said.finished == {0: Finished("tools")}


def test_results_of_calls(engine: RealEngine) -> None:
    said = ask(engine, CHAT, Asked(model="caller", messages=CALLED, tools=TOOLS, max_tokens=60))
    assert said.ended == 1


@both_ways
def test_thoughts(engine: RealEngine, stream: bool) -> None:
    for codec in (CHAT, GENERATE):
        said = ask(engine, codec, Asked(model="thinker", stream=stream, messages=QUESTION, think=True))
        assert (said.thoughts, said.texts) == ({0: "How far?\n"}, {0: "To three."})


@both_ways
def test_prompts(engine: RealEngine, stream: bool) -> None:
    said = ask(engine, GENERATE, Asked(model="counter", stream=stream, messages=QUESTION, max_tokens=2))
    assert said.texts == {0: " alpha 0001"}
    raw = Asked(model="counter", kind="completion", stream=stream, prompts=("count",), max_tokens=2)
    assert ask(engine, GENERATE, raw).counted[0].input_tokens < said.counted[0].input_tokens


def test_load_and_unload(engine: RealEngine) -> None:
    for codec in (CHAT, GENERATE):
        assert ask(engine, codec, Asked(model="counter")).finished == {0: Finished(said="load")}
        assert ask(engine, codec, Asked(model="counter", keep_alive=0)).finished == {0: Finished(said="unload")}


def test_every_option_is_taken(engine: RealEngine) -> None:
    settings = {"top_k": 40, "top_p": 0.9, "min_p": 0.0, "seed": 7, "repeat_penalty": 1.0}
    settings |= {"frequency_penalty": 0.0, "presence_penalty": 0.0, "keep_alive": "5m", "truncate": True}
    options = {"num_ctx": 512, "num_keep": 4, "num_batch": 64, "repeat_last_n": 0, "typical_p": 1.0, "use_mmap": True}
    asked = Asked(model="counter", messages=QUESTION, max_tokens=2, options=options)
    assert ask(engine, CHAT, msgspec.structs.replace(asked, **settings)).texts == {0: " alpha 0001"}


def test_errors(engine: RealEngine) -> None:
    for codec in (CHAT, GENERATE):
        status, body = engine.ask(codec.path.decode(), codec.write_request(Asked(model="gone", messages=QUESTION)))
        assert status == 404
        assert "not found" in codec.read_error(body)
        (failed,) = read_whole(codec, body)
        assert isinstance(failed, Failed)
        assert failed.message == codec.read_error(body)
    assert CallPiece(0) not in read_whole(CHAT, b"404 page not found")
