"""The wire of llama.cpp's server, recorded from b11549; the router (switch "router") as measured on b11434."""

from __future__ import annotations

from dataclasses import replace

from keepwell.plugins.settings import parse_release
from keepwell.testing.fake_able import plan_answer
from keepwell.testing.fake_http import FakeAnswer, FakeRequest, json_answer
from keepwell.testing.fake_openai import CREATED, chat_answer, event
from keepwell.testing.fake_state import FakeModel, FakeState, Fault

#: Slots of one model.
SLOTS = 2
#: From this build on a question for metrics does not put off the sleep of an idle model (server-queue.cpp).
QUIET = "b11434"


class LlamaCpp:
    """One model, or a router of many; metrics need the switch "metrics"."""

    release = "b11434"
    server = "llama.cpp"

    def refuses_connections(self, state: FakeState) -> bool:
        """Never: the port answers before the model is there."""
        return False

    def answer(self, state: FakeState, request: FakeRequest) -> FakeAnswer:
        """By path, after the key and the state of the load."""
        path = request.path
        given = request.headers.get("authorization", "").removeprefix("Bearer ") or request.headers.get("x-api-key", "")
        if state.api_key and path not in ("/health", "/v1/health") and given != state.api_key:
            return error(401, "Invalid API Key", "authentication_error")
        if state.fault(path) is Fault.LOADING:
            return error(503, "Loading model", "unavailable_error")
        if state.fault(path) is Fault.BROKEN:
            return error(500, "Context size has been exceeded.", "server_error")
        if path in ("/health", "/v1/health"):
            return json_answer({"status": "ok"})
        if path == "/props":
            return json_answer(_props(state))
        if path in ("/models", "/v1/models"):
            return json_answer(_models(state))
        if path == "/slots":
            return _slots(state)
        if path == "/metrics":
            return _metrics(state, request)
        if path == "/v1/chat/completions" and request.method == "POST":
            return _chat(state, request)
        return error(404, "File Not Found", "not_found_error")


def error(status: int, message: str, kind: str, **more: object) -> FakeAnswer:
    """An error in this server's form."""
    return json_answer({"error": {"message": message, "type": kind, "code": status, **more}}, status)


def is_router(state: FakeState) -> bool:
    """True if it was started without a model."""
    return "router" in state.switches


def _props(state: FakeState) -> dict[str, object]:
    build = {"build_info": f"{state.release}-abcdef12"}
    if is_router(state):
        return {"role": "router", "max_instances": 4, "models_autoload": True, **build}
    model = state.models[0]
    return {
        "default_generation_settings": {"params": {"temperature": 0.8}, "n_ctx": model.context_tokens // SLOTS},
        "total_slots": SLOTS,
        "model_alias": model.name,
        "model_path": model.path,
        "endpoint_metrics": "metrics" in state.switches,
        "is_sleeping": state.fault("/props") is Fault.ASLEEP,
        **build,
    }


def _models(state: FakeState) -> dict[str, object]:
    rows = [_row(state, one) for one in state.models]
    if is_router(state):
        return {"object": "list", "data": rows}
    likeness = [{"name": one.name, "model": one.name, "type": "model", "size": ""} for one in state.models]
    return {"models": likeness, "object": "list", "data": rows}


def _row(state: FakeState, model: FakeModel) -> dict[str, object]:
    row: dict[str, object] = {"id": model.name, "object": "model", "created": CREATED, "owned_by": "llamacpp"}
    if not is_router(state):
        meta = {
            "n_ctx_train": model.context_tokens,
            "n_params": 1_579_264,
            "size": model.size_bytes,
            "ftype": "all F32",
        }
        return row | {"meta": meta}
    value = "loaded" if model.loaded else "unloaded"
    if model.loaded and state.fault("/models") is Fault.ASLEEP:
        value = "sleeping"
    if state.fault("/models") is Fault.DEAD:
        value = "failed"
    arguments = ["llama-server", "--model", model.path, "--alias", model.name, "--ctx-size", str(model.context_tokens)]
    return row | {"status": {"value": value, "args": [*arguments, "--port", "40001"]}}


def _slots(state: FakeState) -> FakeAnswer:
    # Asking for the slots wakes a sleeping model and counts as use, as measured.
    state.uses += 1
    if state.fault("/props") is Fault.ASLEEP:
        state.faults.pop("", None)
    rows = [{"id": place, "n_ctx": 1024, "is_processing": place < state.running} for place in range(SLOTS)]
    return json_answer(rows)


def _metrics(state: FakeState, request: FakeRequest) -> FakeAnswer:
    if "metrics" not in state.switches:
        return error(
            501, "This server does not support metrics endpoint. Start it with `--metrics`", "not_supported_error"
        )
    if is_router(state):
        refused = _route_get(state, request)
        if refused is not None:
            return refused
    if parse_release(state.release) < parse_release(QUIET):
        state.uses += 1
    rows = {
        "prompt_tokens_total": state.input_tokens,
        "prompt_tokens_cached_total": 0,
        "prompt_seconds_total": 0.1 * state.served,
        "tokens_predicted_total": state.output_tokens,
        "tokens_predicted_seconds_total": 0.2 * state.served,
        "n_tokens_max": 64,
        "requests_processing": state.running,
        "requests_deferred": 0,
    }
    text = "".join(f"# HELP llamacpp:{name} A metric.\nllamacpp:{name} {value}\n" for name, value in rows.items())
    return FakeAnswer(body=text.encode(), content_type="text/plain; version=0.0.4")


def _route_get(state: FakeState, request: FakeRequest) -> FakeAnswer | None:
    """A router hands a GET to the child of the model that is named, and loads it first unless told not to."""
    if "model" not in request.query:
        return error(400, "model name is missing from the request", "invalid_request_error")
    found = state.find_model(request.query["model"])
    if found is None:
        return error(400, f"model '{request.query['model']}' not found", "invalid_request_error")
    if not found.loaded and request.query.get("autoload") == "false":
        return error(400, "model is not loaded", "invalid_request_error")
    state.models = [replace(one, loaded=one.loaded or one is found) for one in state.models]
    return None


def _chat(state: FakeState, request: FakeRequest) -> FakeAnswer:
    asked = request.json()
    model = state.models[0]
    if is_router(state):
        found = state.find_model(str(asked.get("model", "")))
        if found is None:
            return error(400, f"model '{asked.get('model')}' not found", "invalid_request_error")
        if state.fault(request.path) is Fault.DEAD:
            return error(500, f"model name={found.name} failed to load", "server_error")
        model = found
    # With one model the name in the request is not looked at.
    made = plan_answer(state, model, asked, asked.get("max_tokens"))
    if made.prompt_tokens >= model.context_tokens:
        said = (
            f"request ({made.prompt_tokens} tokens) exceeds the available context size "
            f"({model.context_tokens} tokens), try increasing it"
        )
        counts = {"n_prompt_tokens": made.prompt_tokens, "n_ctx": model.context_tokens}
        return error(400, said, "exceed_context_size_error", **counts)
    broken = event({"error": {"code": 500, "message": "Compute error.", "type": "server_error"}})
    return chat_answer(state, request.path, made, broken, system_fingerprint=f"{state.release}-abcdef12")


FLAVOUR = LlamaCpp()
