"""What an answer's lines say: whether they bring tokens, how many the server counted, an error, its end. Pure.

Lines of all streams that engines speak are read alike: JSON after `data:` or alone on its line. A token is told by
the bytes before it, which the first one teaches; lines that bring none are read as JSON, and they are few.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from keepwell.core.secret import mask_text

#: Names of the fields in which formats hand out tokens, each with text behind it: an empty one brings none.
_TOKEN = re.compile(
    rb'("(?:content|text|response|delta|reasoning_content|reasoning|thinking|arguments|partial_json)"\s{0,4}:\s{0,4}")'
    rb'(?!")'
)
#: What a whole stream says before it ends, in any format: one of them is in one of its last lines.
_END = re.compile(
    rb'"(?:done"\s{0,4}:\s{0,4}true|(?:finish_reason|stop_reason)"\s{0,4}:\s{0,4}"'
    rb'|type"\s{0,4}:\s{0,4}"(?:message_stop|response\.(?:completed|incomplete))")'
)
_LAST = b"[DONE]"
#: Characters of an error's words that are kept.
TOLD = 160
#: How lines of an event stream begin that say something; bytes that lines of other streams have in common.
_EVENT, _LEAD = b"data:", 10
#: What only one occurrence of an error has: long numbers and identifiers, of which words would never be the same.
_SINGLE = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-fA-F]{8,}(?:-[0-9a-fA-F]{4,}){0,4}\b|\b\d{3,}\b")


@dataclass(slots=True)
class Said:
    """What the lines of one answer have said so far; tokens are nan where no line told them, seconds 0."""

    input_tokens: float = float("nan")
    output_tokens: float = float("nan")
    load_seconds: float = 0.0
    error: str = ""
    ended: bool = False


class _Usage(msgspec.Struct):
    prompt_tokens: float | None = None
    completion_tokens: float | None = None
    input_tokens: float | None = None
    output_tokens: float | None = None


class _Nested(msgspec.Struct):
    usage: _Usage | None = None


class _Line(msgspec.Struct):
    """What is read of a line or of a whole answer; anything else in it is skipped unread."""

    usage: _Usage | None = None
    prompt_eval_count: float | None = None
    eval_count: float | None = None
    load_duration: float | None = None
    error: object = None
    detail: object = None
    message: msgspec.Raw = msgspec.Raw()
    response: msgspec.Raw = msgspec.Raw()


_LINE, _NESTED = msgspec.json.Decoder(_Line), msgspec.json.Decoder(_Nested)
#: Nanoseconds of a second, in which one native format tells how long a model was loaded.
_NANO = 1e9


def find_marker(line: bytes) -> bytes:
    """The bytes that stand before the line's first token, as this server writes them; b"" where it brings none."""
    found = _TOKEN.search(line)
    if found is None:
        return b""
    return found.group(1)


def find_lead(line: bytes) -> bytes:
    """How each line that says something begins in the stream that this line is of."""
    if line.startswith(_EVENT):
        return _EVENT
    return line[:_LEAD]


def count_tokens(line: bytes) -> int:
    """How many pieces of text the line brings."""
    return len(_TOKEN.findall(line))


def is_end(line: bytes) -> bool:
    """True if it says that the stream is whole."""
    return line.startswith(_LAST) or _END.search(line) is not None


def read_line(line: bytes, said: Said) -> None:
    """Note what a line of a stream tells besides tokens. A line that is no JSON tells nothing."""
    if line.startswith(b"data:"):
        line = line[5:].lstrip()
    if is_end(line):
        said.ended = True
    if line.startswith(b"{"):
        read_object(line, said)


def read_object(text: bytes, said: Said) -> bool:
    """Note what a JSON object tells; False if it is none, or not of the form that all formats share."""
    try:
        found = _LINE.decode(text)
        nested = [_NESTED.decode(one) for one in (found.message, found.response) if bytes(one).startswith(b"{")]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    for usage in [found.usage, *(one.usage for one in nested)]:
        if usage is not None:
            _note(said, usage.prompt_tokens, usage.completion_tokens)
            _note(said, usage.input_tokens, usage.output_tokens)
    _note(said, found.prompt_eval_count, found.eval_count)
    said.load_seconds = (found.load_duration or 0.0) / _NANO or said.load_seconds
    if found.error and not said.error:
        said.error = describe(found.error)
    return True


def _note(said: Said, taken: float | None, given: float | None) -> None:
    if taken is not None:
        said.input_tokens = taken
    if given is not None:
        said.output_tokens = given


def find_words(body: bytes) -> str:
    """The words of an answer that is an error, in one line: those of its JSON, or its text as it is."""
    try:
        found = _LINE.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return describe(body[: 4 * TOLD].decode("utf-8", "replace"))
    told = found.error or found.detail
    if told is None and bytes(found.message).startswith(b'"'):
        told = msgspec.json.decode(found.message)
    return describe(told or body[: 4 * TOLD].decode("utf-8", "replace"))


def describe(error: object) -> str:
    """One line, short, with secrets masked and without numbers that only this one has, so that equal errors count as
    one.
    """
    if isinstance(error, dict):
        error = error.get("message") or error.get("type") or error
    words = _SINGLE.sub("#", mask_text(" ".join(str(error).split())))
    return "".join(one for one in words if one.isprintable())[:TOLD]
