"""`/api/generate`: one prompt, by the model's template, or raw, or with a suffix (the text between is wanted).

    POST /api/generate {"model": "m", "prompt": "..."}
    {"model":"m","created_at":"...","response":"Hel","done":false}
    ...
    {"model":"m","created_at":"...","response":"","done":true,"done_reason":"stop",...}

By the template it is a conversation of a system text and one message; raw, or with a suffix, it is a completion. It
streams unless the request says no. No prompt: the model is loaded, or with `keep_alive` 0 unloaded.
"""

from __future__ import annotations

from typing import Any

import msgspec

from keepwell.dialects.ollama.answers import AnswerReader, Said, Told
from keepwell.dialects.ollama.lines import Form, StreamWriter, WholeWriter, encode
from keepwell.dialects.ollama.messages import Call, write_pictures
from keepwell.dialects.ollama.options import (
    ANSWERING,
    OPTIONS,
    Answering,
    find_unsayable_shape,
    read_answering,
    write_answering,
)
from keepwell.plugins.asked import Asked, Image, Json, Kind, Message
from keepwell.plugins.codec import Codec, Reader, Setting, Unreadable, Writer
from keepwell.plugins.error_text import parse_error_text
from keepwell.plugins.pictures import parse_picture
from keepwell.plugins.wire_json import read_body


class _Request(Answering):
    prompt: str | None = None
    suffix: str | None = None
    system: str | None = None
    template: str | None = None
    context: list[int] | None = None
    raw: bool | None = None
    images: list[str] | None = None


class _Line(Told):
    content: str | None = msgspec.field(default=None, name="response")
    thinking: str | None = None
    tool_calls: list[Call] | None = None


_decode_request = msgspec.json.Decoder(_Request).decode
_decode_names = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_line = msgspec.json.Decoder(_Line).decode
_KNOWN = frozenset(_Request.__struct_fields__)
_NULL = msgspec.Raw(b"null")


def _find_said(line: _Line) -> Said:
    """The line itself: what was said lies open in it."""
    return line


def _place(said: dict[str, Json]) -> dict[str, Json]:
    return {"response": said.pop("content"), **said}


_FORM = Form(
    text=b'"response":',
    thinking=b'"response":"","thinking":',
    calls=b'"response":"","tool_calls":',
    close=b"",
    place=_place,
)


class _Generate:
    """See `keepwell.plugins.codec.Codec`."""

    path = b"/api/generate"
    kinds: frozenset[Kind] = frozenset({"completion", "chat"})
    #: That it is `raw` is said by the kind.
    carries = ANSWERING | {"messages", "prompts", "suffix", "template", "context"}
    options = OPTIONS

    def read_request(self, body: bytes) -> Asked:
        """In common words. Raises Unreadable."""
        said = read_body(body, _decode_request)
        names = read_body(body, _decode_names)
        unknown = [name for name, value in names.items() if name not in _KNOWN and value != _NULL]
        fields = read_answering(said) | _read_prompt(said, unknown)
        return Asked(**fields, unknown=tuple(unknown))

    def write_request(self, asked: Asked) -> bytes:
        """The request; of a conversation the system text and the last message."""
        fields = write_answering(asked)
        if asked.kind == "chat":
            return encode(fields | _write_messages(asked))
        fields["prompt"] = "".join(asked.prompts[:1])
        if asked.suffix:
            return encode(fields | {"suffix": asked.suffix} | _write_beside(asked))
        return encode(fields | {"raw": True})

    def find_unsayable(self, asked: Asked) -> tuple[str, ...]:
        """More than one prompt; an empty one, which would load the model; a conversation of more than a system text and
        one message with its pictures first.
        """
        found = list(find_unsayable_shape(asked))
        if len(asked.prompts) > 1:
            found.append("more than one prompt")
        if asked.kind == "completion" and not "".join(asked.prompts) and not asked.prompt_tokens:
            found.append("an empty prompt")
        if asked.kind == "chat" and not _is_prompt(asked.messages):
            found.append("a conversation")
        if any(image.url for one in asked.messages for image in one.images):
            found.append("images by address")
        return tuple(found)

    def make_reader(self, *, stream: bool) -> Reader:
        """For an answer."""
        return AnswerReader(_decode_line, _find_said, stream=stream)

    def make_writer(self, asked: Asked, setting: Setting) -> Writer:
        """For the answer to this request."""
        if asked.stream:
            return StreamWriter(_FORM, setting)
        return WholeWriter(_FORM, setting)

    def read_error(self, body: bytes) -> str:
        """The text of `error`."""
        return parse_error_text(body)


def _read_prompt(said: _Request, unknown: list[str]) -> dict[str, Any]:
    """What is asked, and what it sets beside. Without a prompt nothing is."""
    if said.raw and (said.template or said.system or said.context):
        raise Unreadable("raw mode does not support template, system, or context")
    prompt, suffix = said.prompt or "", said.suffix or ""
    if not prompt:
        return {}
    if said.raw:
        unknown += ["suffix"] * bool(suffix) + ["images"] * bool(said.images)
        return {"kind": "completion", "prompts": (prompt,), "listed": False}
    beside = {"template": said.template or "", "context": tuple(said.context or ())}
    if suffix:
        unknown += ["system"] * bool(said.system) + ["images"] * bool(said.images)
        return {"kind": "completion", "prompts": (prompt,), "listed": False, "suffix": suffix, **beside}
    messages: list[Message] = []
    if said.system:
        messages.append(Message("system", (said.system,)))
    messages.append(Message("user", (*map(parse_picture, said.images or ()), prompt)))
    return {"messages": tuple(messages), **beside}


def _write_messages(asked: Asked) -> dict[str, Json]:
    """Prompt, system text and pictures, with what goes beside them."""
    system = "\n\n".join(one.text for one in asked.messages if one.role == "system")
    turns = [one for one in asked.messages if one.role == "user"][-1:]
    fields: dict[str, Json] = {"prompt": "".join(one.text for one in turns)}
    if system:
        fields["system"] = system
    pictures = write_pictures([image for one in turns for image in one.images])
    if pictures:
        fields["images"] = pictures
    return fields | _write_beside(asked)


def _write_beside(asked: Asked) -> dict[str, Json]:
    beside: dict[str, Json] = {"template": asked.template, "context": asked.context}
    return {name: value for name, value in beside.items() if value}


def _is_prompt(messages: tuple[Message, ...]) -> bool:
    """Whether these are none, or a user's message with a text, pictures before it, and a system text at most before."""
    if not messages:
        return True
    *before, last = messages
    texts = [part for part in last.parts if isinstance(part, str)]
    pictures_first = not any(isinstance(part, Image) for part in last.parts[len(last.images) :])
    plain = last.role == "user" and bool("".join(texts)) and pictures_first
    return plain and len(before) <= 1 and all(one.role == "system" and not one.images for one in before)


GENERATE: Codec = _Generate()
