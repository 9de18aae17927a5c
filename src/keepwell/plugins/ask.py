"""Asking an engine over HTTP: one request, a limit on time and size, and an answer that never surprises.

Whatever comes back (nothing, HTML, cut or broken JSON, a list where a mapping was promised) becomes a
`Missing` with its reason or an empty field; nothing here raises on what a server says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from keepwell.core.errors import AccessError, TimedOut, TooLarge
from keepwell.core.observation import Missing, absent, failed, unknown
from keepwell.core.text import cut_text, escape_controls
from keepwell.plugins.engine import Health
from keepwell.plugins.place import Site
from keepwell.transport.base import Reply, Transport

#: What answers of the gateway carry: its own the first, as their server, those of engines behind it the second.
OWN_SERVER, OWN_HEADER = "keepwell", "x-keepwell-request"
#: Seconds for one request that only recognises an engine: discovery asks every listening port.
DETECT_SECONDS = 2.0
#: Bytes that prove what an engine is are few; a larger answer is something else.
DETECT_BYTES = 512 * 1024
#: Seconds for one request to a known engine. Listing a large store takes Ollama over a second.
ASK_SECONDS = 5.0
#: Bytes of one answer: a vLLM with many models writes about 1 MB of metrics.
ASK_BYTES = 8 * 1024 * 1024
#: Characters of an engine's own words that are kept.
SAID_CHARACTERS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """A JSON mapping read without trust: a field of another type reads as empty."""

    data: Mapping[str, object]

    def text(self, name: str) -> str:
        """A text field; "" if it is not there or not text."""
        value = self.data.get(name)
        if isinstance(value, str):
            return value
        return ""

    def integer(self, name: str) -> int:
        """A whole number of 0 or more; 0 if it is not there or not one."""
        value = self.data.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
        return 0

    def flag(self, name: str) -> bool:
        """True only for a JSON true."""
        return self.data.get(name) is True

    def fields(self, name: str) -> Fields:
        """A mapping inside; an empty one if it is not there or not one."""
        return fields_of(self.data.get(name))

    def items(self, name: str) -> tuple[Fields, ...]:
        """The mappings of a list inside; other items are left out."""
        value = self.data.get(name)
        if not isinstance(value, list):
            return ()
        return tuple(Fields(data=one) for one in value if isinstance(one, dict))

    def texts(self, name: str) -> tuple[str, ...]:
        """The texts of a list inside."""
        value = self.data.get(name)
        if not isinstance(value, list):
            return ()
        return tuple(one for one in value if isinstance(one, str))

    def has_list(self, name: str) -> bool:
        """True if a list, even an empty one, stands there."""
        return isinstance(self.data.get(name), list)


def fields_of(value: object) -> Fields:
    """A JSON value as fields; empty ones if it is not a mapping."""
    if isinstance(value, dict):
        return Fields(data=value)
    return Fields(data={})


def parse_fields(body: bytes) -> Fields | Missing:
    """The JSON mapping of a body; Missing(failed) says what it is instead."""
    try:
        value: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return failed(f"the answer is not JSON ({error}): {describe_body(body)}")
    if isinstance(value, dict):
        return Fields(data=value)
    return failed(f"the answer is not a JSON mapping: {describe_body(body)}")


def describe_body(body: bytes) -> str:
    """The first words of a body, safe to show on one line."""
    text = body[: 4 * SAID_CHARACTERS].decode("utf-8", "replace").strip()
    return cut_text(escape_controls(text), SAID_CHARACTERS) or "an empty body"


def error_text(reply: Reply) -> str:
    """What an engine says went wrong: the message of its error object, or the first words of the body.

    Knows `{"error": "text"}`, `{"error": {"message": ...}}`, `{"detail": ...}` and `{"message": ...}`.
    """
    found = parse_fields(reply.body)
    if isinstance(found, Missing):
        return describe_body(reply.body)
    said = (
        found.text("error")
        or found.fields("error").text("message")
        or found.text("detail")
        or found.text("message")
        or describe_body(reply.body)
    )
    return cut_text(escape_controls(said), SAID_CHARACTERS)


async def fetch(
    transport: Transport, url: str, *, api_key: str = "", seconds: float = ASK_SECONDS, host: str = ""
) -> Reply:
    """GET a URL of an engine; AccessErrors pass through. `host` replaces the Host header."""
    headers = {"Accept": "application/json, text/plain, */*"}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    if host:
        headers["Host"] = host
    return await transport.http("GET", url, headers=headers, timeout_seconds=seconds, max_bytes=ASK_BYTES)


async def fetch_fields(transport: Transport, site: Site, path: str) -> Fields | Missing:
    """GET a path of an engine and read its JSON mapping; Missing with the reason for anything else than that.

    A 404, 405 or 501 is Missing(absent): this release does not have it, or it was not switched on.
    """
    url = f"{site.url}{path}"
    try:
        reply = await fetch(transport, url, api_key=site.api_key)
    except AccessError as error:
        return failed(error)
    if reply.status in (404, 405, 501):
        return absent(f"GET {url} answered {reply.status}: {error_text(reply)}")
    if reply.status != 200:
        return failed(f"GET {url} answered {reply.status}: {error_text(reply)}")
    return parse_fields(reply.body)


async def ask_fields(
    transport: Transport, url: str, *, api_key: str = "", statuses: tuple[int, ...] = (200,)
) -> Fields | Missing:
    """GET a URL and read its JSON mapping; Missing(unknown) where a login is wanted, Missing with the reason else."""
    try:
        reply = await fetch(transport, url, api_key=api_key)
    except AccessError as error:
        return failed(error)
    if reply.status in (401, 403):
        return unknown(f"GET {url} answered {reply.status}: it wants a login or key")
    if reply.status not in statuses:
        return failed(f"GET {url} answered {reply.status}: {error_text(reply)}")
    return parse_fields(reply.body)


async def probe_reply(transport: Transport, url: str, *, api_key: str = "", host: str = "") -> Reply | Missing:
    """GET a URL to recognise an engine: within 2 s and half a megabyte.

    Missing(failed) when nothing answers, Missing(absent) when something does that is too large to be one.
    """
    headers = {"Accept": "application/json, text/plain, */*"}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    if host:
        headers["Host"] = host
    try:
        reply = await transport.http(
            "GET", url, headers=headers, timeout_seconds=DETECT_SECONDS, max_bytes=DETECT_BYTES
        )
    except TooLarge as error:
        return absent(f"something else answers: {error}")
    except AccessError as error:
        return failed(error)
    if reply.headers.get("server") == OWN_SERVER or OWN_HEADER in reply.headers:
        return absent("keepwell's own gateway answers, which speaks as every engine does")
    return reply


def something_else(url: str, reply: Reply) -> Missing:
    """Missing(absent) that tells what answered instead of the engine that was looked for."""
    server = reply.headers.get("server", "")
    named = ""
    if server:
        named = f" from {escape_controls(cut_text(server, 80))}"
    return absent(f"something else answers at {url}: {reply.status}{named}, {describe_body(reply.body)}")


async def unreachable_health(error: AccessError, site: Site, transport: Transport) -> Health:
    """The health of an engine whose answer did not come.

    Silent: connected and heard nothing within the limit. Refused: no connection can be made. Failing: it
    takes connections and breaks them.
    """
    if isinstance(error, TimedOut):
        return Health(state="silent", http_status=0, seconds=ASK_SECONDS, said=error.what)
    if isinstance(error, TooLarge):
        return Health(state="failing", http_status=0, seconds=0.0, said=error.what)
    host, port = split_url(site.url)
    try:
        await transport.connect(host, port, timeout_seconds=DETECT_SECONDS)
    except TimedOut as again:
        return Health(state="silent", http_status=0, seconds=DETECT_SECONDS, said=again.what)
    except AccessError as again:
        return Health(state="refused", http_status=0, seconds=0.0, said=again.what)
    return Health(
        state="failing", http_status=0, seconds=0.0, said=f"it takes the connection and breaks it: {error.what}"
    )


def split_url(url: str) -> tuple[str, int]:
    """Host and port of an engine's URL; the scheme's port where none is written, ("", 0) if it cannot be read."""
    scheme, _, rest = url.partition("://")
    place = rest.partition("/")[0].rpartition("@")[2]
    host, colon, port = place.rpartition(":")
    if not colon or place.endswith("]"):
        host, port = place, {"https": "443"}.get(scheme, "80")
    if not port.isdecimal():
        return "", 0
    return host.strip("[]"), int(port)
