"""The contract of a sink: a file in `sinks/` that ends in `SINK: Sink`. Where readings go beside keepwell's own store.

A sink is a translator: it renders readings to the bytes of one HTTP request and says what an answer means. Sending,
waiting, trying again and counting are the hub's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from keepwell.core.series import Batch

#: What to do after an answer: all is taken, try the same again later, or never again (it would be refused again).
Verdict: TypeAlias = Literal["taken", "later", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One request to send: method, the path to add to the owner's URL ("" where that is whole), headers, body."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    path: str = ""
    method: str = "POST"


@runtime_checkable
class Sink(Protocol):
    """`title` names what it speaks, for people."""

    title: str

    def render(self, batches: Sequence[Batch]) -> Message | None:
        """One request with all of these; None where nothing in them can be sent. Pure."""
        ...

    def judge(self, status: int) -> Verdict:
        """What an HTTP status means."""
        ...
