"""Requests of a file, one JSON object a line: their bodies, or what a trace tells of them (instant and lengths). Pure.

{"messages": [...]}                                  a body, with messages, prompt or input
{"path": "/v1/chat/completions", "body": {...}}      a body and its path, with "at" in seconds where it is replayed
{"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47]}      a trace as Mooncake's
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite

import msgspec
from msgspec import structs

from keepwell.bench.load import Prompt
from keepwell.bench.prompts.made import Form, Size, Workload, make_prompt
from keepwell.plugins.codec import Codec, Unreadable

#: Requests of one file, bytes of it, and tokens of one request of a trace.
MOST, FILE_BYTES, TOKENS = 1_000_000, 512 * 1024 * 1024, 2_000_000
#: Tokens that one number of a trace's `hash_ids` stands for.
BLOCK_TOKENS = 512
#: Paths of bodies that name none, by a field that only such a body has.
PATHS = {"messages": "/v1/chat/completions", "prompt": "/v1/completions", "input": "/v1/embeddings"}
_HINT = "a body (messages, prompt or input), path and body, or timestamp, input_length and output_length"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One request of a file: its instant in seconds, and its path and body, or where `body` is None its lengths in
    tokens and the blocks that its text begins with.
    """

    at: float = 0.0
    path: str = ""
    body: Mapping[str, object] | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    blocks: tuple[str, ...] = ()


class NotUsable(Exception):
    """A request that cannot be sent as it is; the text says why."""


def parse_entries(content: bytes) -> list[Entry]:
    """The requests of a file, by their instants, the first at 0. Raises ValueError with the line ("3: ...")."""
    if len(content) > FILE_BYTES:
        raise ValueError(f"more than {FILE_BYTES} bytes")
    found: list[Entry] = []
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        if len(found) >= MOST:
            raise ValueError(f"{number}: more than {MOST} requests")
        try:
            found.append(_parse_line(line))
        except ValueError as error:
            raise ValueError(f"{number}: {error}") from error
    if not found:
        raise ValueError("there is no request in it")
    return settle(found)


def settle(entries: Iterable[Entry]) -> list[Entry]:
    """Entries by their instants, the first of them at 0."""
    ordered = sorted(entries, key=_at)
    if not ordered:
        return []
    begin = ordered[0].at
    return [replace(one, at=one.at - begin) for one in ordered]


def make_sent(entry: Entry, number: int, form: Form, workload: Workload, codecs: Mapping[str, Codec]) -> Prompt:
    """The request that is sent for an entry: its own body for the model that is measured, streamed, or a made one of
    its lengths. Raises NotUsable.
    """
    if entry.body is None:
        size = Size(
            seed=f"{number}",
            input_tokens=entry.input_tokens,
            output_tokens=entry.output_tokens,
            at=entry.at,
            shared=tuple((one, BLOCK_TOKENS) for one in entry.blocks),
        )
        return make_prompt(form, workload, size)
    codec = codecs.get(entry.path.partition("?")[0])
    if codec is None:
        raise NotUsable(f"{entry.path} cannot be measured")
    try:
        asked = codec.read_request(msgspec.json.encode({**entry.body, "model": form.asked.model}))
    except Unreadable as error:
        raise NotUsable(str(error)) from error
    stream = asked.kind != "embed"
    asked = structs.replace(asked, stream=stream, counts=stream or None)
    return Prompt(path=entry.path, body=codec.write_request(asked), model=asked.model, stream=stream, at=entry.at)


def _parse_line(line: bytes) -> Entry:
    try:
        row = msgspec.json.decode(line, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ValueError(f"not a JSON object: {error}") from error
    at = _find_instant(row)
    if "input_length" in row:
        blocks = row.get("hash_ids")
        if not isinstance(blocks, Sequence) or isinstance(blocks, str):
            blocks = ()
        return Entry(
            at=at,
            input_tokens=max(1, _read_tokens(row, "input_length")),
            output_tokens=max(1, _read_tokens(row, "output_length")),
            blocks=tuple(f"block {one}" for one in blocks),
        )
    body, path = row.get("body"), row.get("path")
    if isinstance(body, dict):
        return Entry(at=at, path=_find_path(body, path), body=body)
    return Entry(at=at, path=_find_path(row, path), body=_without(row, ("at", "timestamp", "path")))


def _find_instant(row: Mapping[str, object]) -> float:
    """`at` is in seconds, a trace's `timestamp` in milliseconds."""
    for name, unit in (("at", 1.0), ("timestamp", 0.001)):
        value = row.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise ValueError(f"{name} is {value!r}, no number")
        return value * unit
    return 0.0


def _find_path(body: Mapping[str, object], path: object) -> str:
    if isinstance(path, str) and path.startswith("/"):
        return path
    found = next((one for name, one in PATHS.items() if name in body), "")
    if not found:
        raise ValueError(f"no request that is known: {_HINT}")
    return found


def _read_tokens(row: Mapping[str, object], name: str) -> int:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= TOKENS:
        raise ValueError(f"{name} is {value!r}, no number of tokens")
    return value


def _without(row: Mapping[str, object], names: Sequence[str]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name not in names}


def _at(entry: Entry) -> float:
    return entry.at
