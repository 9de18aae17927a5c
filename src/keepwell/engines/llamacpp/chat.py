"""What llama.cpp's server is asked where it may work. `GET /slots` wakes a sleeping model, so it is asked here only."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from keepwell.plugins.chat import PROMPT, Call, Promise, RequestLimit, openai_promises

#: Answers of a server that was started without this: 501, or 403 for a list of slots that is switched off.
_OFF = (501,)


def list_promises(model: str) -> tuple[Promise, ...]:
    """Its own paths and those of the OpenAI form. A router answers `/slots`, `/metrics` and `/tokenize` only for a
    model that is named; a server of one model does not mind the name.
    """
    props = Promise(call=Call(method="GET", path="/props"), form="json", fields=("build_info:text",))
    health = Promise(call=Call(method="GET", path="/health"), form="json", fields=("status:text",))
    if not model:
        return (health, props, *openai_promises(""))
    query = f"?model={quote(model, safe='')}&autoload=false"
    tokenize = Call(method="POST", path="/tokenize", body=msgspec.json.encode({"content": PROMPT, "model": model}))
    return (
        health,
        props,
        Promise(
            call=Call(method="GET", path=f"/slots{query}"),
            form="json",
            fields=("[].id:number", "[].n_ctx:number"),
            off_status=_OFF,
            option="--slots",
        ),
        Promise(
            call=Call(method="GET", path=f"/metrics{query}"),
            form="metrics",
            fields=("llamacpp:prompt_tokens_total", "llamacpp:tokens_predicted_total"),
            off_status=_OFF,
            option="--metrics",
        ),
        Promise(call=tokenize, form="json", fields=("tokens:list",)),
        *openai_promises(model),
    )


def find_limit(settings: Mapping[str, str], slots: int) -> RequestLimit:
    """The slots that it tells of; asked for by --parallel. Without a limit of those that wait."""
    asked = settings.get("LLAMA_ARG_N_PARALLEL", "")
    number = int(asked[:9]) if asked.isascii() and asked.isdigit() else 0
    return RequestLimit(at_once=slots or number, asked=number, setting="LLAMA_ARG_N_PARALLEL")
