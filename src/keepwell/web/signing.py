"""Signing in with a key, the door's secret or a code of `keepwell web`, and out again."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from keepwell.app.hub.house import House
from keepwell.app.hub.sessions import COOKIE, SECONDS
from keepwell.app.hub.sign_in_code import Codes
from keepwell.core.errors import NotPermitted, RefusedError
from keepwell.web.answering import answer_visit, make_visit, read_fields
from keepwell.web.page import Shown, Visit
from keepwell.web.theme import own_path
from keepwell.web.work import go


class Signing:
    """The page, and what its forms do."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._codes = Codes()

    def routes(self) -> Sequence[BaseRoute]:
        """Its paths; anybody may see the page."""
        return [
            Route("/sign-in", self.show, methods=["GET"]),
            Route("/sign-in", self.enter, methods=["POST"]),
            Route("/sign-out", self.leave, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """The form."""
        visit = make_visit(self._house, request)
        return await answer_visit(visit, _show(visit, ""), "Sign in", "/sign-in")

    async def enter(self, request: Request) -> Response:
        """A key becomes a cookie. From pages of other places this is refused."""
        refused = self._house.gatehouse.refuse_strangers(request)
        if refused is not None:
            return refused
        visit = make_visit(self._house, request)
        return await answer_visit(visit, self._enter(visit), "Sign in", "/sign-in")

    async def leave(self, request: Request) -> Response:
        """The cookie is taken away."""
        refused = self._house.gatehouse.refuse_strangers(request)
        if refused is not None:
            return refused
        made = go("/sign-in")
        made.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return made

    async def _enter(self, visit: Visit) -> Shown | Response:
        fields = await read_fields(visit.request)
        address = getattr(visit.request.client, "host", "")
        secret, gatehouse = fields.get("secret", [""])[0].strip(), self._house.gatehouse
        wait = gatehouse.tries.wait_seconds(address)
        if wait:
            slow = RefusedError("too many wrong keys came from this address", hint=f"try again in {wait} s")
            return await _show(visit, str(slow), 429)
        if self._codes.redeem(secret, gatehouse.secret, visit.now):
            secret = gatehouse.secret
        cookie = gatehouse.sign_in(secret)
        if cookie is None:
            gatehouse.tries.note(address)
            wrong = NotPermitted("nobody has this key", hint="a code of `keepwell web` is good once, for five minutes")
            return await _show(visit, str(wrong), 403)
        made = go(own_path(fields.get("then", [""])[0]))
        secure = visit.request.url.scheme == "https"
        made.set_cookie(COOKIE, cookie, max_age=int(SECONDS), httponly=True, samesite="strict", secure=secure)
        return made


async def _show(visit: Visit, wrong: str, status: int = 200) -> Shown:
    data = {"then": own_path(visit.asked("then", "/")), "wrong": wrong}
    return Shown(template="sign_in.html", data=data, status=status)
