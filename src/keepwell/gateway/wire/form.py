"""A look at a form (`multipart/form-data`, RFC 7578): which model it names. Files in it are never copied. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from keepwell.gateway.wire.body import Peek, Reading

#: Parts of one form; those of an audio request are some ten.
PARTS = 64
#: Bytes of the lines before a part's content, and of a model's name.
LINES_BYTES, NAME_BYTES = 4096, 512
_BOUNDARY = re.compile(rb'\bboundary=(?:"([^"\r\n]{1,200})"|([^\s;,"]{1,200}))', re.IGNORECASE)
_NAME = re.compile(rb'content-disposition:\s*form-data;[^\r\n]*?\bname="([^"\r\n]*)"', re.IGNORECASE)


class Part(NamedTuple):
    """One field: its name, and where in the body its content begins and ends."""

    name: bytes
    begin: int
    end: int


def read_forms(content_type: bytes) -> Reading | None:
    """How bodies of this type are looked at; None for one that is no form."""
    if not content_type.lower().startswith(b"multipart/form-data"):
        return None
    found = _BOUNDARY.search(content_type)
    if found is None:
        return None
    boundary = found[1] or found[2]
    return Reading(partial(peek_form, boundary), partial(rename_form, boundary))


def peek_form(boundary: bytes, body: bytes) -> Peek:
    """The model that it names, and whether it asks for a stream."""
    look = Peek()
    for part in find_parts(boundary, body):
        if part.name == b"model" and part.end - part.begin <= NAME_BYTES:
            look.model = body[part.begin : part.end].decode("utf-8", "replace").strip()
        elif part.name == b"stream" and part.end - part.begin <= len(b"false"):
            look.stream = body[part.begin : part.end].strip().lower() == b"true"
    return look


def rename_form(boundary: bytes, body: bytes, model: str) -> bytes:
    """The body with another model name; everything else stays as the client wrote it."""
    for part in find_parts(boundary, body):
        if part.name == b"model":
            return body[: part.begin] + model.encode() + body[part.end :]
    return body


def find_parts(boundary: bytes, body: bytes) -> Iterator[Part]:
    """Each field in its order, as far as it is well-formed."""
    mark = b"\r\n--" + boundary
    place = 0
    if not body.startswith(mark[2:]):
        place = body.find(mark) + 2
        if place < 2:
            return
    place += len(mark) - 2
    for _ in range(PARTS):
        lines_end = body.find(b"\r\n\r\n", place, place + LINES_BYTES)
        end = body.find(mark, lines_end + 2)
        if body[place : place + 2] != b"\r\n" or lines_end < 0 or end < 0:
            return
        found = _NAME.search(body, place, lines_end)
        if found is not None:
            yield Part(found[1], min(lines_end + 4, end), end)
        place = end + len(mark)
