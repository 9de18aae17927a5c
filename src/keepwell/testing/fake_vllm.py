"""vLLM's wire, as measured on release 0.32.0."""

from __future__ import annotations

from keepwell.plugins.settings import parse_release
from keepwell.testing.fake_able import plan_answer
from keepwell.testing.fake_http import FakeAnswer, FakeRequest, json_answer
from keepwell.testing.fake_openai import chat_answer, event, list_answer
from keepwell.testing.fake_state import FakeState, Fault

DEAD = "EngineCore encountered an issue. See stack trace (above) for the root cause."
BUSY = "The engine is currently busy and cannot accept new requests. Please try again later or on a different instance."
#: Since this release the gauge of the key-value cache has its present name.
RENAMED = "0.10"
_OPEN = ("/health", "/metrics", "/ping", "/version", "/load")


class Vllm:
    """Health, metrics, the development paths (switch "dev") and chat completions."""

    release = "0.32.0"
    server = "uvicorn"

    def refuses_connections(self, state: FakeState) -> bool:
        """While the model loads."""
        return state.fault() is Fault.LOADING

    def answer(self, state: FakeState, request: FakeRequest) -> FakeAnswer:
        """By path."""
        keyed = request.headers.get("authorization") == f"Bearer {state.api_key}"
        if state.api_key and request.path.startswith("/v1/") and not keyed:
            return json_answer({"error": "Unauthorized"}, 401)
        if state.fault(request.path) is Fault.BROKEN:
            return FakeAnswer(status=500, body=b"Internal Server Error", content_type="text/plain; charset=utf-8")
        if request.path in ("/health", "/ping"):
            return FakeAnswer(status=503 if state.fault(request.path) is Fault.DEAD else 200)
        if request.path == "/version":
            return json_answer({"version": state.release})
        if request.path == "/load":
            return json_answer({"server_load": state.running})
        if request.path == "/metrics":
            return FakeAnswer(body=render_metrics(state).encode(), content_type="text/plain; version=0.0.4")
        if request.path == "/v1/models":
            first = state.models[0]
            return list_answer(state, owner="vllm", root=first.path, parent=None, max_model_len=first.context_tokens)
        if "dev" in state.switches and request.path in ("/is_sleeping", "/is_paused"):
            asleep = state.fault(request.path) is Fault.ASLEEP and request.path == "/is_sleeping"
            return json_answer({request.path[1:]: asleep})
        if request.path == "/v1/chat/completions" and request.method == "POST":
            return _chat(state, request)
        return json_answer({"detail": "Not Found"}, 404)


def render_metrics(state: FakeState) -> str:
    """The metrics that matter, in vLLM's names of this release."""
    model = state.models[0].name
    labels = f'engine="0",model_name="{model}"'
    usage = "kv_cache_usage_perc"
    if parse_release(state.release) < parse_release(RENAMED):
        usage = "gpu_cache_usage_perc"
    asleep = state.fault("/metrics") is Fault.ASLEEP
    rows = [
        ("gauge", "num_requests_running", labels, state.running),
        ("gauge", "num_requests_waiting", labels, 0),
        ("gauge", usage, labels, 0.125 * bool(state.running)),
        ("gauge", "engine_sleep_state", f'{labels},sleep_state="awake"', int(not asleep)),
        ("gauge", "engine_sleep_state", f'{labels},sleep_state="weights_offloaded"', int(asleep)),
        ("gauge", "engine_sleep_state", f'{labels},sleep_state="discard_all"', 0),
        ("counter", "prompt_tokens_total", labels, state.input_tokens),
        ("counter", "generation_tokens_total", labels, state.output_tokens),
        ("counter", "num_preemptions_total", labels, 0),
        ("counter", "request_success_total", f'{labels},finished_reason="stop"', state.served),
        ("counter", "request_success_total", f'{labels},finished_reason="error"', 0),
        ("histogram", "time_to_first_token_seconds_sum", labels, 0.25 * state.served),
        ("histogram", "time_to_first_token_seconds_count", labels, state.served),
        ("histogram", "request_prefill_time_seconds_sum", labels, 0.125 * state.served),
        ("histogram", "request_decode_time_seconds_sum", labels, 0.5 * state.served),
        ("histogram", "request_queue_time_seconds_sum", labels, 0.0625 * state.served),
    ]
    lines: list[str] = []
    for kind, name, tags, value in rows:
        if not any(line.startswith(f"# TYPE vllm:{name} ") for line in lines):
            lines.append(f"# HELP vllm:{name} A metric.\n# TYPE vllm:{name} {kind}")
        lines.append(f"vllm:{name}{{{tags}}} {float(value)}")
    return "\n".join(lines) + "\n"


def _chat(state: FakeState, request: FakeRequest) -> FakeAnswer:
    asked = request.json()
    model = state.find_model(str(asked.get("model", "")))
    fault = state.fault(request.path)
    if model is None:
        valid = ", ".join(one.name for one in state.models)
        said = f"The model `{asked.get('model')}` does not exist. Valid aliases: {valid}."
        return _error(404, said, "NotFoundError", "model")
    if fault is Fault.BUSY:
        return _error(503, BUSY, "Service Unavailable", None)
    made = plan_answer(state, model, asked, asked.get("max_tokens"))
    if made.prompt_tokens >= model.context_tokens:
        said = (
            f"This model's maximum context length is {model.context_tokens} tokens. However, your prompt contains at "
            f"least {made.prompt_tokens} input tokens, please reduce the length of the input prompt"
        )
        return _error(400, said, "BadRequestError", "input_tokens")
    if fault is Fault.DEAD and not made.stream:
        return _error(500, DEAD, "InternalServerError", None)
    broken = event({"error": {"message": DEAD, "type": "InternalServerError", "code": 500}}) + b"data: [DONE]\n\n"
    return chat_answer(state, request.path, made, broken)


def _error(status: int, message: str, kind: str, parameter: str | None) -> FakeAnswer:
    return json_answer({"error": {"message": message, "type": kind, "param": parameter, "code": status}}, status)


FLAVOUR = Vllm()
