"""What answers of this format hold beside text: reasons, counts, likelihoods of tokens, errors."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from keepwell.plugins.answer_events import Counted, Failed, Finished, Reason, TokenOdds
from keepwell.plugins.asked import Json
from keepwell.plugins.codec import Unreadable

_REASONS: dict[str, Reason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tools",
    "function_call": "tools",
    "content_filter": "filter",
}
#: Words by which vLLM says that an answer is no whole one.
_BROKEN_OFF = frozenset({"abort", "error"})
#: How this format says why an answer is over.
WORDS: dict[Reason, str] = {"stop": "stop", "length": "length", "tools": "tool_calls", "filter": "content_filter"}
#: Kinds of failure in the words of this interface, by HTTP status.
ERROR_TYPES = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error"}
ERROR_TYPES[404] = "not_found_error"
#: What stands for no probability at all where a number must be (vLLM does the same).
NEVER = -9999.0
#: Milliseconds that no answer takes: three years.
_MOST_MS = 1e11


class _Details(msgspec.Struct):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class UsageFields(msgspec.Struct):
    """`usage`."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None


class TimingFields(msgspec.Struct):
    """What llama-server measures of an answer, in milliseconds."""

    prompt_ms: float | None = None
    predicted_ms: float | None = None


class TokenFields(msgspec.Struct):
    """A token in `logprobs.content`; without `logprob` where an engine tells something else."""

    token: str = ""
    logprob: float | None = None
    top_logprobs: list[TokenFields] | None = None


class OddsFields(msgspec.Struct):
    """`logprobs`: `content` in chats (and llama-server's completions), lists side by side in completions."""

    content: list[TokenFields] | None = None
    tokens: list[str] | None = None
    token_logprobs: list[float | None] | None = None
    top_logprobs: list[dict[str, float | None] | None] | None = None


def parse_reason(word: str, choice: int, *, calls: bool) -> Finished:
    """Why a choice is over. One that called tools is over for them, also where an engine says "stop" (as it does when
    the tool was chosen for it), which stands for words of an engine's own, too. Raises Unreadable where it broke off.
    """
    if word in _BROKEN_OFF:
        raise Unreadable(f"it is over for {word!r}")
    reason = _REASONS.get(word, "stop")
    if calls and reason == "stop":
        reason = "tools"
    return Finished(reason, choice)


def parse_counts(usage: UsageFields | None, timings: TimingFields | None) -> list[Counted]:
    """The counts of an answer, [] where it tells none."""
    if usage is None and timings is None:
        return []
    usage = usage or UsageFields()
    timings = timings or TimingFields()
    given, made = usage.prompt_tokens_details or _Details(), usage.completion_tokens_details or _Details()
    counted = Counted(
        input_tokens=_count(usage.prompt_tokens),
        output_tokens=_count(usage.completion_tokens),
        cached_tokens=_count(given.cached_tokens),
        reasoning_tokens=_count(made.reasoning_tokens),
        input_ns=_nanoseconds(timings.prompt_ms),
        output_ns=_nanoseconds(timings.predicted_ms),
    )
    return [counted]


def add_usages(found: Sequence[UsageFields], *, same_prompt: bool) -> UsageFields | None:
    """The counts of several choices as those of their answer; None where there are none."""
    if len(found) < 2:
        return next(iter(found), None)
    given = [one.prompt_tokens or 0 for one in found]
    total = max(given)
    if not same_prompt:
        total = sum(given)
    last = found[-1]
    return UsageFields(
        total,
        sum(one.completion_tokens or 0 for one in found),
        last.prompt_tokens_details,
        last.completion_tokens_details,
    )


def render_counts(counted: Counted) -> dict[str, Json]:
    """`usage`, and `timings` as llama-server tells them where the engine measured; no other fields."""
    found: dict[str, Json] = {}
    if max(counted.input_tokens, counted.output_tokens) >= 0:
        found["usage"] = _render_usage(counted)
    times = {"prompt_ms": counted.input_ns, "predicted_ms": counted.output_ns}
    timings = {name: value / 1e6 for name, value in times.items() if value >= 0}
    if timings:
        found["timings"] = timings
    return found


def parse_odds(found: OddsFields) -> tuple[TokenOdds, ...]:
    """The tokens in it, () where it tells none."""
    if found.content is not None:
        return tuple(_parse_token(one) for one in found.content)
    return tuple(_parse_lists(found))


def render_tokens(tokens: Sequence[TokenOdds], alternatives: int) -> list[Json]:
    """The tokens for `logprobs.content`, each with at most so many alternatives."""
    rows: list[Json] = []
    for one in tokens:
        row = _render_token(one.token, one.logprob)
        row["top_logprobs"] = [_render_token(*pair) for pair in one.alternatives[:alternatives]]
        rows.append(row)
    return rows


def parse_error(error: Json) -> Failed:
    """What `error` says: an object with a message, or a sentence."""
    if not isinstance(error, dict):
        return Failed(str(error))
    code = error.get("code")
    if not isinstance(code, int):
        code = 0
    return Failed(str(error.get("message") or error), code)


def render_error(failed: Failed) -> dict[str, Json]:
    """An error as the clients of this interface read it."""
    kind = ERROR_TYPES.get(failed.status, "server_error")
    return {"error": {"message": failed.message, "type": kind, "param": None, "code": failed.status or None}}


def _render_usage(counted: Counted) -> dict[str, Json]:
    """A count that nobody told is 0 where one must be, and its details are left out."""
    given, made = max(counted.input_tokens, 0), max(counted.output_tokens, 0)
    usage: dict[str, Json] = {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}
    if counted.cached_tokens >= 0:
        usage["prompt_tokens_details"] = {"cached_tokens": counted.cached_tokens}
    if counted.reasoning_tokens >= 0:
        usage["completion_tokens_details"] = {"reasoning_tokens": counted.reasoning_tokens}
    return usage


def _count(told: int | None) -> int:
    if told is None:
        return -1
    return max(told, -1)


def _nanoseconds(milliseconds: float | None) -> int:
    if milliseconds is None or not 0 <= milliseconds < _MOST_MS:
        return -1
    return round(milliseconds * 1e6)


def _parse_token(found: TokenFields) -> TokenOdds:
    others = tuple((one.token, _likely(one.logprob)) for one in found.top_logprobs or ())
    return TokenOdds(found.token, _likely(found.logprob), others)


def _parse_lists(found: OddsFields) -> list[TokenOdds]:
    tokens, likely, others = found.tokens or [], found.token_logprobs or [], list(found.top_logprobs or [])
    others += [None] * (len(tokens) - len(others))
    rows = zip(tokens, likely, others, strict=False)
    return [TokenOdds(token, _likely(value), _parse_others(more or {})) for token, value, more in rows]


def _parse_others(told: dict[str, float | None]) -> tuple[tuple[str, float], ...]:
    return tuple((token, _likely(value)) for token, value in told.items())


def _likely(told: float | None) -> float:
    if told is None:
        return -math.inf
    return max(told, NEVER)


def _render_token(token: str, logprob: float) -> dict[str, Json]:
    return {"token": token, "logprob": max(logprob, NEVER), "bytes": list(token.encode())}
