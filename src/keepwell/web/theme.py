"""Light or dark: kept in a cookie of the browser's, so that a page comes as it shall look, without a script."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from keepwell.app.hub.house import House
from keepwell.web.answering import Answer, answer_visit, make_visit, read_fields
from keepwell.web.page import Shown, Visit
from keepwell.web.rendering import THEME_COOKIE, THEMES
from keepwell.web.work import go

#: Seconds for which it is kept: a year.
SECONDS = 31_536_000


def set_theme(house: House) -> Answer:
    """What answers the form with `theme` ("", light, dark) and `then`, where to go."""

    async def answer(request: Request) -> Response:
        refused = house.gatehouse.refuse_strangers(request)
        if refused is not None:
            return refused
        visit = make_visit(house, request)
        return await answer_visit(visit, _set(visit), "Theme")

    return answer


async def _set(visit: Visit) -> Shown | Response:
    fields = await read_fields(visit.request)
    made = go(own_path(fields.get("then", [""])[0]))
    theme = fields.get("theme", [""])[0]
    if theme in THEMES:
        made.set_cookie(THEME_COOKIE, theme, max_age=SECONDS, httponly=True, samesite="strict")
    return made


def own_path(path: str) -> str:
    """A path of ours, "/" in place of anything that leads elsewhere."""
    if not path.startswith("/") or path[:2] in ("//", "/\\") or any(ord(one) <= 32 for one in path):
        return "/"
    return path
