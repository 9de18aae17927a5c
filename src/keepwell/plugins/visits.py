"""Asking services what they are and how they are: each address and path once, whoever wants to know."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from keepwell.core.errors import AccessError, TimedOut, TooLarge
from keepwell.core.observation import Missing, Value, absent
from keepwell.plugins.ask import describe_body
from keepwell.plugins.services import ServiceKind, ServiceWish, Sign, fits, read_version
from keepwell.plugins.whereabouts import Candidate
from keepwell.transport.base import Reply, Transport

#: Seconds for one request: a dashboard answers from memory, and one that does not is told as silent.
ASK_SECONDS = 3.0
#: Bytes of an answer: a start page is some hundred thousand.
ASK_BYTES = 1024 * 1024
#: Requests under way at once, so that a small machine is not flooded.
AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A candidate and what it answered. `known`: it is what it was taken for; `health` is Missing where nothing
    can be asked, else a row of service.health.
    """

    at: Candidate
    known: bool
    health: Mapping[str, Value] | Missing
    version: str = ""
    source: str = ""


class Asker:
    """Sends each request once, a few at a time, and remembers what came of it."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._locks: dict[str, asyncio.Lock] = {}
        self._got: dict[str, Reply | AccessError] = {}

    async def get(self, url: str, api_key: str = "") -> Reply | AccessError:
        """The answer to a GET, or why there is none."""
        async with self._locks.setdefault(url, asyncio.Lock()):
            if url not in self._got:
                self._got[url] = await self._send(url, api_key)
            return self._got[url]

    async def _send(self, url: str, api_key: str) -> Reply | AccessError:
        headers = {"Accept": "application/json, text/html, */*"}
        if api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        async with self._gate:
            try:
                return await self.transport.http(
                    "GET", url, headers=headers, timeout_seconds=ASK_SECONDS, max_bytes=ASK_BYTES
                )
            except AccessError as error:
                return error


async def visit(asker: Asker, kinds: Mapping[str, ServiceKind], one: Candidate) -> Visit:
    """Ask a candidate: what it is, how it is, and its release."""
    kind = kinds.get(one.kind)
    key = (one.wish or ServiceWish(name="")).api_key
    if one.state == "stopped":
        return Visit(at=one, known=True, health={"state": "stopped", "http_status": 0, "seconds": 0.0, "said": ""})
    if one.wish is not None and one.wish.tcp:
        return await _connect(asker, one)
    if not one.url:
        return Visit(at=one, known=True, health=absent("it speaks no HTTP that could be asked"))
    if kind is None or not kind.signs:
        reply = await asker.get(one.url, key)
        return Visit(at=one, known=True, health=_health(reply, None), source=f"GET {one.url}")
    shown = await _recognise(asker, kind, one, key)
    if shown is None and not one.sure:
        return Visit(at=one, known=False, health=absent("something else answers"))
    wanted = kind.health or shown or kind.signs[0]
    reply = await asker.get(one.url + wanted.path, key)
    if isinstance(reply, AccessError) and one.how == "process" and one.port not in kind.ports:
        return Visit(at=one, known=True, health=absent(f"port {one.port} is not its usual one, and gives no answer"))
    version = ""
    if kind.version is not None and not isinstance(reply, AccessError):
        told = await asker.get(one.url + kind.version.path, key)
        if not isinstance(told, AccessError):
            version = read_version(kind.version, told)
    return Visit(
        at=one, known=True, health=_health(reply, wanted), version=version, source=f"GET {one.url}{wanted.path}"
    )


async def _recognise(asker: Asker, kind: ServiceKind, one: Candidate, key: str) -> Sign | None:
    """The first of its signs that the address shows; None too when nothing answers."""
    for sign in kind.signs:
        reply = await asker.get(one.url + sign.path, key)
        if isinstance(reply, AccessError):
            return None
        if fits(sign, reply):
            return sign
    return None


async def _connect(asker: Asker, one: Candidate) -> Visit:
    source = f"a TCP connection to {one.host}:{one.port}"
    health: Mapping[str, Value] = {"state": "well", "http_status": 0, "seconds": 0.0, "said": "takes connections"}
    try:
        await asker.transport.connect(one.host, one.port, timeout_seconds=ASK_SECONDS)
    except AccessError as error:
        health = _unwell(error)
    return Visit(at=one, known=True, health=health, source=source)


def _health(reply: Reply | AccessError, sign: Sign | None) -> Mapping[str, Value]:
    if isinstance(reply, AccessError):
        return _unwell(reply)
    row: dict[str, Value] = {"http_status": reply.status, "seconds": round(reply.seconds, 3)}
    well = reply.status < 500
    if sign is not None:
        well = fits(sign, reply) or reply.status in (401, 403)
    if well:
        return {"state": "well", **row, "said": ""}
    return {"state": "failing", **row, "said": f"{reply.status}: {describe_body(reply.body)}"}


def _unwell(error: AccessError) -> Mapping[str, Value]:
    state = {True: "silent"}.get(isinstance(error, TimedOut), "refused")
    if isinstance(error, TooLarge):
        return {"state": "well", "http_status": 200, "seconds": 0.0, "said": "answers with a large page"}
    if "certificate" in error.what.lower():
        state = "unverified"
    return {"state": state, "http_status": 0, "seconds": 0.0, "said": error.what}
