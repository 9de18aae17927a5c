"""`/api/chat`: conversations, with tools, pictures and thoughts.

    POST /api/chat {"model": "m", "messages": [{"role": "user", "content": "..."}]}
    {"model":"m","created_at":"...","message":{"role":"assistant","content":"Hel"},"done":false}
    ...
    {"model":"m","created_at":"...","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop",...}

It streams unless the request says no. No messages: the model is loaded, or with `keep_alive` 0 unloaded.
"""

from __future__ import annotations

import operator

import msgspec

from keepwell.dialects.ollama.answers import AnswerReader, Told
from keepwell.dialects.ollama.lines import Form, StreamWriter, WholeWriter, encode
from keepwell.dialects.ollama.messages import (
    Call,
    Offer,
    Turn,
    find_unsayable_messages,
    read_messages,
    read_tools,
    write_messages,
    write_tools,
)
from keepwell.dialects.ollama.options import (
    ANSWERING,
    OPTIONS,
    Answering,
    find_unsayable_shape,
    read_answering,
    write_answering,
)
from keepwell.plugins.asked import Asked, Json, Kind
from keepwell.plugins.codec import Codec, Reader, Setting, Writer
from keepwell.plugins.error_text import parse_error_text
from keepwell.plugins.wire_json import read_body


class _Request(Answering):
    messages: list[Turn] | None = None
    tools: list[Offer] | None = None


class _Message(msgspec.Struct):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[Call] | None = None


class _Line(Told):
    message: _Message | None = None


_decode_request = msgspec.json.Decoder(_Request).decode
_decode_names = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_line = msgspec.json.Decoder(_Line).decode
_find_message = operator.attrgetter("message")
_KNOWN = frozenset(_Request.__struct_fields__)
_NULL = msgspec.Raw(b"null")


def _place(said: dict[str, Json]) -> dict[str, Json]:
    return {"message": {"role": "assistant", **said}}


_FORM = Form(
    text=b'"message":{"role":"assistant","content":',
    thinking=b'"message":{"role":"assistant","content":"","thinking":',
    calls=b'"message":{"role":"assistant","content":"","tool_calls":',
    close=b"}",
    place=_place,
)


class _Chat:
    """See `keepwell.plugins.codec.Codec`."""

    path = b"/api/chat"
    kinds: frozenset[Kind] = frozenset({"chat"})
    carries = ANSWERING | {"messages", "tools"}
    options = OPTIONS

    def read_request(self, body: bytes) -> Asked:
        """In common words. Raises Unreadable."""
        said = read_body(body, _decode_request)
        names = read_body(body, _decode_names)
        return Asked(
            **read_answering(said),
            messages=read_messages(said.messages or ()),
            tools=read_tools(said.tools or ()),
            unknown=tuple(name for name, value in names.items() if name not in _KNOWN and value != _NULL),
        )

    def write_request(self, asked: Asked) -> bytes:
        """The request; tools that may not be called (`tool_choice` none) are left out."""
        fields = write_answering(asked) | {"messages": write_messages(asked.messages)}
        if asked.tools and asked.tool_choice != "none":
            fields["tools"] = write_tools(asked.tools)
        return encode(fields)

    def find_unsayable(self, asked: Asked) -> tuple[str, ...]:
        """Pictures by address, broken arguments, and schemas that are none."""
        return (*find_unsayable_messages(asked.messages), *find_unsayable_shape(asked))

    def make_reader(self, *, stream: bool) -> Reader:
        """For an answer."""
        return AnswerReader(_decode_line, _find_message, stream=stream)

    def make_writer(self, asked: Asked, setting: Setting) -> Writer:
        """For the answer to this request."""
        if asked.stream:
            return StreamWriter(_FORM, setting)
        return WholeWriter(_FORM, setting)

    def read_error(self, body: bytes) -> str:
        """The text of `error`."""
        return parse_error_text(body)


CHAT: Codec = _Chat()
