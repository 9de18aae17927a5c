"""`/v1/completions`: a text gone on with as it stands."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from keepwell.dialects.openai.completion_reading import CompletionStreamReader, read_whole_completion
from keepwell.dialects.openai.completion_writing import CompletionStreamWriter, WholeCompletion
from keepwell.dialects.openai.settings import (
    CARRIES,
    OPTIONS,
    SettingFields,
    read_settings,
    write_settings,
)
from keepwell.plugins.asked import Asked, Json, Kind
from keepwell.plugins.codec import Codec, Reader, Setting, Unreadable, Writer
from keepwell.plugins.error_text import parse_error_text
from keepwell.plugins.whole_answer import WholeReader, WholeWriter
from keepwell.plugins.wire_json import read_body


class _Request(SettingFields, kw_only=True):
    prompt: Json = None
    suffix: str | None = None
    echo: bool | None = None
    logprobs: int | None = None
    n_probs: int | None = None


_decode = msgspec.json.Decoder(_Request).decode


class CompletionCodec:
    """See `keepwell.plugins.codec.Codec`."""

    path = b"/v1/completions"
    kinds: frozenset[Kind] = frozenset({"completion"})
    carries = CARRIES | {"prompts", "prompt_tokens", "suffix", "echo"}
    options = OPTIONS

    def read_request(self, body: bytes) -> Asked:
        """See `keepwell.plugins.codec.Codec`."""
        found = read_body(body, _decode)
        texts, tokens = _read_prompts(found.prompt)
        return msgspec.structs.replace(
            read_settings(body, found, "completion"),
            prompts=texts,
            prompt_tokens=tokens,
            listed=isinstance(found.prompt, list) and not isinstance(found.prompt[0], int),
            suffix=found.suffix or "",
            echo=bool(found.echo),
            logprobs=_read_logprobs(found),
        )

    def write_request(self, asked: Asked) -> bytes:
        """See `keepwell.plugins.codec.Codec`. llama-server reads the form of the answer from `json_schema` here, and
        tells no likelihood where none of alternatives is wanted, unless `n_probs` says so; vLLM passes over both.
        """
        fields = write_settings(asked) | {"prompt": _write_prompts(asked)}
        if asked.suffix:
            fields["suffix"] = asked.suffix
        if asked.echo:
            fields["echo"] = True
        if asked.shape is not None:
            fields["json_schema"] = asked.shape.schema or {"type": "object"}
        if asked.logprobs >= 0:
            fields["logprobs"] = asked.logprobs
        if asked.logprobs == 0:
            fields["n_probs"] = 1
        return msgspec.json.encode(fields)

    def find_unsayable(self, asked: Asked) -> tuple[str, ...]:
        """See `keepwell.plugins.codec.Codec`."""
        if asked.prompts and asked.prompt_tokens:
            return ("texts and tokens in one request",)
        return ()

    def make_reader(self, *, stream: bool) -> Reader:
        """See `keepwell.plugins.codec.Codec`."""
        if stream:
            return CompletionStreamReader()
        return WholeReader(read_whole_completion)

    def make_writer(self, asked: Asked, setting: Setting) -> Writer:
        """See `keepwell.plugins.codec.Codec`."""
        if asked.stream:
            return CompletionStreamWriter(asked, setting)
        return WholeWriter(WholeCompletion(asked, setting))

    def read_error(self, body: bytes) -> str:
        """See `keepwell.plugins.codec.Codec`."""
        return parse_error_text(body)


def _read_prompts(prompt: Json) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    """Texts, or token numbers: one of both, alone or in a list. None at all is the begin of any text."""
    if prompt is None or isinstance(prompt, str):
        return (prompt or "",), ()
    if isinstance(prompt, list) and prompt:
        texts = [one for one in prompt if isinstance(one, str)]
        if len(texts) == len(prompt):
            return tuple(texts), ()
        if isinstance(prompt[0], int):
            return (), (_read_tokens(prompt),)
        return (), tuple(_read_tokens(one) for one in prompt)
    raise Unreadable("prompt has to be a text, token numbers, or a list of one of both")


def _read_tokens(row: Json) -> tuple[int, ...]:
    if not isinstance(row, list) or not all(type(one) is int and one >= 0 for one in row):
        raise Unreadable("prompt has to be a text, token numbers, or a list of one of both")
    return tuple(row)


def _write_prompts(asked: Asked) -> Json:
    rows: Sequence[str | tuple[int, ...]] = asked.prompt_tokens or asked.prompts
    if len(rows) == 1 and not asked.listed:
        return rows[0]
    return rows or ""


def _read_logprobs(found: _Request) -> int:
    for told in (found.logprobs, found.n_probs):
        if told is not None:
            return max(told, 0)
    return -1


COMPLETIONS: Codec = CompletionCodec()
