"""Who may ask the hub: anybody on this machine while nobody else can reach it; else who holds a key, or the secret of
the hub's door. What changes something needs a key that may, wherever it comes from.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from keepwell.app.hub.house import Visitor
from keepwell.app.hub.sessions import COOKIE, SECONDS, Session, is_proved, read_session, render_session
from keepwell.gateway.hosts import Hosts
from keepwell.store.keys import Key, digest_secret, load_keys

#: Methods that change nothing.
HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
#: What a browser says of a request that a page of ours made.
OWN_PAGE = "same-origin"


@dataclass(slots=True)
class Gatehouse:
    """`secret` is that of the hub's door, which only the owner of the state folder can read."""

    state: Path
    secret: str
    hosts: Hosts = field(default_factory=Hosts)
    keyed: bool = False
    now: Callable[[], float] = time.time

    def refuse(self, request: Request) -> Response | None:
        """The answer to who may not ask; None for who may."""
        answer = self.admit(request)
        if isinstance(answer, Response):
            return answer
        return None

    def admit(self, request: Request) -> Visitor | Response:
        """Who asks, or the answer to who may not."""
        stranger = self._refuse_strangers(request)
        if stranger is not None:
            return stranger
        visitor = self.identify(request)
        if visitor is not None:
            return visitor
        if not self.keyed or request.url.path == "/health":
            return Visitor()
        return refusal(401, "a key is needed: Authorization: Bearer KEY")

    def identify(self, request: Request) -> Visitor | None:
        """Who it is, by its bearer token or session; None for nobody in particular."""
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.know(secret.strip())
        return self._remember(request)

    def know(self, secret: str) -> Visitor | None:
        """Who holds this secret: the owner, a key's holder, or nobody."""
        if hmac.compare_digest(secret.encode(), self.secret.encode()):
            return Visitor(may_change=True, known_by="owner")
        digest = digest_secret(secret)
        for one in self._keys():
            if hmac.compare_digest(one.digest, digest):
                return Visitor(name=one.name, may_change=one.admin, known_by="key")
        return None

    def sign_in(self, secret: str) -> str | None:
        """The cookie for who holds this secret; None for who holds none."""
        visitor = self.know(secret)
        if visitor is None:
            return None
        session = Session(name=visitor.name, until=self.now() + SECONDS)
        return render_session(session, self._digest(visitor.name), self.secret)

    def _remember(self, request: Request) -> Visitor | None:
        cookie = request.cookies.get(COOKIE, "")
        session = read_session(cookie)
        if session is None or session.until < self.now():
            return None
        digest = self._digest(session.name)
        if not digest or not is_proved(cookie, digest, self.secret):
            return None
        may_change = not session.name or any(one.admin for one in self._keys() if one.name == session.name)
        return Visitor(name=session.name, may_change=may_change, known_by="session")

    def _digest(self, name: str) -> str:
        if not name:
            return digest_secret(self.secret)
        return next((one.digest for one in self._keys() if one.name == name), "")

    def _keys(self) -> list[Key]:
        now = self.now()
        return [one for one in load_keys(self.state) if not one.expires_at or one.expires_at > now]

    def _refuse_strangers(self, request: Request) -> Response | None:
        host = request.headers.get("host", "").encode("latin-1", "replace")
        if host and not self.hosts.may_be_called(host):
            return refusal(421, "the hub is not called that; list the name in `hosts` of [hub]")
        origin = request.headers.get("origin", "").encode("latin-1", "replace")
        if origin and not self.hosts.may_ask(origin, host):
            return refusal(403, "web pages of other places may not ask the hub")
        if request.method in HARMLESS or origin or COOKIE not in request.cookies:
            return None
        if request.headers.get("sec-fetch-site", "") == OWN_PAGE:
            return None
        return refusal(403, "a page that is signed in must say where it comes from")


def refusal(status: int, why: str) -> Response:
    """An answer that says no."""
    return JSONResponse({"error": why}, status_code=status)
