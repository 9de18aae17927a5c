"""Ollama's wire, recorded from release 0.9.3 and completed for newer ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from keepwell.plugins.settings import parse_release
from keepwell.testing.fake_able import embed, plan_answer, read_texts
from keepwell.testing.fake_http import FakeAnswer, FakeRequest, json_answer, text_answer
from keepwell.testing.fake_openai import chat_answer, completion_answer, embeddings_answer, event, list_answer
from keepwell.testing.fake_state import FakeModel, FakeState, Fault, Generation, stream_words

#: What came with which release.
SINCE = {"context_length": "0.10", "status": "0.16.2", "types": "0.30"}
#: Hosts that a server which is bound to loopback takes besides addresses.
_LOCAL = (".localhost", ".local", ".internal")
_TIME = "2026-01-01T00:00:00.000000000Z"
#: When a model leaves that is to stay for ever.
_FOR_EVER = "2319-03-04T00:00:00.000000000Z"
DIED = "an error was encountered while running the model: unexpected EOF"
STOPPED = (
    "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, "
    "check ollama server logs for details"
)
BUSY = "server busy, please try again.  maximum pending requests exceeded"


class Ollama:
    """The native paths and the OpenAI-compatible ones."""

    release = "0.9.3"
    server = ""

    def refuses_connections(self, state: FakeState) -> bool:
        """Never."""
        return False

    def answer(self, state: FakeState, request: FakeRequest) -> FakeAnswer:
        """By path, after the checks of Host and Origin."""
        if not _host_allowed(state, request) or not _origin_allowed(request):
            return FakeAnswer(status=403, content_type="text/plain")
        if state.fault(request.path) is Fault.BROKEN:
            return json_answer({"error": "open /models/manifests: permission denied"}, 500)
        simple = _GETS.get(request.path)
        if simple is not None and request.method in ("GET", "HEAD"):
            return simple(state)
        posted = _POSTS.get(request.path)
        if posted is not None and request.method == "POST":
            return posted(state, request)
        return text_answer("404 page not found", 404)


def has(state: FakeState, feature: str) -> bool:
    """True if this release has the feature."""
    return parse_release(state.release) >= parse_release(SINCE[feature])


def _host_allowed(state: FakeState, request: FakeRequest) -> bool:
    host = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", "")
    if state.fault(request.path) is Fault.FORBIDDEN:
        return host == "localhost"
    bare = host.strip("[]")
    return bare == "localhost" or bare.endswith(_LOCAL) or not bare.strip("0123456789.:abcdef")


def _origin_allowed(request: FakeRequest) -> bool:
    origin = request.headers.get("origin", "")
    host = origin.partition("://")[2].partition(":")[0]
    return not origin or host in ("localhost", "127.0.0.1", "0.0.0.0")


def _version(state: FakeState) -> FakeAnswer:
    return json_answer({"version": state.release})


def _status(state: FakeState) -> FakeAnswer:
    if not has(state, "status"):
        return text_answer("404 page not found", 404)
    return json_answer({"cloud": {"disabled": False, "source": "none"}})


def _row(model: FakeModel) -> dict[str, object]:
    name = model.name if ":" in model.name else f"{model.name}:latest"
    details = {
        "parent_model": "",
        "format": "gguf",
        "family": "llama",
        "families": ["llama"],
        "parameter_size": "1.58M",
        "quantization_level": "unknown",
    }
    return {"name": name, "model": name, "size": model.size_bytes, "digest": _digest(name), "details": details}


def _digest(name: str) -> str:
    return (name.encode().hex() * 64)[:64]


def _tags(state: FakeState) -> FakeAnswer:
    return json_answer({"models": [{**_row(one), "modified_at": _TIME} for one in state.models]})


def _ps(state: FakeState) -> FakeAnswer:
    rows = []
    for one in state.models:
        if one.loaded:
            row = _row(one) | {"expires_at": _FOR_EVER, "size_vram": int(one.size_bytes * one.gpu_ratio)}
            if has(state, "context_length"):
                row["context_length"] = one.context_tokens
            rows.append(row)
    return json_answer({"models": rows})


def _missing_model(name: object, state: FakeState, path: str) -> FakeAnswer:
    if path.startswith("/v1/"):
        kind = "not_found_error" if has(state, "types") else "api_error"
        error = {
            "message": f'model "{name}" not found, try pulling it first',
            "type": kind,
            "param": None,
            "code": None,
        }
        return json_answer({"error": error}, 404)
    said = f'model "{name}" not found, try pulling it first' if path == "/api/chat" else f"model '{name}' not found"
    return json_answer({"error": said}, 404)


def _generate(state: FakeState, request: FakeRequest) -> FakeAnswer:
    asked = request.json()
    model = state.find_model(str(asked.get("model", "")))
    if model is None:
        return _missing_model(asked.get("model"), state, request.path)
    fault = state.fault(request.path)
    if fault is Fault.BUSY:
        return json_answer({"error": BUSY}, 503)
    if asked.get("keep_alive") is not None and not asked.get("prompt") and not asked.get("messages"):
        return _reside(state, model, asked)
    options = asked.get("options")
    limit = options.get("num_predict") if isinstance(options, Mapping) else None
    if fault is Fault.DEAD and asked.get("stream") is False:
        return json_answer({"error": STOPPED}, 500)
    made = plan_answer(state, model, {"stream": True, **asked}, limit)
    chat = request.path == "/api/chat"

    def line(word: str, **more: object) -> dict[str, object]:
        said: dict[str, object] = {"message": {"role": "assistant", "content": word}} if chat else {"response": word}
        return {"model": made.model.name, "created_at": _TIME, **said, "done": False, **more}

    def call(piece: str) -> bytes:
        message = {"role": "assistant", "content": "", "tool_calls": [json.loads(piece)]}
        return _ndjson({"model": made.model.name, "created_at": _TIME, "message": message, "done": False})

    # A prompt that is longer than the context is cut in silence; the count tells.
    counts = {
        "done_reason": made.finished,
        "done": True,
        "total_duration": 1_000_000,
        "load_duration": 1000,
        "prompt_eval_count": min(made.prompt_tokens, made.model.context_tokens),
        "prompt_eval_duration": 1000,
        "eval_count": len(made.words),
        "eval_duration": 1_000_000,
    }
    if asked.get("stream") is False:
        whole = line("".join(made.words), **counts)
        if made.calls:
            message = {"role": "assistant", "content": "", "tool_calls": [json.loads(one) for one in _calls(made)]}
            whole["message"] = message
        return json_answer(whole)
    stream = stream_words(
        state,
        request.path,
        list(_calls(made)) or made.words,
        call if made.calls else lambda word: _ndjson(line(word)),
        last=_ndjson(line("", **counts)),
        broken=_ndjson({"error": DIED}),
    )
    return FakeAnswer(content_type="application/x-ndjson", stream=stream)


def _reside(state: FakeState, model: FakeModel, asked: Mapping[str, object]) -> FakeAnswer:
    """Asked nothing: the model comes into memory, with the context that is wished, or leaves it."""
    options = asked.get("options")
    stays = asked["keep_alive"] != 0
    made = replace(model, loaded=stays)
    if stays and isinstance(options, Mapping):
        made = replace(made, context_tokens=int(options.get("num_ctx", made.context_tokens)))
    state.models = [made if one.name == model.name else one for one in state.models]
    said = {"response": "", "done": True, "done_reason": "load" if stays else "unload"}
    return json_answer({"model": model.name, "created_at": _TIME, **said})


def _v1(state: FakeState, request: FakeRequest) -> FakeAnswer:
    asked = request.json()
    model = state.find_model(str(asked.get("model", "")))
    if model is None:
        return _missing_model(asked.get("model"), state, request.path)
    if request.path == "/v1/embeddings":
        return embeddings_answer(asked)
    made = plan_answer(state, model, asked, asked.get("max_tokens"))
    broken = event({"error": {"message": DIED, "type": "api_error", "param": None, "code": None}})
    render = chat_answer if request.path == "/v1/chat/completions" else completion_answer
    return render(state, request.path, made, broken, system_fingerprint="fp_ollama")


def _show(state: FakeState, request: FakeRequest) -> FakeAnswer:
    asked = request.json().get("model", "")
    model = state.find_model(str(asked))
    if model is None:
        return _missing_model(asked, state, request.path)
    info = {"general.architecture": "llama", "llama.context_length": model.context_tokens}
    able = ["completion", "tools", "vision"] if "able" in state.switches else ["completion"]
    return json_answer({"details": _row(model)["details"], "model_info": info, "capabilities": able})


def _embed(state: FakeState, request: FakeRequest) -> FakeAnswer:
    asked = request.json()
    model = state.find_model(str(asked.get("model", "")))
    if model is None:
        return _missing_model(asked.get("model"), state, request.path)
    if request.path == "/api/embeddings":
        return json_answer({"embedding": embed(str(asked.get("prompt", "")))})
    rows = [embed(one) for one in read_texts(asked.get("input"))]
    counts = {"total_duration": 1_000_000, "load_duration": 1000, "prompt_eval_count": len(rows)}
    return json_answer({"model": asked.get("model"), "embeddings": rows, **counts})


def _calls(made: Generation) -> Iterator[str]:
    """Each call as JSON: arguments are an object here, and no call has an id."""
    for one in made.calls:
        yield json.dumps({"function": {"name": one.name, "arguments": json.loads(one.arguments)}})


def _ndjson(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


_GETS: Mapping[str, Callable[[FakeState], FakeAnswer]] = {
    "/": lambda _: text_answer("Ollama is running"),
    "/api/version": _version,
    "/api/status": _status,
    "/api/tags": _tags,
    "/api/ps": _ps,
    "/v1/models": lambda state: list_answer(state, owner="library"),
}
_POSTS: Mapping[str, Callable[[FakeState, FakeRequest], FakeAnswer]] = {
    "/api/chat": _generate,
    "/api/generate": _generate,
    "/api/embed": _embed,
    "/api/embeddings": _embed,
    "/api/show": _show,
    "/v1/chat/completions": _v1,
    "/v1/completions": _v1,
    "/v1/embeddings": _v1,
}
FLAVOUR = Ollama()
