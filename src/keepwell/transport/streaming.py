"""One HTTP request whose answer is told with the time at which each part of it arrived."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from keepwell import __version__
from keepwell.core.errors import AccessError, NotPermitted, TimedOut, Unreachable
from keepwell.transport.base import Piece, Streamed
from keepwell.transport.failures import access_error, shown_request
from keepwell.transport.web import LAST_PORT


async def stream_once(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes, timeout_seconds: float, max_bytes: int
) -> Streamed:
    """One request on a connection of its own, past any proxy variable, redirects not followed.

    What ends the body early is told; before the head has come it is raised: Unreachable (also for a URL or header
    that cannot be sent) or TimedOut.
    """
    import httpx2

    command = shown_request(method, url)
    own = {"User-Agent": f"keepwell/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity"}
    got = _Arriving(max_bytes)
    try:
        if (httpx2.URL(url).port or 0) > LAST_PORT:
            raise Unreachable(f"no port is above {LAST_PORT}", command=command)
        async with (
            asyncio.timeout(timeout_seconds),
            httpx2.AsyncClient(
                headers=own, verify=url.startswith("https:"), timeout=None, trust_env=False, follow_redirects=False
            ) as client,
            client.stream(method, url, headers=dict(headers), content=body) as answer,
        ):
            got.head(answer.status_code, answer.headers)
            async for part in answer.aiter_raw():
                if not got.take(part):
                    break
    except (TimeoutError, httpx2.TimeoutException):
        got.broke(TimedOut(f"no whole answer within {timeout_seconds:g} s", command=command))
    except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:
        got.broke(Unreachable(_innermost(error), command=command))
    except OSError as error:
        got.broke(access_error(error, command=command, otherwise=Unreachable))
    return got.told()


def parse_streamed(got: Mapping[str, Any], payload: bytes) -> Streamed:
    """The answer of a far end that was asked for times; NotPermitted where an older one gives none."""
    times = got.get("times")
    if not isinstance(times, list):
        raise NotPermitted("the far end cannot tell when the parts of an answer arrive")
    pieces, begin = [], 0
    for seconds, size in times:
        pieces.append(Piece(seconds=float(seconds), data=payload[begin : begin + int(size)]))
        begin += int(size)
    problem = str(got.get("problem", ""))
    return Streamed(
        status=int(got.get("status", 0)),
        headers={str(name): str(value) for name, value in dict(got.get("headers", {})).items()},
        pieces=tuple(pieces),
        whole=not problem,
        problem=problem,
        head_seconds=float(got.get("head_seconds", 0.0)),
        seconds=float(got.get("seconds", 0.0)),
    )


class _Arriving:
    """A body as it comes in, with the time of each part."""

    def __init__(self, max_bytes: int) -> None:
        self._began = time.perf_counter()
        self._room = max_bytes
        self._status = 0
        self._headers: dict[str, str] = {}
        self._head_seconds = 0.0
        self._pieces: list[Piece] = []
        self._problem = ""

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        """The status line and headers are here."""
        self._status = status
        self._headers = {name.lower(): value for name, value in headers.items()}
        self._head_seconds = self._elapsed()

    def take(self, part: bytes) -> bool:
        """Keep a part; False when there is no room for more."""
        self._pieces.append(Piece(seconds=self._elapsed(), data=part))
        self._room -= len(part)
        if self._room < 0:
            self._problem = "the body is larger than what is kept of it"
        return self._room >= 0

    def broke(self, error: AccessError) -> None:
        """The exchange ended by an error: told with what came, or raised where nothing did."""
        if not self._status:
            raise error
        self._problem = error.what

    def told(self) -> Streamed:
        """What came."""
        return Streamed(
            status=self._status,
            headers=self._headers,
            pieces=tuple(self._pieces),
            whole=not self._problem,
            problem=self._problem,
            head_seconds=self._head_seconds,
            seconds=self._elapsed(),
        )

    def _elapsed(self) -> float:
        return time.perf_counter() - self._began


def _innermost(error: Exception) -> str:
    """The operating system's words where there are some: the library wraps "Connection refused" three times over."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.errno:
            return access_error(inner).what
        inner = inner.__cause__ or inner.__context__
    return str(error) or type(error).__name__
