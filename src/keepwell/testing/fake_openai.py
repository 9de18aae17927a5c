"""The OpenAI-compatible wire, as a server of no special make speaks it; other fakes borrow its pieces."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator, Mapping, Sequence

from keepwell.testing.fake_able import DIMENSIONS, LOGPROB, embed, plan_answer, read_texts
from keepwell.testing.fake_http import FakeAnswer, FakeRequest, json_answer
from keepwell.testing.fake_state import FakeCall, FakeState, Fault, Generation, stream_words

#: A fixed time, so that two runs answer alike: 2026-01-01.
CREATED = 1_767_225_600


class OpenAi:
    """A list of models, chat completions, completions and embeddings; 404 for the rest."""

    release = ""
    server = ""

    def refuses_connections(self, state: FakeState) -> bool:
        """Never."""
        return False

    def answer(self, state: FakeState, request: FakeRequest) -> FakeAnswer:
        """By path."""
        if state.api_key and request.headers.get("authorization") != f"Bearer {state.api_key}":
            return error_answer(401, "Incorrect API key provided", "invalid_request_error", "invalid_api_key")
        fault = state.fault(request.path)
        if fault is Fault.BROKEN:
            return error_answer(500, "internal error", "api_error", "internal_error")
        if fault in (Fault.LOADING, Fault.BUSY):
            return error_answer(503, "model is loading", "unavailable_error", "503")
        if request.path == "/v1/models":
            return list_answer(state, owner="someone")
        if request.path in ("/v1/chat/completions", "/v1/completions", "/v1/embeddings"):
            asked = request.json()
            model = state.find_model(str(asked.get("model", "")))
            if model is None:
                return error_answer(404, f"The model {asked.get('model')} does not exist", "not_found_error", "404")
            if request.path == "/v1/embeddings":
                return embeddings_answer(asked)
            made = plan_answer(state, model, asked, asked.get("max_tokens"))
            render = chat_answer if request.path == "/v1/chat/completions" else completion_answer
            return render(state, request.path, made, ENDED)
        return error_answer(404, "Not Found", "not_found_error", "404")


#: How a stream of this flavour ends when its runner dies.
ENDED = b'data: {"error":{"message":"internal error","type":"api_error","code":"500"}}\n\n'


def error_answer(status: int, message: str, kind: str, code: object) -> FakeAnswer:
    """An error in OpenAI's form."""
    return json_answer({"error": {"message": message, "type": kind, "param": None, "code": code}}, status)


def list_answer(state: FakeState, *, owner: str, **more: object) -> FakeAnswer:
    """`/v1/models`, with further fields for each model."""
    data = [{"id": one.name, "object": "model", "created": CREATED, "owned_by": owner, **more} for one in state.models]
    return json_answer({"object": "list", "data": data})


def chat_answer(state: FakeState, path: str, made: Generation, broken: bytes, **more: object) -> FakeAnswer:
    """A chat completion, whole or as server-sent events; `broken` is what a stream says when its runner dies."""
    head = {"id": "chatcmpl-fake", "created": CREATED, "model": made.model.name, **more}
    finished = "tool_calls" if made.calls else made.finished
    if not made.stream:
        message: dict[str, object] = {"role": "assistant", "content": "".join(made.words)}
        if made.calls:
            message["content"] = None
            message["tool_calls"] = [_call(one) for one in made.calls]
        choice = {"index": 0, "message": message, "finish_reason": finished, **_odds(made.words, made.odds)}
        return json_answer({**head, "object": "chat.completion", "choices": [choice], "usage": count_usage(made)})

    def render(word: str) -> bytes:
        choice = {"index": 0, "delta": {"content": word}, "finish_reason": None, **_odds([word], made.odds)}
        return event({**head, "object": "chat.completion.chunk", "choices": [choice]})

    def render_piece(piece: str) -> bytes:
        delta = {"tool_calls": [json.loads(piece)]}
        choice = {"index": 0, "delta": delta, "finish_reason": None}
        return event({**head, "object": "chat.completion.chunk", "choices": [choice]})

    end = {"index": 0, "delta": {}, "finish_reason": finished}
    last = event({**head, "object": "chat.completion.chunk", "choices": [end], "usage": count_usage(made)})
    last += b"data: [DONE]\n\n"
    if made.calls:
        stream = stream_words(state, path, list(_pieces(made)), render_piece, last=last, broken=broken)
    else:
        stream = stream_words(state, path, made.words, render, last=last, broken=broken)
    return FakeAnswer(content_type="text/event-stream", stream=stream)


def completion_answer(state: FakeState, path: str, made: Generation, broken: bytes, **more: object) -> FakeAnswer:
    """A completion, whole or as server-sent events."""
    head = {"id": "cmpl-fake", "object": "text_completion", "created": CREATED, "model": made.model.name, **more}

    def choose(words: Sequence[str], finished: str | None) -> list[dict[str, object]]:
        odds = None
        if made.odds >= 0:
            odds = {
                "tokens": list(words),
                "token_logprobs": [LOGPROB] * len(words),
                "top_logprobs": [{one: LOGPROB} for one in words],
                "text_offset": [0] * len(words),
            }
        return [{"index": 0, "text": "".join(words), "logprobs": odds, "finish_reason": finished}]

    if not made.stream:
        return json_answer({**head, "choices": choose(made.words, made.finished), "usage": count_usage(made)})
    last = event({**head, "choices": choose([], made.finished), "usage": count_usage(made)}) + b"data: [DONE]\n\n"

    def render(word: str) -> bytes:
        return event({**head, "choices": choose([word], None)})

    stream = stream_words(state, path, made.words, render, last=last, broken=broken)
    return FakeAnswer(content_type="text/event-stream", stream=stream)


def embeddings_answer(asked: Mapping[str, object]) -> FakeAnswer:
    """Vectors of an input, as numbers or in base64."""
    rows: list[object] = [embed(one) for one in read_texts(asked.get("input"))]
    if asked.get("encoding_format") == "base64":
        packed = [struct.pack(f"<{DIMENSIONS}f", *embed(one)) for one in read_texts(asked.get("input"))]
        rows = [base64.b64encode(one).decode() for one in packed]
    data = [{"object": "embedding", "index": place, "embedding": one} for place, one in enumerate(rows)]
    usage = {"prompt_tokens": len(rows), "total_tokens": len(rows)}
    return json_answer({"object": "list", "data": data, "model": asked.get("model"), "usage": usage})


def count_usage(made: Generation) -> dict[str, int]:
    """Tokens as this format tells them."""
    output = len(made.words) + len(made.calls)
    return {
        "prompt_tokens": made.prompt_tokens,
        "completion_tokens": output,
        "total_tokens": made.prompt_tokens + output,
    }


def event(value: object) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"


def _call(one: FakeCall) -> dict[str, object]:
    return {"id": one.id, "type": "function", "function": {"name": one.name, "arguments": one.arguments}}


def _pieces(made: Generation) -> Iterator[str]:
    """Each call: its name, then its arguments in two pieces; as JSON, as words are streamed."""
    for place, one in enumerate(made.calls):
        named = {"index": place, **_call(FakeCall(one.id, one.name, ""))}
        yield json.dumps(named)
        half = len(one.arguments) // 2
        for piece in (one.arguments[:half], one.arguments[half:]):
            yield json.dumps({"index": place, "function": {"arguments": piece}})


def _odds(words: Sequence[str], most: int) -> dict[str, object]:
    if most < 0:
        return {}
    rows = []
    for word in words:
        token = {"token": word, "logprob": LOGPROB, "bytes": list(word.encode())}
        rows.append({**token, "top_logprobs": [token] * min(most, 1)})
    return {"logprobs": {"content": rows}}


FLAVOUR = OpenAi()
