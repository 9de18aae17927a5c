"""Asks for one page of metrics, again and again: all that an engine with a page of its own needs."""

from __future__ import annotations

from collections.abc import Sequence

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, absent, failed
from keepwell.core.series import Reading
from keepwell.plugins.ask import describe_body, error_text, fetch
from keepwell.plugins.own_numbers import OwnNumbers
from keepwell.plugins.page_numbers import PageNumbers
from keepwell.transport.base import Transport

#: Seconds between two questions: a page costs its server, and us, some milliseconds.
PAGE_SECONDS = 2.0
#: Seconds for one answer: later ones are worth nothing, and a server that computes may be slow to answer.
ANSWER_SECONDS = 4.0
#: Statuses that say that there is no such page, or none for us.
_NONE = (401, 403, 404, 405, 501)


class PageTeller:
    """Asks `url`, reads the answer by `numbers`."""

    def __init__(
        self, url: str, numbers: PageNumbers, *, api_key: str = "", every_seconds: float = PAGE_SECONDS
    ) -> None:
        self.every_seconds = every_seconds
        self._url = url
        self._numbers = numbers
        self._api_key = api_key

    async def ask(self, transport: Transport, at: float) -> OwnNumbers:
        """One GET."""
        body = await fetch_page(transport, self._url, self._api_key)
        if isinstance(body, Missing):
            return no_answer(self._numbers.without(body), body)
        readings = self._numbers.read(body)
        if all(isinstance(value, Missing) for _, value in readings):
            reason = absent(f"GET {self._url} holds no number that is known: {describe_body(body)}")
            return no_answer(self._numbers.without(reason), reason)
        return OwnNumbers(readings=readings)


async def fetch_page(transport: Transport, url: str, api_key: str) -> bytes | Missing:
    """The body of a page; absent where the server says that it has none for us."""
    try:
        reply = await fetch(transport, url, api_key=api_key, seconds=ANSWER_SECONDS)
    except AccessError as error:
        return failed(error)
    if reply.status in _NONE:
        return absent(f"GET {url} answered {reply.status}: {error_text(reply)}")
    if reply.status != 200:
        return failed(f"GET {url} answered {reply.status}: {error_text(reply)}")
    return reply.body


def no_answer(readings: Sequence[Reading], reason: Missing) -> OwnNumbers:
    """What there is to tell where nothing could be asked for this reason."""
    return OwnNumbers(readings=readings, answered=False, absent=reason.kind == "absent")
