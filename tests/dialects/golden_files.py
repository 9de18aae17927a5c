"""Recorded requests and answers of real engines, as files of `golden/` hold them (scripts/record_golden.py)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from keepwell.plugins.codec import Codec
from keepwell.plugins.dialect import Dialect
from keepwell.plugins.registry import load_all
from tests.gateway.made import read_answer

FOLDER = Path(__file__).with_name("golden")


@dataclass(frozen=True, slots=True)
class Golden:
    """One question and its answer: `request` and `answer` are bodies without their framing."""

    engine: str
    name: str
    path: str
    request: bytes
    status: int
    content_type: str
    answer: bytes

    @property
    def id(self) -> str:
        """For the name of a test."""
        return f"{self.engine}/{self.name}"

    @property
    def streams(self) -> bool:
        """Whether the answer comes as a stream."""
        return self.content_type.startswith(("text/event-stream", "application/x-ndjson"))

    @property
    def good(self) -> bool:
        """Whether it is an answer and no error."""
        return self.status == 200

    @property
    def asked(self) -> dict[str, Any]:
        """The request as JSON."""
        return cast("dict[str, Any]", json.loads(self.request))


@cache
def load_goldens() -> tuple[Golden, ...]:
    """All of them, by name."""
    return tuple(_load(file) for file in sorted(FOLDER.glob("*/*.answer.http")))


@cache
def load_codecs() -> dict[str, Codec]:
    """Every codec by its path."""
    dialects = cast("dict[str, Dialect]", load_all("dialects"))
    endpoints = [one for dialect in dialects.values() for one in dialect.endpoints]
    return {one.path.decode(): one.codec for one in endpoints if one.codec is not None}


def goldens_of(path: str) -> list[Golden]:
    """Those of one path."""
    return [one for one in load_goldens() if one.path == path]


def _load(file: Path) -> Golden:
    head, _, request = file.with_name(file.name.replace(".answer.", ".request.")).read_bytes().partition(b"\r\n\r\n")
    answer = read_answer(file.read_bytes())
    return Golden(
        engine=file.parent.name,
        name=file.name.removesuffix(".answer.http"),
        path=head.split(b" ")[1].decode(),
        request=request,
        status=answer.status,
        content_type=answer.headers.get("content-type", ""),
        answer=answer.body,
    )
