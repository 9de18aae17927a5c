"""Whether an answer keeps what a path promises. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from keepwell.core.observation import Missing
from keepwell.formats.chat_answer import ChatAnswer, parse_chat_answer
from keepwell.formats.exposition import parse_exposition
from keepwell.formats.json_shape import find_lacking
from keepwell.plugins.ask import describe_body, error_text, parse_fields
from keepwell.plugins.chat import Promise
from keepwell.transport.base import Reply

#: Words by which a server says that it, or this model, cannot do what was asked: no fault of the path.
UNABLE = ("not support", "not_supported", "not supported", "no chat template", "is not a chat model")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How a path came out. `kind` is kept, off (started without it), unable (this model cannot), missing, refused
    (a key is wanted), failed (an error of the server's own) or malformed; `problem` is a sentence, "" when kept.
    """

    kind: str
    problem: str = ""


def judge_reply(promise: Promise, reply: Reply) -> Kept:
    """Compare an answer with the promise."""
    if reply.status in promise.off_status:
        return Kept(kind="off", problem=error_text(reply))
    if reply.status != 200:
        return Kept(kind=_kind_of_error(reply), problem=f"status {reply.status}: {error_text(reply)}")
    problem = _find_problem(promise, reply.body)
    if problem:
        return Kept(kind="malformed", problem=problem)
    return Kept(kind="kept")


def is_unable(reply: Reply) -> bool:
    """True if the server says that the model, or itself as it was started, cannot do this."""
    said = error_text(reply).lower()
    return reply.status in (400, 404, 405, 500, 501) and any(word in said for word in UNABLE)


def _kind_of_error(reply: Reply) -> str:
    if is_unable(reply):
        return "unable"
    kinds = {401: "refused", 403: "refused", 404: "missing", 405: "missing", 501: "missing"}
    return kinds.get(reply.status, "failed")


def _find_problem(promise: Promise, body: bytes) -> str:
    if promise.form == "text":
        return ""
    if promise.form == "metrics":
        return _judge_metrics(promise, body)
    if promise.form == "json":
        return _judge_json(promise, body)
    return judge_form(parse_chat_answer(body), promise.form)


def _judge_json(promise: Promise, body: bytes) -> str:
    if any(path.startswith("[]") for path in promise.fields):
        return _judge_list(promise, body)
    found = parse_fields(body)
    if isinstance(found, Missing):
        return found.reason
    return find_lacking(found.data, promise.fields)


def _judge_list(promise: Promise, body: bytes) -> str:
    try:
        value: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return f"the answer is not JSON ({error}): {describe_body(body)}"
    return find_lacking(value, promise.fields)


def _judge_metrics(promise: Promise, body: bytes) -> str:
    names = {one.name for one in parse_exposition(body.decode("utf-8", "replace"))}
    if names.isdisjoint(promise.fields):
        return f"none of its metrics ({', '.join(promise.fields)}) is there: {describe_body(body)}"
    return ""


def judge_form(answer: ChatAnswer, form: str) -> str:
    """What is wrong with an answer of a model, or its stream, as a sentence; "" when nothing is."""
    wanted = {"chat": "json"}.get(form, form)
    if answer.error:
        return f"an error came instead of words: {answer.error}"
    if answer.problem:
        return answer.problem
    if answer.form not in (wanted, {"lines": "json"}.get(form)):
        return f"{answer.form} came where {wanted} is promised"
    if not answer.ended:
        return "the stream stops without its mark of the end"
    if not answer.model:
        return "the answer does not name its model"
    if not answer.finish:
        return "the answer does not say why it ended"
    return ""
