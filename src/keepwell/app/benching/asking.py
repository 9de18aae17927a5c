"""How the model that is measured is asked: by which path, in which form, and how its engine counts words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic

from msgspec import structs

from keepwell.app.benching.aiming import Target
from keepwell.app.wiring import Wiring
from keepwell.bench.prompts.made import Form, fill
from keepwell.bench.prompts.words import USUAL_PACE, Pace, fit_pace, make_learning
from keepwell.core.errors import ConfigurationError, Unreachable
from keepwell.core.text import cut_text, escape_controls
from keepwell.plugins.answer_events import Counted
from keepwell.plugins.asked import Asked, Message
from keepwell.plugins.asking import make_ask, send
from keepwell.plugins.chat import Call, Chats
from keepwell.plugins.codec import Codec, read_whole
from keepwell.plugins.recognise import load_engines

#: The path that all engines have, and the word for the engine's own.
USUAL_PATH, NATIVE = "/v1/chat/completions", "native"
#: How an engine is told to make an answer as long as was wished, where it can be told.
TO_THE_END = "ignore_eos"
#: Seconds for the first answer, whose model may have to be loaded.
FIRST_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the first two answers told: how the engine counts, and how long the very first took."""

    pace: Pace
    first_seconds: float


def make_form(target: Target, path: str, codecs: Mapping[str, Codec], now: float) -> Form:
    """How requests are written. Raises ConfigurationError for a path that cannot be measured."""
    if path == NATIVE:
        return _make_native(target, codecs, now)
    path = path or USUAL_PATH
    codec = codecs.get(path)
    if codec is None:
        raise ConfigurationError(f"{path} cannot be measured", hint=f"known: {NATIVE}, {', '.join(sorted(codecs))}")
    kind = next(iter(sorted(codec.kinds)))
    stream = kind != "embed"
    options: dict[str, object] = {}
    if stream and TO_THE_END in codec.options and target.aim.kind in load_engines():
        options[TO_THE_END] = True
    asked = Asked(
        model=target.aim.model,
        kind=kind,
        stream=stream,
        counts=stream or None,
        temperature={True: 0.0, False: None}[stream],
        options=options,
    )
    return Form(path=path, codec=codec, asked=asked)


def _make_native(target: Target, codecs: Mapping[str, Codec], now: float) -> Form:
    """The engine's own request for a short answer, which leaves context and stay of its model as they are."""
    plugin: object = load_engines().get(target.aim.kind)
    if not isinstance(plugin, Chats):
        raise ConfigurationError("it is not known how this is asked in its own way", where=target.aim.url)
    ask = make_ask(target.seen, target.subject, target.aim.model, tokens=1, now=now, stream=True)
    call = plugin.chat(ask)
    codec = codecs[call.path]
    return Form(path=call.path, codec=codec, asked=codec.read_request(call.body))


async def learn(wiring: Wiring, target: Target, form: Form, nonce: str) -> Known:
    """Ask twice for a token each, with texts of two lengths: loads the model where it is not in memory.

    Raises Unreachable with the engine's own words where it does not answer.
    """
    counted, first_seconds = [], 0.0
    for text in make_learning(nonce):
        began = monotonic()
        counted.append(await _count(wiring, target, form, text))
        first_seconds = first_seconds or monotonic() - began
    if min(counted) <= 0:
        return Known(pace=USUAL_PACE, first_seconds=first_seconds)
    return Known(pace=fit_pace(*counted), first_seconds=first_seconds)


async def _count(wiring: Wiring, target: Target, form: Form, text: str) -> int:
    """Tokens of the prompt as the engine counts them, -1 where it does not."""
    whole = structs.replace(form.asked, stream=False, counts=None)
    asked = fill(whole, (Message(role="user", parts=(text,)),), 1)
    call = Call(method="POST", path=form.path, body=form.codec.write_request(asked))
    reply = await send(wiring.hands, target.aim.url, call, api_key=target.api_key, seconds=FIRST_SECONDS)
    if reply.status >= 400:
        said = form.codec.read_error(reply.body) or reply.body[:300].decode("utf-8", "replace")
        raise Unreachable(
            f"it answers {reply.status}: {cut_text(escape_controls(said), 300)}",
            where=f"{target.aim.url}{form.path}",
        )
    events = read_whole(form.codec, reply.body)
    return max((one.input_tokens for one in events if isinstance(one, Counted)), default=-1)
