"""The web face: pages, forms, live parts and assets on the hub's port."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from keepwell.app.hub.gatehouse import refusal
from keepwell.app.hub.house import House
from keepwell.web.answering import HEADERS, answer_form, answer_page
from keepwell.web.assets import give_asset, takes_gzip
from keepwell.web.live import PARTS, Lives, find_part
from keepwell.web.signing import Signing
from keepwell.web.table import load_table
from keepwell.web.theme import set_theme

#: The headers of a stream: those of pages, and that no proxy on the way shall collect it.
STREAM_HEADERS = {**HEADERS, "x-accel-buffering": "no"}


class Web:
    """What browsers get."""

    def routes(self, house: House) -> Sequence[BaseRoute]:
        """Its paths. All but assets and the page to sign in are for who is admitted."""
        table, signing, live = load_table(), Signing(house), _Live(house)
        return [
            Route("/assets/{name}", give_asset),
            Route("/live", live.answer),
            *signing.routes(),
            Route("/theme", set_theme(house), methods=["POST"]),
            *(Route(one.path, answer_page(house, one), methods=["GET"]) for one in table.pages),
            *(Route(one.path, answer_form(house, one), methods=["POST"]) for one in table.forms),
        ]

    def live(self) -> AbstractAsyncContextManager[None]:
        """Nothing runs while nobody looks."""
        return _nothing()


@contextlib.asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield


class _Live:
    def __init__(self, house: House) -> None:
        self._house = house
        self._lives = Lives(house)

    async def answer(self, request: Request) -> Response:
        """The stream of what changes in the parts that are asked for: `/live?part=overview&part=work:ID`."""
        visitor = self._house.gatehouse.admit(request)
        if isinstance(visitor, Response):
            return visitor
        names = request.query_params.getlist("part")
        if not 0 < len(names) <= PARTS or any(find_part(one) is None for one in names):
            return refusal(404, f"name 1 to {PARTS} parts of pages: /live?part=NAME")
        if self._lives.full:
            return refusal(503, "too many pages are open")
        packed = takes_gzip(request)
        headers = dict(STREAM_HEADERS)
        if packed:
            headers["content-encoding"] = "gzip"
        stream = self._lives.stream(list(dict.fromkeys(names)), visitor, packed=packed)
        return StreamingResponse(stream, headers=headers, media_type="text/event-stream")
