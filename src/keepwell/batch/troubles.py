"""Why a try gave no answer, told by its status and words; and how often and when each kind is tried again. Data."""

from __future__ import annotations

import email.utils
import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from keepwell.batch.item import Trouble

#: Bytes of an error that are looked at and kept.
ERROR_BYTES = 4096
#: Seconds beyond which a server's wish for patience is not followed: a batch looks again.
MOST_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a task is asked in all if every try ends so; and the seconds before the next try: a random share of
    `base`, doubled with each try up to `cap`, on top of what the server wishes.
    """

    tries: int
    base: float = 0.0
    cap: float = 0.0


#: What speaks against the server is tried long, what speaks against the task hardly: it would end the same.
RETRIES: Mapping[Trouble, Retry] = {
    "transport": Retry(8, 0.5, 30.0),
    "overloaded": Retry(40, 1.0, 60.0),
    "server": Retry(5, 1.0, 30.0),
    "no_model": Retry(4, 2.0, 30.0),
    "memory": Retry(8, 5.0, 120.0),
    "too_long": Retry(1),
    "bad_request": Retry(1),
    "refused": Retry(1),
    "truncated": Retry(3, 0.5, 5.0),
    "invalid": Retry(3),
    "timeout": Retry(3, 1.0, 30.0),
    "cancelled": Retry(1),
    "expired": Retry(1),
}
#: Where another target may answer what this one could not.
FALLS_BACK: frozenset[Trouble] = frozenset(
    {"transport", "overloaded", "server", "no_model", "memory", "too_long", "refused", "truncated", "timeout"}
)
#: Troubles that say that less at a time would be better.
CROWDED: frozenset[Trouble] = frozenset({"overloaded", "memory"})
_BY_STATUS: Mapping[int, Trouble] = {
    401: "refused",
    402: "refused",
    403: "refused",
    407: "refused",
    408: "timeout",
    504: "timeout",
    524: "timeout",
    409: "server",
    425: "server",
    429: "overloaded",
    503: "overloaded",
    529: "overloaded",
}
_MEMORY = re.compile(
    rb"out of memory|not enough memory|insufficient memory|more system memory|failed to allocate|cannot allocate"
    rb"|unable to allocate",
    re.IGNORECASE,
)
_LONG = re.compile(
    rb"context[ _](?:length|size|window)|maximum context|too many tokens|prompt is too long|input is too long"
    rb"|exceeds? the (?:available )?context|longer than the maximum",
    re.IGNORECASE,
)
_MODEL = re.compile(rb"model", re.IGNORECASE)


class Usage(msgspec.Struct):
    """What was read and made, by any of the names that APIs have for it."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


class Choice(msgspec.Struct):
    """One of the answers."""

    finish_reason: str | None = None


class Answer(msgspec.Struct):
    """The parts of an answer that are looked at; `error` is there instead of one."""

    model: str | None = None
    usage: Usage | None = None
    choices: list[Choice] | None = None
    error: msgspec.Raw = msgspec.Raw()
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None

    @property
    def input_tokens(self) -> int:
        """Tokens that were read; 0 where it does not say."""
        usage = self.usage or Usage()
        return usage.prompt_tokens or usage.input_tokens or self.prompt_eval_count or 0

    @property
    def output_tokens(self) -> int:
        """Tokens that were made; 0 where it does not say."""
        usage = self.usage or Usage()
        return usage.completion_tokens or usage.output_tokens or self.eval_count or 0

    @property
    def was_cut(self) -> bool:
        """True if it ended because it was long enough, not because it was done."""
        return "length" in (self.done_reason, *(one.finish_reason for one in self.choices or ()))


_DECODER = msgspec.json.Decoder(Answer)


def read_answer(body: bytes) -> Answer | None:
    """What a whole answer says, None where it is no JSON object or one that was torn."""
    try:
        return _DECODER.decode(body)
    except msgspec.ValidationError:  # whole JSON, with other things in it than usual
        return _read_odd(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _read_odd(body: bytes) -> Answer | None:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(found, dict):
        return Answer()
    return None


def judge_status(status: int, body: bytes) -> Trouble:
    """The trouble that this status and error speak of, "" for a good status with a body that tells of none."""
    said = body[:ERROR_BYTES]
    if 200 <= status < 300:
        return ""
    if status in _BY_STATUS:
        if _MEMORY.search(said):
            return "memory"
        return _BY_STATUS[status]
    if status >= 500:
        return judge_words(said, "server")
    if status == 404 and _MODEL.search(said):
        return "no_model"
    return judge_words(said, "bad_request")


def judge_words(said: bytes, otherwise: Trouble) -> Trouble:
    """What an error's words speak of."""
    if _MEMORY.search(said):
        return "memory"
    if _LONG.search(said):
        return "too_long"
    return otherwise


def read_retry_after(headers: Mapping[bytes, bytes], now: float) -> float:
    """Seconds that the server wishes to be left alone for, 0 where it does not say. `now`: seconds since the epoch."""
    said = headers.get(b"retry-after", b"").decode("latin-1").strip()
    try:
        seconds = float(headers[b"retry-after-ms"]) / 1000
    except (KeyError, ValueError):
        try:
            seconds = float(said)
        except ValueError:
            seconds = _read_date(said, now)
    return max(0.0, min(seconds, MOST_SECONDS))  # also of "nan" this makes a number


def _read_date(said: str, now: float) -> float:
    try:
        return email.utils.parsedate_to_datetime(said).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return 0.0
