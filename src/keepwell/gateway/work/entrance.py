"""What becomes of a request by its head alone: an answer at once, or where its body goes and how it is read."""

from __future__ import annotations

import ipaddress
from functools import partial
from urllib.parse import parse_qs, quote

from keepwell.gateway.access import Refused
from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.fronts import DESK_ROUTES
from keepwell.gateway.surface import Answer, Surface
from keepwell.gateway.wire.body import JSON_BODY, Peek, Reading, keep_body, peek, rename_model
from keepwell.gateway.wire.form import read_forms
from keepwell.gateway.wire.heads import RequestHead
from keepwell.gateway.wire.request import Request
from keepwell.gateway.work.entry import Entry
from keepwell.plugins.dialect import ANSWERED, Endpoint, Failure
from keepwell.store.keys import Key

#: Headers that name a node (for what changes an engine), a model (where the body names none), and a session.
NODE, MODEL = b"x-keepwell-node", b"x-keepwell-model"
#: The header by which the desk is told whose request it is; what a client sends under this name is dropped.
OWNER = b"x-keepwell-key"
#: By which a client lets everything else go first: `batch`. It can take no priority that its key does not have.
PRIORITY, BEHIND = b"x-keepwell-priority", b"batch"
#: By which a program that has a device asks for models on it: the mark of its job.
TURN = b"x-keepwell-turn"
SESSIONS = (b"x-keepwell-session", b"x-session-id")
#: Names of nodes that a refusal lists.
LISTED = 20
_NOTHING = Peek()
#: Paths that tell what other clients do.
OWNERS = b"/keepwell/"


def enter(surface: Surface, request: Request, key: Key, access_era: object) -> Entry | Answer:
    """The answer, or what all requests with this head have in common. Raises Refused."""
    head = request.head
    path, _, query = head.path.partition(b"?")
    dialect, endpoint = surface.find(head.method, path, head.named)
    if endpoint is None:
        return surface.answer_unknown(request, path)
    if endpoint.use in ANSWERED:
        return surface.answer(dialect, endpoint, path, key.routes)
    if head.method == b"HEAD":
        raise Refused(Failure(status=405, kind="method_not_allowed", message="HEAD is not passed on; ask with GET"))
    if b"upgrade" in head.named and endpoint.use == "service":
        message = "services are reached by plain HTTP requests here; no connection is changed to a websocket"
        raise Refused(Failure(status=501, kind="no_upgrade", message=message))
    route, target, reading = _find_route(surface, request, endpoint, key, _asked(query, b"node"))
    _send_to(head, target)
    if route is not None and route.name.startswith(DESK_ROUTES):
        _tell_owner(head, key)
    name = surface.name_of(dialect)
    return Entry(
        surface_era=surface.era,
        access_era=access_era,
        dialect=dialect,
        dialect_name=name,
        endpoint=endpoint,
        path=path.decode("latin-1"),
        key=key,
        reached=surface.reached.find(name, endpoint),
        reading=reading or _find_reading(head, endpoint, _asked(query, b"model")),
        route=route,
        session=next((head.named[name] for name in SESSIONS if name in head.named), b""),
        behind=head.named.get(PRIORITY) == BEHIND,
        turn=head.named.get(TURN, b"").decode("latin-1"),
    )


def require_owner(key: Key, peer: object) -> None:
    """Nothing, for an admin key, and where no key is needed for this machine itself; else raises Refused. `peer` is the
    client's address as a transport tells it.
    """
    if key.admin:
        return
    if not key.name and isinstance(peer, tuple) and ipaddress.ip_address(peer[0]).is_loopback:
        return
    message = "what the gateway does for others is told to admin keys: keepwell key new NAME admin=yes"
    raise Refused(Failure(status=403, kind="admin_key_needed", message=message))


def _find_route(
    surface: Surface, request: Request, endpoint: Endpoint, key: Key, node: str
) -> tuple[Route | None, bytes, Reading | None]:
    """The route of a service or a node, the path as it goes on, and how a body is read that names no model."""
    path = request.head.path
    if endpoint.use == "service":
        front = surface.fronts.find(path.partition(b"?")[0])
        if front is not None:
            rest = path[len(front.prefix) * (not front.whole) :]
            return front.route, b"/" * (rest[:1] != b"/") + rest, Reading(_peek_nothing, keep_body)
    if endpoint.use == "admin":
        if not key.admin:
            message = "what changes an engine needs an admin key: keepwell key new NAME admin=yes"
            raise Refused(Failure(status=403, kind="admin_key_needed", message=message))
        route = _find_node(surface, request.named.get(NODE, b"").decode("latin-1") or node)
        return route, path, Reading({True: _peek_nothing, False: peek}[endpoint.below], keep_body)
    return None, path, None


def _find_node(surface: Surface, name: str) -> Route:
    route = surface.fronts.nodes.get(name)
    if route is None:
        known = ", ".join(list(surface.fronts.nodes)[:LISTED]) or "none"
        said = f"no node {name!r} can be changed so" * bool(name) or "a node has to be named"
        message = f"{said}: send its name as the header {NODE.decode()}; there are: {known}"
        raise Refused(Failure(status=400, kind="node_not_named", message=message))
    return route


def _find_reading(head: RequestHead, endpoint: Endpoint, model: str) -> Reading:
    """How the body is read: as JSON or a form; where it may name no model, the query or a header does."""
    form = read_forms(head.named.get(b"content-type", b""))
    if form is not None:
        return form
    model = model or head.named.get(MODEL, b"").decode("utf-8", "replace")
    if endpoint.method == b"GET":
        return Reading(partial(_peek_named, model), keep_body)
    if model:
        return Reading(partial(_peek_or, model), rename_model)
    return JSON_BODY


def _peek_nothing(body: bytes) -> Peek:
    return _NOTHING


def _peek_named(model: str, body: bytes) -> Peek:
    return Peek(model=model)


def _peek_or(model: str, body: bytes) -> Peek:
    look = peek(body)
    look.model = look.model or look.name or model
    return look


def _send_to(head: RequestHead, target: bytes) -> None:
    """The first line as an engine gets it; always written, since what the path means may have changed."""
    _, _, rest = head.onward.partition(b"\r\n")
    head.onward = b"%b %b HTTP/1.1\r\n%b" % (head.method, target, rest)


def _tell_owner(head: RequestHead, key: Key) -> None:
    lines = [one for one in head.onward.splitlines(keepends=True) if not one.startswith(OWNER + b":")]
    head.onward = b"".join(lines) + b"%b: %b\r\n" % (OWNER, quote(key.name, safe="").encode())


def _asked(query: bytes, name: bytes) -> str:
    """A value of the query, "" if it has none."""
    if name not in query:
        return ""
    return parse_qs(query.decode("latin-1")).get(name.decode(), [""])[0]
