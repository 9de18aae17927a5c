"""What an agent and its caller say to each other before the first frame, inside of TLS.

The caller: `keepwell agent 1 TOKEN` and a line feed. The agent: `keepwell agent 1 ok` and a line feed, after which
both speak the frames of `wire.py`; or `keepwell agent 1 no REASON`, and it hangs up. The number is that of this
protocol; who speaks another says so in the same line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

#: The port that an agent listens on unless it is told another; no well-known service has it.
AGENT_PORT = 7447
#: The number of this protocol.
VERSION = 1
#: Bytes of the first line of either side: a token has 43.
LINE_BYTES = 512
#: Bytes of a token's randomness.
TOKEN_BYTES = 32

Refused: TypeAlias = Literal["token", "busy", "version"]
_START = ("keepwell", "agent")


@dataclass(frozen=True, slots=True)
class Hello:
    """The first line of a caller, or of an agent: the protocol's number, and what follows it."""

    version: int
    words: tuple[str, ...]


def render_hello(token: str) -> bytes:
    """A caller's first line."""
    return f"keepwell agent {VERSION} {token}\n".encode("ascii")


def render_welcome() -> bytes:
    """An agent's first line to whom it knows."""
    return f"keepwell agent {VERSION} ok\n".encode("ascii")


def render_refusal(why: Refused) -> bytes:
    """An agent's first and last line to anybody else."""
    return f"keepwell agent {VERSION} no {why}\n".encode("ascii")


def parse_hello(line: bytes) -> Hello | None:
    """The first line of either side; None if it is none."""
    words = line.decode("ascii", "replace").split()
    if len(words) < 4 or tuple(words[:2]) != _START or not words[2].isdecimal() or len(words[2]) > 6:
        return None
    return Hello(int(words[2]), tuple(words[3:]))
