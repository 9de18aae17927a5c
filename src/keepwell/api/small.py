"""Small answers for other people's pages: numbers for a dashboard's widget, a badge, a public page of the status."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import Response

from keepwell.api.answers import HEADERS, dress, give, refuse
from keepwell.api.calls import ELSEWHERE, admit
from keepwell.api.pictures import POLICY, render_badge, render_status
from keepwell.api.summary import Line, describe_homepage, find_line, find_status
from keepwell.app.hub.house import House
from keepwell.app.overview.model import Overview
from keepwell.config.hub_model import HubEntry
from keepwell.core.finding import Status

#: What a picture from here may load: nothing.
PICTURE_POLICY = "default-src 'none'"
OFF = "the status page is off", "status_page = true in [hub] of keepwell.toml turns it on"


class Small:
    """One method a path."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def homepage(self, request: Request) -> Response:
        """The fleet in a few flat numbers."""
        visitor = admit(self._house, request)
        if isinstance(visitor, Response):
            return visitor
        if request.method not in ("GET", "HEAD"):
            return refuse(405, "this is read by GET", allow="GET")
        return give(describe_homepage(await self._overview()))

    async def badge(self, request: Request) -> Response:
        """How all is, or one node or engine (`?node=gpu01`), as a picture. For anybody where the status page is on;
        then of nodes only those that it names.
        """
        refused = self._refuse(request)
        if refused is not None:
            return refused
        entry, overview = self._entry(), await self._overview()
        asked = request.query_params.get("node", "")
        if not asked:
            shown = Line(name=entry.status_title or "keepwell", status=find_status(overview))
        else:
            word = next((one for one in entry.status_names if one.partition("=")[0].strip() == asked), "")
            if not word and not self._is_admitted(request):
                return refuse(404, "there is nothing of that name")
            found = find_line(overview, word or asked)
            if found is None:
                return refuse(404, "there is nothing of that name")
            shown = found
        picture = render_badge(shown.name, as_shown(shown.status, entry))
        headers = {**HEADERS, "content-security-policy": PICTURE_POLICY}
        return Response(picture, media_type="image/svg+xml", headers=headers)

    async def status(self, request: Request) -> Response:
        """The public page, where the owner turned it on."""
        refused = self._house.gatehouse.refuse_strangers(request)
        if refused is not None:
            return dress(refused)
        entry = self._entry()
        if not entry.status_page:
            return refuse(404, *OFF)
        if request.method not in ("GET", "HEAD"):
            return refuse(405, "this is read by GET", allow="GET")
        overview = await self._overview()
        lines = [_line(overview, word, entry) for word in entry.status_names]
        page = render_status(entry.status_title, as_shown(find_status(overview), entry), lines)
        return Response(page, media_type="text/html", headers={**HEADERS, "content-security-policy": POLICY})

    def _refuse(self, request: Request) -> Response | None:
        """The answer to who may not see the badge."""
        if request.method not in ("GET", "HEAD"):
            return refuse(405, "this is read by GET", allow="GET")
        if self._entry().status_page:
            refused = self._house.gatehouse.refuse_strangers(request)
        else:
            refused = self._house.gatehouse.refuse(request)
        if refused is not None:
            return dress(refused)
        if not self._entry().status_page and request.headers.get("sec-fetch-site", "").lower() == ELSEWHERE:
            return refuse(403, *OFF)
        return None

    def _is_admitted(self, request: Request) -> bool:
        """Nobody in particular counts only where there is no public page."""
        visitor = self._house.gatehouse.identify(request)
        return visitor is not None or not (self._house.gatehouse.keyed or self._entry().status_page)

    def _entry(self) -> HubEntry:
        return self._house.hub().wiring.config.hub

    async def _overview(self) -> Overview:
        hub = self._house.hub()
        return await hub.overviews.newest(hub, time.time())


def _line(overview: Overview, word: str, entry: HubEntry) -> Line:
    found = find_line(overview, word)
    if found is None:
        name, _, shown = word.partition("=")
        return Line(name=shown.strip() or name.strip(), status=Status.UNKNOWN)
    return Line(name=found.name, status=as_shown(found.status, entry))


def as_shown(status: Status, entry: HubEntry) -> Status:
    """Warnings are the owner's own affair, if that is wished."""
    if status is Status.WARNING and not entry.status_warnings:
        return Status.OK
    return status
