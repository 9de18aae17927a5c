"""Anthropic's `/v1/messages` in common words and back; see the four files that read and write its two sides."""

from __future__ import annotations

from keepwell.dialects.anthropic import read_answer, write_answer
from keepwell.dialects.anthropic.read_request import read_request
from keepwell.dialects.anthropic.write_request import find_unsayable, write_request
from keepwell.plugins.asked import Asked, Kind
from keepwell.plugins.codec import Codec, Reader, Setting, Writer
from keepwell.plugins.error_text import parse_error_text
from keepwell.plugins.whole_answer import WholeReader


class MessagesCodec:
    """See `keepwell.plugins.codec.Codec`."""

    path = b"/v1/messages"
    kinds: frozenset[Kind] = frozenset({"chat"})
    #: What its clients can ask for, and what is not written in it: llama-server passes over a shape in silence
    #: (measured at build 11549).
    only_read = frozenset({"shape"})
    carries = frozenset(
        {
            "messages", "tools", "tool_choice", "parallel_calls", "max_tokens", "stop", "temperature", "top_p", "top_k",
            "think", "user",
        }
    )  # fmt: skip
    options: frozenset[str] = frozenset()

    def read_request(self, body: bytes) -> Asked:
        """See `keepwell.plugins.codec.Codec`."""
        return read_request(body)

    def write_request(self, asked: Asked) -> bytes:
        """See `keepwell.plugins.codec.Codec`."""
        return write_request(asked)

    def find_unsayable(self, asked: Asked) -> tuple[str, ...]:
        """See `keepwell.plugins.codec.Codec`."""
        return find_unsayable(asked)

    def make_reader(self, *, stream: bool) -> Reader:
        """See `keepwell.plugins.codec.Codec`."""
        if stream:
            return read_answer.StreamReader()
        return WholeReader(read_answer.read_message)

    def make_writer(self, asked: Asked, setting: Setting) -> Writer:
        """See `keepwell.plugins.codec.Codec`."""
        if asked.stream:
            return write_answer.StreamWriter(asked, setting)
        return write_answer.WholeWriter(asked, setting)

    def read_error(self, body: bytes) -> str:
        """See `keepwell.plugins.codec.Codec`."""
        return parse_error_text(body)


MESSAGES: Codec = MessagesCodec()
