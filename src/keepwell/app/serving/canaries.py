"""Asks opted-in engines a fixed question now and then, and a model that nobody has: does what answers stay the same?

Only where the model is in memory and nobody works: nothing is loaded, woken or kept in memory by it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import msgspec

from keepwell.app.serving.engine_facts import Known
from keepwell.config.gateway_model import OptionValue
from keepwell.core.errors import AccessError
from keepwell.core.text import cut_text, escape_controls
from keepwell.formats.chat_answer import parse_chat_answer
from keepwell.gateway.record.state import GatewayState
from keepwell.plugins.asking import send
from keepwell.plugins.engine import ExposesMetrics, LoadedModel, ModelInfo
from keepwell.plugins.place import Site
from keepwell.plugins.residency import AnswersCanaries, CanaryAsk
from keepwell.store.canaries import Answer, Canary
from keepwell.transport.base import Reply, Transport

#: What is asked, and of how many tokens the answer may be: enough for a quantisation to choose another word.
PROMPT, TOKENS = "The capital of France is Paris. The capital of Japan is", 24
#: A name that no model has.
NONSENSE = "keepwell-no-such-model"
#: Seconds for an answer of a model that is in memory and has nothing else to do.
CANARY_SECONDS = 60.0
#: Natural logarithms by which the probability of a word may differ from one time to the next: batches of another size
#: and other kernels move the third decimal, another quantisation the first.
TOLERANCE = 0.05
#: Seconds after which another answer becomes the known one: the owner has been told of it for so long.
ACCEPTED_SECONDS = 7 * 86400.0
#: Characters of an answer that are kept.
TEXT_CHARACTERS = 200
#: "For ever" in an engine's list: longer than this.
EVER_SECONDS = 30 * 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A model that is to be asked, with what is known of it."""

    replica: str
    model: str
    made_of: str
    loaded: LoadedModel


def find_due(
    known: Iterable[Known],
    opted: frozenset[str],
    canaries: Mapping[tuple[str, str], Canary],
    state: GatewayState | None,
    every_seconds: float,
    now: float,
) -> Iterator[Due]:
    """Models in memory of replicas that were opted in, are well, and have nothing to do, if their time has come."""
    if state is None:
        return
    busy = {one.replica for one in state.replicas if one.running}
    for one in known:
        name = one.replica.id
        if name not in opted or not one.well or name in busy:
            continue
        listed = {model.name: model for model in one.models}
        for loaded in one.loaded:
            before = canaries.get((name, loaded.name))
            if before is not None and now - before.last.at < every_seconds:
                continue
            made_of = one.digests.get(loaded.name) or _describe(listed.get(loaded.name))
            yield Due(replica=name, model=loaded.name, made_of=made_of, loaded=loaded)


async def ask_canary(
    due: Due, site: Site, plugin: object, transport: Transport, options: Mapping[str, OptionValue], now: float
) -> tuple[Answer, bool] | None:
    """Its answer, and whether the engine answers for a model that nobody has; None where it has work or gives none.

    An engine that loads a model anew for other `options` is asked with those of the owner.
    """
    if not isinstance(plugin, AnswersCanaries) or await _has_work(site, plugin, transport):
        return None
    keep = 0.0
    if due.loaded.expires_at:
        keep = due.loaded.expires_at - now
    if keep > EVER_SECONDS:
        keep = -1.0
    ask = CanaryAsk(
        model=due.model,
        prompt=PROMPT,
        tokens=TOKENS,
        options=options,
        context_tokens=due.loaded.context_tokens,
        keep_seconds=keep,
    )
    try:
        reply = await send(transport, site.url, plugin.canary(ask), api_key=site.api_key, seconds=CANARY_SECONDS)
        other = plugin.canary(replace(ask, model=NONSENSE, tokens=1))
        nonsense = await send(transport, site.url, other, api_key=site.api_key, seconds=CANARY_SECONDS)
    except AccessError:
        return None
    answer = parse_answer(reply, due.made_of, now)
    if answer is None:
        return None
    return answer, nonsense.status < 400


def parse_answer(reply: Reply, made_of: str, now: float) -> Answer | None:
    """What it said; None where that is no answer."""
    said = parse_chat_answer(reply.body)
    if reply.status != 200 or said.problem or said.error:
        return None
    return Answer(
        at=now,
        text=cut_text(escape_controls(said.text), TEXT_CHARACTERS),
        logprobs=find_logprobs(reply.body),
        made_of=made_of,
    )


def find_logprobs(body: bytes) -> tuple[float, ...]:
    """The logarithms of the probabilities of an answer's words, in any of the forms in use; () where there are none."""
    try:
        found: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return ()
    if not isinstance(found, dict):
        return ()
    choices = found.get("choices") or [found]
    told: object = None
    if isinstance(choices, list) and isinstance(choices[0], dict):
        told = choices[0].get("logprobs")
    if isinstance(told, dict):
        told = told.get("token_logprobs") or told.get("content")
    if not isinstance(told, list):
        return ()
    numbers = [_number(one) for one in told[:TOKENS]]
    return tuple(round(one, 4) for one in numbers if one is not None)


def compare(before: Canary | None, due: Due, answer: Answer, *, nonsense: bool) -> Canary:
    """What is known after this answer."""
    if before is None:
        return Canary(replica=due.replica, model=due.model, known=answer, last=answer, nonsense=nonsense)
    if is_same(before.known, answer):
        times = before.times * (not before.other_since) + 1
        return replace(before, last=answer, times=times, other_since=0.0, nonsense=nonsense)
    since = before.other_since or answer.at
    if before.other_since and not is_same(before.last, answer):
        since = answer.at
    if answer.at - since >= ACCEPTED_SECONDS:
        return replace(before, known=answer, last=answer, times=1, other_since=0.0, nonsense=nonsense)
    return replace(before, last=answer, times=0, other_since=since, nonsense=nonsense)


def is_same(one: Answer, other: Answer) -> bool:
    """True for the same words, about as likely."""
    if one.text != other.text:
        return False
    if len(one.logprobs) != len(other.logprobs):
        return not one.logprobs or not other.logprobs
    return all(abs(a - b) <= TOLERANCE for a, b in zip(one.logprobs, other.logprobs, strict=True))


def find_proofs(canaries: Mapping[tuple[str, str], Canary]) -> dict[tuple[str, str], float]:
    """When each canary was answered as before; those that were not, or were asked once only, are left out."""
    return {key: one.last.at for key, one in canaries.items() if one.times > 1 and not one.other_since}


def describe(one: Canary) -> Iterator[str]:
    """For the owner: what is not as it should be."""
    where = f"{one.model} at {one.replica}"
    if one.other_since:
        known, last = one.known, one.last
        yield (
            f"{where} answers differently than before: {last.text!r} ({digest_of(last)}{_made(last)}), "
            f"and it was {known.text!r} ({digest_of(known)}{_made(known)})"
        )
    if one.nonsense:
        yield f"{one.replica} answers for a model that nobody has: its names prove nothing"


def digest_of(answer: Answer) -> str:
    """A short name for an answer, for people to compare."""
    return hashlib.sha256(answer.text.encode() + repr(answer.logprobs).encode()).hexdigest()[:12]


def _made(answer: Answer) -> str:
    return f", made of {answer.made_of}" * bool(answer.made_of)


def _describe(model: ModelInfo | None) -> str:
    """What a model is made of as far as it is told: its digest, or its file and size."""
    if model is None:
        return ""
    size = f"{model.size_bytes} bytes" * bool(model.size_bytes)
    return model.digest or " ".join(one for one in (model.path, size) if one)


async def _has_work(site: Site, plugin: object, transport: Transport) -> bool:
    """True if the engine says that it works on something, for somebody who does not come through the gateway."""
    if not isinstance(plugin, ExposesMetrics):
        return False
    found = await plugin.metrics(site, transport)
    return isinstance(found, Mapping) and bool(found.get("requests_running"))


def _number(one: object) -> float | None:
    if isinstance(one, dict):
        one = one.get("logprob")
    if isinstance(one, int | float) and not isinstance(one, bool):
        return float(one)
    return None
