"""Signing in with a key, the door's secret or a code of `keepwell web`, and out again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

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

#: Wrong ones of one address within so many seconds, after which it waits; addresses that are remembered.
WRONG, WRONG_SECONDS, REMEMBERED = 8, 60.0, 1000


@dataclass(slots=True)
class Tries:
    """Counts what was wrong, by address."""

    _wrong: dict[str, list[float]] = field(default_factory=dict)

    def may(self, address: str, now: float) -> bool:
        """False for who must wait."""
        recent = [at for at in self._wrong.get(address, ()) if now - at < WRONG_SECONDS]
        return len(recent) < WRONG

    def note(self, address: str, now: float) -> None:
        """A wrong one."""
        if len(self._wrong) >= REMEMBERED:
            self._wrong.clear()
        recent = [at for at in self._wrong.get(address, ()) if now - at < WRONG_SECONDS]
        self._wrong[address] = [*recent, now]


class Signing:
    """The page, and what its forms do."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._codes = Codes()
        self._tries = Tries()

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
        admitted = self._house.gatehouse.admit(request)
        if isinstance(admitted, Response) and admitted.status_code != 401:
            return admitted
        visit = make_visit(self._house, request)
        return await answer_visit(visit, self._enter(visit), "Sign in", "/sign-in")

    async def leave(self, request: Request) -> Response:
        """The cookie is taken away."""
        admitted = self._house.gatehouse.admit(request)
        if isinstance(admitted, Response) and admitted.status_code != 401:
            return admitted
        made = go("/sign-in")
        made.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return made

    async def _enter(self, visit: Visit) -> Shown | Response:
        fields = await read_fields(visit.request)
        address = getattr(visit.request.client, "host", "")
        if not self._tries.may(address, visit.now):
            raise RefusedError("too many wrong keys from this address", hint="wait a minute")
        secret, gatehouse = fields.get("secret", [""])[0].strip(), self._house.gatehouse
        if self._codes.redeem(secret, gatehouse.secret, visit.now):
            secret = gatehouse.secret
        cookie = gatehouse.sign_in(secret)
        if cookie is None:
            self._tries.note(address, visit.now)
            wrong = NotPermitted("nobody has this key", hint="a code of `keepwell web` is good once, for five minutes")
            return await _show(visit, str(wrong), 403)
        made = go(own_path(fields.get("then", [""])[0]))
        secure = visit.request.url.scheme == "https"
        made.set_cookie(COOKIE, cookie, max_age=int(SECONDS), httponly=True, samesite="strict", secure=secure)
        return made


async def _show(visit: Visit, wrong: str, status: int = 200) -> Shown:
    data = {"then": own_path(visit.asked("then", "/")), "wrong": wrong}
    return Shown(template="sign_in.html", data=data, status=status)
