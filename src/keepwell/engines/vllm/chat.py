"""What vLLM is asked where it may work."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from keepwell.plugins.chat import PROMPT, Call, Promise, RequestLimit, openai_promises

#: Metrics of which every release has one.
_METRICS = ("vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:request_success_total")


def list_promises(model: str) -> tuple[Promise, ...]:
    """Its own paths and those of the OpenAI form."""
    plain = (
        Promise(call=Call(method="GET", path="/health"), form="text"),
        Promise(call=Call(method="GET", path="/version"), form="json", fields=("version:text",)),
        Promise(call=Call(method="GET", path="/metrics"), form="metrics", fields=_METRICS),
    )
    if not model:
        return (*plain, *openai_promises(""))
    body = msgspec.json.encode({"model": model, "prompt": PROMPT})
    tokenize = Promise(
        call=Call(method="POST", path="/tokenize", body=body), form="json", fields=("count:number", "tokens:list")
    )
    return (*plain, tokenize, *openai_promises(model))


def find_limit(settings: Mapping[str, str]) -> RequestLimit:
    """--max-num-seqs where it is set; its default depends on release and card. --max-num-queued-reqs may wait."""
    asked = _number(settings.get("--max-num-seqs", ""))
    waiting = _number(settings.get("--max-num-queued-reqs", ""))
    return RequestLimit(at_once=asked, asked=asked, waiting=waiting, setting="--max-num-seqs")


def _number(text: str) -> int:
    return int(text[:9]) if text.isascii() and text.isdigit() else 0
