"""Wire: frames of calls and answers, over any stream of bytes. SSH and the agent speak the same.

A frame is the length of its header and of its payload (four bytes each, network order), a header of JSON and a
payload of raw bytes. A call is `{"id", "call", "args"}`, an answer `{"id", "ok"}` or `{"id", "no"}`; answers come in
any order. The far end itself (`far_end.py`) has its own few lines of this, because it must stand alone.

JSON of the standard library, because a file's name may be any bytes, which Python holds as lone surrogates: they
pass as `\\udcff` here, and faster encoders refuse them.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from keepwell.core.errors import TooLarge, Unreachable

#: What stands before the first frame from the far end, with the number of this protocol: what a login shell said
#: before it (a greeting in .bashrc) is passed over.
MARK = b"\0keepwell far end 1\n"
#: Bytes that may come before the mark; a shell that says more is talking of something else.
GREETING_BYTES = 64 * 1024
#: Bytes of a header: an argument list can be as long as the kernel allows one argument to be (128 KiB), quoted.
HEADER_BYTES = 1024 * 1024
#: Bytes of a payload: larger files are read in pieces, and no output or body that is asked for is larger.
PAYLOAD_BYTES = 64 * 1024 * 1024

_LENGTHS = struct.Struct("!II")

Header: TypeAlias = Mapping[str, Any]


class BrokenFrame(Unreachable):
    """What came is not what the far end would say; the connection is of no use any more."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it came."""

    header: Header
    payload: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the far end says to the call `id`: `ok` with fields and a payload, or `no` with what went wrong."""

    id: int
    ok: Header | None = None
    no: Header | None = None
    payload: bytes = field(default=b"", repr=False)


def render_call(number: int, call: str, args: Header, payload: bytes = b"") -> bytes:
    """The frame of a call. Raises TooLarge when the far end would refuse it."""
    return render_frame({"id": number, "call": call, "args": args}, payload)


def render_frame(header: Header, payload: bytes = b"") -> bytes:
    """A frame's bytes. Raises TooLarge for more than HEADER_BYTES or PAYLOAD_BYTES."""
    head = json.dumps(header, separators=(",", ":")).encode("ascii")
    if len(head) > HEADER_BYTES:
        raise TooLarge(f"arguments of more than {HEADER_BYTES} bytes")
    if len(payload) > PAYLOAD_BYTES:
        raise TooLarge(f"{len(payload)} bytes in one call, more than {PAYLOAD_BYTES}")
    return b"".join((_LENGTHS.pack(len(head), len(payload)), head, payload))


def parse_answer(frame: Frame) -> Answer:
    """The answer in a frame from the far end. Raises BrokenFrame."""
    number, ok, no = (frame.header.get(name) for name in ("id", "ok", "no"))
    if type(number) is int and isinstance(ok, dict) and no is None:
        return Answer(id=number, ok=ok, payload=frame.payload)
    if type(number) is int and isinstance(no, dict) and ok is None:
        return Answer(id=number, no=no)
    raise BrokenFrame(f"an answer with {sorted(map(str, frame.header))[:8]} in it")


class Frames:
    """Puts frames together from bytes in any pieces. Costs one copy of each payload."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._broken = ""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are whole now. Raises BrokenFrame, and again at every later call."""
        if self._broken:
            raise BrokenFrame(self._broken)
        self._kept += data
        found: list[Frame] = []
        start = 0
        try:
            while (end := self._end(start)) > 0:
                found.append(self._frame(start))
                start = end
        except BrokenFrame as error:
            self._broken = error.what
            raise
        del self._kept[:start]
        return found

    @property
    def waiting_bytes(self) -> int:
        """Bytes of a frame that is not whole yet."""
        return len(self._kept)

    def _end(self, start: int) -> int:
        """Where the frame at `start` ends, 0 if that has not come yet."""
        if len(self._kept) < start + _LENGTHS.size:
            return 0
        head, payload = _LENGTHS.unpack_from(self._kept, start)
        if not 1 < head <= HEADER_BYTES or payload > PAYLOAD_BYTES:
            raise BrokenFrame(f"not a frame: a header of {head} and a payload of {payload} bytes")
        end = start + _LENGTHS.size + int(head) + int(payload)
        return end * (end <= len(self._kept))

    def _frame(self, start: int) -> Frame:
        head, payload = _LENGTHS.unpack_from(self._kept, start)
        start += _LENGTHS.size
        with memoryview(self._kept) as view:
            text = bytes(view[start : start + head])
            rest = bytes(view[start + head : start + head + payload])
        try:
            header = json.loads(text)
        except (ValueError, RecursionError):
            raise BrokenFrame("a header that is not JSON") from None
        if not isinstance(header, dict):
            raise BrokenFrame("a header that is not a JSON object")
        return Frame(header, rest)


class Greeting:
    """Passes over what comes before the mark."""

    def __init__(self) -> None:
        self.said = bytearray()
        self.over = False

    def feed(self, data: bytes) -> bytes:
        """What comes after the mark. Raises BrokenFrame when GREETING_BYTES went by without one."""
        if self.over:
            return data
        self.said += data
        at = self.said.find(MARK)
        if at < 0:
            if len(self.said) > GREETING_BYTES:
                raise BrokenFrame(f"{GREETING_BYTES} bytes came, and no far end among them")
            return b""
        self.over = True
        rest = bytes(self.said[at + len(MARK) :])
        del self.said[at:]
        return rest
