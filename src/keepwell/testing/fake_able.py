"""What a fake engine with the switch "able" makes of a request: tool calls, JSON by a schema, what it saw and heard.

The rule is fixed, so that a test knows the answer: each offered tool is called once, with arguments made from its
schema; after their results the model says " TAG heard RESULT RESULT"; asked for JSON it writes the smallest value of
the schema; of pictures it says " TAG sees N"; of a system prompt " TAG told TEXT"; else it counts. A stop text ends
any of them. Without the switch a fake counts whatever it is asked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from keepwell.testing.fake_state import FakeCall, FakeModel, FakeState, Generation, plan_generation

#: Length of a made vector.
DIMENSIONS = 8
#: Logarithm of a made probability.
LOGPROB = -0.25


def plan_answer(state: FakeState, model: FakeModel, asked: Mapping[str, object], limit: object) -> Generation:
    """As `plan_generation`, and with what an able model makes of the request."""
    made = plan_generation(state, model, asked, limit)
    options = asked.get("options")
    settings = {**asked, **(options if isinstance(options, Mapping) else {})}
    made = replace(made, odds=_count_odds(asked))
    if "able" not in state.switches:
        return made
    turns = [one for one in _list(asked.get("messages")) if isinstance(one, Mapping)]
    calls = _make_calls(asked, turns)
    if calls:
        return replace(made, words=(), calls=calls, finished="stop")
    said = _find_words(made.model.tag, asked, turns)
    if said:
        made = replace(made, words=said, finished="stop")
    return _stopped(made, settings.get("stop"))


def embed(text: str) -> list[float]:
    """A vector of this text: always the same one, of length one."""
    digest = hashlib.sha256(text.encode()).digest()[:DIMENSIONS]
    numbers = [(byte - 127.5) / 128 for byte in digest]
    length = sum(one * one for one in numbers) ** 0.5
    return [one / length for one in numbers]


def make_value(schema: object) -> object:
    """The smallest value of a JSON schema, as far as tests use them."""
    if not isinstance(schema, Mapping) or not schema:
        return {}
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    if isinstance(schema.get("enum"), list):
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        fields = schema.get("properties")
        if not isinstance(fields, Mapping):
            return {}
        return {name: make_value(one) for name, one in fields.items()}
    return {"array": [], "string": "text", "integer": 1, "number": 1.5, "boolean": True}.get(str(kind))


def _make_calls(asked: Mapping[str, object], turns: Sequence[Mapping[str, object]]) -> tuple[FakeCall, ...]:
    choice = asked.get("tool_choice", "auto")
    if choice == "none" or (turns and turns[-1].get("role") == "tool"):
        return ()
    wanted = ""
    if isinstance(choice, Mapping) and isinstance(choice.get("function"), Mapping):
        wanted = str(choice["function"].get("name", ""))
    made: list[FakeCall] = []
    for one in _list(asked.get("tools")):
        function = one.get("function") if isinstance(one, Mapping) else None
        if isinstance(function, Mapping) and wanted in ("", function.get("name")):
            arguments = json.dumps(make_value(function.get("parameters")))
            made.append(FakeCall(id=f"call_{len(made) + 1}", name=str(function.get("name")), arguments=arguments))
    if asked.get("parallel_tool_calls") is False:
        made = made[:1]
    return tuple(made)


def _find_words(tag: str, asked: Mapping[str, object], turns: Sequence[Mapping[str, object]]) -> tuple[str, ...]:
    """What an able model says in place of counting; nothing where it counts."""
    schema = _find_schema(asked)
    if schema is not None:
        text = json.dumps(make_value(schema))
        return tuple(text[at : at + 5] for at in range(0, len(text), 5))
    if turns and turns[-1].get("role") == "tool":
        results = [_text(one) for one in turns if one.get("role") == "tool"]
        return (f" {tag}", " heard", *(f" {one}" for one in results))
    pictures = sum(_count_pictures(one) for one in turns) + len(_list(asked.get("images")))
    if pictures:
        return (f" {tag}", " sees", f" {pictures}")
    told = [_text(one) for one in turns if one.get("role") in ("system", "developer")]
    told += [str(asked["system"])] if asked.get("system") else []
    if told:
        return (f" {tag}", " told", *(f" {one}" for one in told))
    return ()


def _find_schema(asked: Mapping[str, object]) -> object:
    """The schema that the answer must have; {} for any object, None where none is asked for."""
    shape = asked.get("format")
    if shape == "json" or isinstance(shape, Mapping):
        return {} if shape == "json" else shape
    wished = asked.get("response_format")
    if not isinstance(wished, Mapping) or wished.get("type") == "text":
        return None
    named = wished.get("json_schema")
    return named.get("schema", {}) if isinstance(named, Mapping) else {}


def _stopped(made: Generation, stop: object) -> Generation:
    """Without what comes from the first stop text on."""
    stops = [stop] if isinstance(stop, str) else [str(one) for one in _list(stop)]
    whole = "".join(made.words)
    ends = [whole.find(one) for one in stops if one and one in whole]
    if not ends:
        return made
    left, kept = min(ends), list[str]()
    for word in made.words:
        kept.append(word[:left])
        left -= len(word)
        if left <= 0:
            break
    return replace(made, words=tuple(one for one in kept if one), finished="stop")


def _count_odds(asked: Mapping[str, object]) -> int:
    """How many alternatives of each token are asked for, -1 for no probabilities."""
    wished, most = asked.get("logprobs"), asked.get("top_logprobs")
    if wished is True:
        return int(most) if isinstance(most, int) else 0
    return int(wished) if isinstance(wished, int) and wished is not False else -1


def _count_pictures(turn: Mapping[str, object]) -> int:
    parts = [one for one in _list(turn.get("content")) if isinstance(one, Mapping)]
    return len(_list(turn.get("images"))) + len([one for one in parts if one.get("type") == "image_url"])


def _text(turn: Mapping[str, object]) -> str:
    content = turn.get("content")
    if isinstance(content, str):
        return content
    return "".join(str(one.get("text", "")) for one in _list(content) if isinstance(one, Mapping))


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def read_texts(value: object) -> Iterator[str]:
    """The texts of an embedding's input: one, or a list."""
    if isinstance(value, str):
        yield value
    for one in _list(value):
        yield str(one)
