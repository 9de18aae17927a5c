"""HTTP and TCP from another network place of a node: a small program is run there and says how it went."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path

from keepwell.core.errors import AccessError, NotThere, TimedOut, TooLarge, Unreachable
from keepwell.transport.base import Ran, Reply
from keepwell.transport.failures import shown_request

#: Seconds beyond the limit of the request itself: an interpreter on a busy small machine starts in half a second.
START_SECONDS = 2.0
#: Bytes of the answer beyond the body: its headers, and what JSON and base64 add to a body of 3 bytes.
ANSWER_SLACK_BYTES = 256 * 1024

_KINDS: dict[str, type[AccessError]] = {"refused": Unreachable, "timeout": TimedOut, "large": TooLarge}


@cache
def program_text() -> str:
    """The text of the program; it needs nothing but Python's standard library."""
    return Path(__file__).with_name("asker_program.py").read_text(encoding="utf-8")


#: Runs the program with this wish (JSON) within so many seconds and bytes of output.
Launch = Callable[[bytes, float, int], Awaitable[Ran]]


async def ask_http(launch: Launch, wish: Mapping[str, object], method: str, url: str, body: bytes) -> Reply:
    """One request through the program; errors as those of a transport, with the URL in them."""
    more = {"op": "http", "method": method, "url": url, "body": base64.b64encode(body).decode("ascii")}
    found = await _answer(launch, {**wish, **more}, shown_request(method, url))
    headers, status, seconds, text = (found.get(key) for key in ("headers", "status", "seconds", "body"))
    if not isinstance(headers, dict) or not isinstance(status, int) or not isinstance(text, str):
        raise Unreachable("the program that asked gave no whole answer", command=shown_request(method, url))
    taken = 0.0
    if isinstance(seconds, int | float):
        taken = float(seconds)
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise Unreachable("the program that asked gave no whole answer", command=shown_request(method, url)) from error
    return Reply(
        status=status, headers={str(key): str(value) for key, value in headers.items()}, body=content, seconds=taken
    )


async def ask_connect(launch: Launch, wish: Mapping[str, object], host: str, port: int) -> None:
    """One TCP connection through the program."""
    await _answer(launch, {**wish, "op": "connect", "host": host, "port": port, "max_bytes": 0}, f"{host}:{port}")


async def _answer(launch: Launch, wish: Mapping[str, object], command: str) -> Mapping[str, object]:
    seconds, size = wish["seconds"], wish["max_bytes"]
    assert isinstance(seconds, float)
    assert isinstance(size, int)
    try:
        ran = await launch(json.dumps(wish).encode(), seconds + START_SECONDS, 2 * size + ANSWER_SLACK_BYTES)
    except TimedOut:
        raise TimedOut(f"no whole answer within {seconds:g} s", command=command) from None
    try:
        found = json.loads(ran.stdout)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        said = ran.stderr[-300:].decode("utf-8", "replace").strip()
        raise NotThere(f"nothing there could ask (exit code {ran.code}): {said}", command=command)
    kind = found.get("error")
    if isinstance(kind, str):
        raise _KINDS.get(kind, Unreachable)(str(found.get("what", "")), command=command)
    return found
