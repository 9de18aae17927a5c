"""OpenAI's `/v1/responses` in common words and back; see the files that read and write its requests and answers."""

from __future__ import annotations

from keepwell.dialects.openai import responses_reading, responses_writing
from keepwell.dialects.openai.responses_request import find_unsayable, read_request, write_request
from keepwell.plugins.asked import Asked, Kind
from keepwell.plugins.codec import Codec, Reader, Setting, Writer
from keepwell.plugins.error_text import parse_error_text
from keepwell.plugins.whole_answer import WholeReader


class ResponsesCodec:
    """See `keepwell.plugins.codec.Codec`."""

    path = b"/v1/responses"
    kinds: frozenset[Kind] = frozenset({"chat"})
    #: What its clients can ask for, and what is not written in it: llama-server passes over a shape in silence
    #: (measured at build 11549).
    only_read = frozenset({"shape"})
    carries = frozenset(
        {
            "messages", "tools", "tool_choice", "parallel_calls", "max_tokens", "temperature", "top_p", "logprobs",
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
            return responses_reading.StreamReader()
        return WholeReader(responses_reading.read_response)

    def make_writer(self, asked: Asked, setting: Setting) -> Writer:
        """See `keepwell.plugins.codec.Codec`."""
        if asked.stream:
            return responses_writing.StreamWriter(asked, setting)
        return responses_writing.WholeWriter(asked, setting)

    def read_error(self, body: bytes) -> str:
        """See `keepwell.plugins.codec.Codec`."""
        return parse_error_text(body)


RESPONSES: Codec = ResponsesCodec()
