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

from keepwell.app.hub.sessions import COOKIE, SECONDS, Session, is_proved, read_session, render_session
from keepwell.app.hub.tries import Tries
from keepwell.app.hub.visitor import Visitor
from keepwell.app.operation import COULD_NOT_LOOK
from keepwell.gateway.hosts import Hosts
from keepwell.store.keys import Key, digest_secret, load_keys

#: Methods that change nothing.
HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
#: What a browser says of a request that a page of ours made.
OWN_PAGE = "same-origin"
#: The word by which programs know why they were refused, by HTTP status; it stays as it is.
KINDS = {
    400: "argument",
    401: "key-needed",
    403: "not-allowed",
    404: "not-found",
    405: "method",
    408: "too-slow",
    413: "body-too-large",
    415: "media-type",
    421: "not-our-name",
    429: "too-many",
    503: "busy",
}


@dataclass(slots=True)
class Gatehouse:
    """`secret` is that of the hub's door, which only the owner of the state folder can read. `tries` are wrong keys."""

    state: Path
    secret: str
    hosts: Hosts = field(default_factory=Hosts)
    keyed: bool = False
    now: Callable[[], float] = time.time
    tries: Tries = field(default_factory=Tries)

    def refuse(self, request: Request) -> Response | None:
        """The answer to who may not ask; None for who may."""
        answer = self.admit(request)
        if isinstance(answer, Response):
            return answer
        return None

    def admit(self, request: Request) -> Visitor | Response:
        """Who asks, or the answer to who may not."""
        refused = self.refuse_strangers(request) or self._refuse_guessers(request)
        if refused is not None:
            return refused
        visitor = self.identify(request)
        if visitor is not None:
            return visitor
        if _find_secret(request):
            self.tries.note(_find_address(request))
        if not self.keyed or request.url.path == "/health":
            return Visitor()
        return refusal(401, "a key is needed: Authorization: Bearer KEY", "make one: keepwell key new NAME")

    def identify(self, request: Request) -> Visitor | None:
        """Who it is, by its bearer token or session; None for nobody in particular."""
        secret = _find_secret(request)
        if secret:
            return self.know(secret)
        return self._remember(request)

    def know(self, secret: str) -> Visitor | None:
        """Who holds this secret: the owner, a key's holder, or nobody."""
        if hmac.compare_digest(secret.encode(), self.secret.encode()):
            return Visitor(may_change=True, known_by="owner")
        digest = digest_secret(secret)
        for one in self._keys():
            if hmac.compare_digest(one.digest, digest):
                return Visitor(name=one.name, may_change=one.admin, may_propose=one.propose, known_by="key")
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

    def _refuse_guessers(self, request: Request) -> Response | None:
        """The owner's own commands are not kept out by who guesses beside them: that secret cannot be guessed."""
        secret = _find_secret(request)
        if not secret or hmac.compare_digest(secret.encode(), self.secret.encode()):
            return None
        wait = self.tries.wait_seconds(_find_address(request))
        if not wait:
            return None
        answer = refusal(429, "too many wrong keys came from this address", f"try again in {wait} s")
        answer.headers["retry-after"] = str(wait)
        return answer

    def refuse_strangers(self, request: Request) -> Response | None:
        """The answer to a page of another place, and to who calls the hub by a name that is not its own; else None."""
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


def refusal(status: int, why: str, hint: str = "") -> Response:
    """An answer that says no: an error document, with the next step if there is one."""
    rows = {"schema": "keepwell.error/1", "exit_code": COULD_NOT_LOOK, "kind": KINDS.get(status, "fault")}
    answer = JSONResponse({**rows, "error": why, "where": "", "command": "", "next": hint}, status_code=status)
    answer.headers["cache-control"] = "no-store"
    if status == 401:
        answer.headers["www-authenticate"] = "Bearer"
    return answer


def _find_secret(request: Request) -> str:
    """What stands in the Authorization header; "" for nothing."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() * (scheme.lower() == "bearer")


def _find_address(request: Request) -> str:
    if request.client is None:
        return ""
    return request.client.host
