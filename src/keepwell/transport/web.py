"""HTTP and TCP from the local node's own network place: no proxy, no redirect, no shared connection.

A server behind a Unix socket is asked by a URL of the scheme `http+unix`, whose host is the socket's path with
its slashes written %2F: `http+unix://%2Frun%2Fexample.sock/version`. `unix_url` makes one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from keepwell import __version__
from keepwell.core.errors import AccessError, TimedOut, TooLarge, Unreachable
from keepwell.core.secret import mask_text
from keepwell.transport.base import Reply
from keepwell.transport.failures import access_error, shown_request

if TYPE_CHECKING:
    import httpx2

#: The largest TCP port; what lies below passes a larger one on to the system, which calls it a bug.
LAST_PORT = 65_535
#: Scheme of a URL whose host is the path of a Unix socket.
UNIX_SCHEME = "http+unix"


def unix_url(socket_path: str, target: str) -> str:
    """The URL of a path (with its query, beginning with a slash) on a server behind a Unix socket."""
    return f"{UNIX_SCHEME}://{quote(socket_path, safe='')}{target}"


def split_unix_url(url: str) -> tuple[str, str]:
    """The path of the Unix socket in a URL and the plain URL to ask there; "" and the URL itself for any other.

    Raises Unreachable for a URL that cannot be read.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise Unreachable(f"not a usable URL ({error})", command=mask_text(url)) from error
    if parts.scheme != UNIX_SCHEME:
        return "", url
    return unquote(parts.netloc), parts._replace(scheme="http", netloc="localhost").geturl()


class Web:
    """Sends single requests. The HTTP library is imported at the first one (about 0.1 s)."""

    def __init__(self) -> None:
        self._clients: dict[str, httpx2.AsyncClient] = {}

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        timeout_seconds: float,
        max_bytes: int,
    ) -> Reply:
        """One request on a connection of its own; any status is an answer.

        Raises Unreachable (also for a URL or header that cannot be sent), TimedOut for the whole exchange,
        TooLarge for the body.
        """
        import httpx2

        command = shown_request(method, url)
        started = time.perf_counter()
        try:
            socket_path, plain = split_unix_url(url)
            target = httpx2.URL(plain)
            if (target.port or 0) > LAST_PORT:
                raise Unreachable(f"no port is above {LAST_PORT}", command=command)
            async with (
                asyncio.timeout(timeout_seconds),
                self._client(target.scheme, socket_path).stream(
                    method, target, headers=dict(headers), content=body
                ) as answer,
            ):
                got = await _read_body(answer, max_bytes, command)
        except (TimeoutError, httpx2.TimeoutException):
            raise TimedOut(f"no whole answer within {timeout_seconds:g} s", command=command) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:
            raise _unreachable(error, command, socket_path) from error
        except OSError as error:
            raise access_error(error, command=command, otherwise=Unreachable) from error
        found = {name.lower(): value for name, value in answer.headers.items()}
        return Reply(status=answer.status_code, headers=found, body=got, seconds=time.perf_counter() - started)

    async def close(self) -> None:
        """Let go of everything; safe to call twice."""
        clients = list(self._clients.values())
        self._clients.clear()
        for client in clients:
            await client.aclose()

    def _client(self, scheme: str, socket_path: str) -> httpx2.AsyncClient:
        """A client for the scheme or socket: loading the certificates takes 20 ms and plain HTTP needs none."""
        import httpx2

        key = socket_path or scheme
        if key not in self._clients:
            # A kept connection to a server that was restarted meanwhile fails once for no fault of its own.
            limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
            self._clients[key] = httpx2.AsyncClient(
                headers={"User-Agent": f"keepwell/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity"},
                timeout=None,
                trust_env=False,
                follow_redirects=False,
                transport=httpx2.AsyncHTTPTransport(
                    verify=scheme == "https", trust_env=False, limits=limits, uds=socket_path or None
                ),
            )
        return self._clients[key]


async def connect_once(host: str, port: int, *, timeout_seconds: float) -> None:
    """Open a TCP connection and close it; Unreachable or TimedOut otherwise."""
    where = f"{host}:{port}"
    try:
        async with asyncio.timeout(timeout_seconds):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        raise TimedOut(f"no connection within {timeout_seconds:g} s", where=where) from None
    except OSError as error:
        raise access_error(error, where=where, otherwise=Unreachable) from error
    except (UnicodeError, OverflowError) as error:
        raise Unreachable(f"not a usable address ({error})", where=where) from error
    writer.close()


async def _read_body(answer: httpx2.Response, max_bytes: int, command: str) -> bytes:
    kept = bytearray()
    async for part in answer.aiter_raw():
        kept += part
        if len(kept) > max_bytes:
            raise TooLarge(f"a body of more than {max_bytes} bytes", command=command)
    return bytes(kept)


def _unreachable(error: Exception, command: str, socket_path: str) -> AccessError:
    """The innermost operating-system words: httpx wraps "Connection refused" three times over. A Unix socket that is
    not there or not for this user is told as that, as of any path.
    """
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.errno:
            found = access_error(inner, where=socket_path, command=command, otherwise=Unreachable)
            if socket_path:
                return found
            return Unreachable(found.what, command=command)
        inner = inner.__cause__ or inner.__context__
    return Unreachable(str(error) or type(error).__name__, command=command)
