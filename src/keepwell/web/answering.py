"""From a request to a page: who may see it, what it holds, and what is said where that fails."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from keepwell.app.hub.failing import describe_failure
from keepwell.app.hub.house import House
from keepwell.app.hub.visitor import Visitor
from keepwell.core.errors import (
    AccessError,
    ConfigurationError,
    KeepwellError,
    NotPermitted,
    NotThere,
    RefusedError,
    TimedOut,
    TooLarge,
)
from keepwell.web.assets import takes_gzip
from keepwell.web.page import Form, Page, Shown, Visit
from keepwell.web.rendering import render_page
from keepwell.web.work import go

#: Bytes of a form, and its fields.
FORM_BYTES, FORM_FIELDS = 1024 * 1024, 200
#: Bytes from which packing pays, and how hard.
PACKED_BYTES, LEVEL = 1000, 5
#: On every page: nothing from elsewhere, no frame around it, nothing told to other places, nothing kept on the way.
HEADERS = {
    "content-security-policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
    "vary": "accept-encoding",
}
#: What each error is in HTTP; the first that fits.
STATUSES: tuple[tuple[type[KeepwellError], int], ...] = (
    (ConfigurationError, 400),
    (NotThere, 404),
    (NotPermitted, 403),
    (TimedOut, 504),
    (TooLarge, 413),
    (AccessError, 503),
    (RefusedError, 409),
)
#: What is said to who may not.
FORBIDDEN = NotPermitted("this changes something, and you are only reading", hint="sign in with a key that may change")
Answer = Callable[[Request], Awaitable[Response]]


def answer_page(house: House, page: Page) -> Answer:
    """What answers GET of this page."""

    async def answer(request: Request) -> Response:
        visitor = house.gatehouse.admit(request)
        if isinstance(visitor, Response):
            return turn_away(request, visitor)
        visit = Visit(house=house, visitor=visitor, request=request)
        return await answer_visit(visit, page.show(visit), page.title, page.path)

    return answer


def answer_form(house: House, form: Form) -> Answer:
    """What answers POST of this form."""

    async def answer(request: Request) -> Response:
        visitor = house.gatehouse.admit(request)
        if isinstance(visitor, Response):
            return turn_away(request, visitor)
        visit = Visit(house=house, visitor=visitor, request=request)
        return await answer_visit(visit, _act(visit, form), "keepwell")

    return answer


async def answer_visit(visit: Visit, showing: Awaitable[Shown | Response], title: str, path: str = "") -> Response:
    """The page, or the page that says why there is none. A fault of ours is told to the owner, too."""
    answering = asyncio.ensure_future(_render(visit, showing, title, path))
    try:
        await asyncio.wait((answering,))
    finally:
        answering.cancel()
    error = answering.exception()
    if error is None:
        return answering.result()
    if not isinstance(error, KeepwellError):
        visit.hub.tell(f"web: {visit.request.url.path} failed: {describe_failure(error)}")
        error = KeepwellError(describe_failure(error), hint="this is a fault of keepwell: tell its makers")
    status = next((status for kind, status in STATUSES if isinstance(error, kind)), 500)
    shown = Shown(template="error.html", data={"error": error, "status_code": status}, status=status)
    return await _render(visit, _itself(shown), "This did not work", path)


def turn_away(request: Request, refused: Response) -> Response:
    """A browser that has no key yet is led to the page where it signs in; others get the answer as it is."""
    wants_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    if refused.status_code == 401 and wants_page:
        where = request.url.path + f"?{request.url.query}" * bool(request.url.query)
        return go(f"/sign-in?then={quote(where)}")
    return refused


def render_html(request: Request, text: str, status: int = 200) -> Response:
    """A page as it goes out, packed where the browser takes that."""
    content, headers = text.encode("utf-8", "backslashreplace"), dict(HEADERS)
    if len(content) >= PACKED_BYTES and takes_gzip(request):
        content = gzip.compress(content, LEVEL, mtime=0)
        headers["content-encoding"] = "gzip"
    return HTMLResponse(content, status, headers)


async def read_fields(request: Request) -> dict[str, list[str]]:
    """What a form was filled in with. Raises TooLarge, ConfigurationError."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise ConfigurationError("this is no form", hint="send application/x-www-form-urlencoded")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES:
            raise TooLarge(f"the form holds more than {FORM_BYTES} bytes")
    try:
        return parse_qs(body.decode(), keep_blank_values=True, strict_parsing=False, max_num_fields=FORM_FIELDS)
    except ValueError as error:
        raise ConfigurationError(f"this form cannot be read: {error}") from error


async def _act(visit: Visit, form: Form) -> Shown | Response:
    if form.right == "change" and not visit.may_change:
        raise FORBIDDEN
    return await form.act(visit, await read_fields(visit.request))


async def _render(visit: Visit, showing: Awaitable[Shown | Response], title: str, path: str) -> Response:
    shown = await showing
    if isinstance(shown, Response):
        return shown
    text = await render_page(visit, shown, title=title, path=path)
    return await asyncio.to_thread(render_html, visit.request, text, shown.status)


async def _itself(shown: Shown) -> Shown:
    return shown


def make_visit(house: House, request: Request) -> Visit:
    """That of somebody who need not be known: for signing in."""
    visitor = house.gatehouse.admit(request)
    if not isinstance(visitor, Visitor):
        visitor = Visitor()
    return Visit(house=house, visitor=visitor, request=request)
