"""The OpenAI-compatible wire, as a server of no special make speaks it; other fakes borrow its pieces."""

from __future__ import annotations

import json

from keepwell.testing.fake_http import FakeAnswer, FakeRequest, json_answer
from keepwell.testing.fake_state import FakeState, Fault, Generation, plan_generation, stream_words

#: A fixed time, so that two runs answer alike: 2026-01-01.
CREATED = 1_767_225_600


class OpenAi:
    """A list of models and chat completions; 404 for the rest."""

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
        if request.path == "/v1/chat/completions":
            asked = request.json()
            model = state.find_model(str(asked.get("model", "")))
            if model is None:
                return error_answer(404, f"The model {asked.get('model')} does not exist", "not_found_error", "404")
            made = plan_generation(state, model, asked, asked.get("max_tokens"))
            return chat_answer(state, request.path, made, ENDED)
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
    usage = {
        "prompt_tokens": made.prompt_tokens,
        "completion_tokens": len(made.words),
        "total_tokens": made.prompt_tokens + len(made.words),
    }
    if not made.stream:
        message = {"role": "assistant", "content": "".join(made.words)}
        choice = {"index": 0, "message": message, "finish_reason": made.finished}
        return json_answer({**head, "object": "chat.completion", "choices": [choice], "usage": usage})

    def render(word: str) -> bytes:
        choice = {"index": 0, "delta": {"content": word}, "finish_reason": None}
        return event({**head, "object": "chat.completion.chunk", "choices": [choice]})

    end = {"index": 0, "delta": {}, "finish_reason": made.finished}
    last = event({**head, "object": "chat.completion.chunk", "choices": [end], "usage": usage}) + b"data: [DONE]\n\n"
    stream = stream_words(state, path, made.words, render, last=last, broken=broken)
    return FakeAnswer(content_type="text/event-stream", stream=stream)


def event(value: object) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"


FLAVOUR = OpenAi()
