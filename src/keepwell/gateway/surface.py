"""What the gateway shows: paths of every dialect, the models that it offers, and answers that it gives itself."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from urllib.parse import unquote

from keepwell.gateway.access import Refused
from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.fronts import SERVICE_DIALECT, Fronts
from keepwell.gateway.choice.names import LATEST, Names
from keepwell.gateway.choice.reached import AllReached
from keepwell.gateway.choice.sticking import is_sticky
from keepwell.gateway.wire.request import Request
from keepwell.plugins.dialect import Dialect, Endpoint, Failure, Offered
from keepwell.plugins.reach import find_reach, is_reached

JSON = b"application/json"
#: The endpoint of all that belongs to a plain service: its errors are its own affair.
SERVICE = Endpoint(path=b"", use="service", streams=True, judged=False)
NO_FRONTS = Fronts()
#: The dialect in which a path that nobody has is refused.
USUAL = "openai"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that the gateway gives itself."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: bytes = b""
    close: bool = False

    @staticmethod
    def of(dialect: Dialect, failure: Failure) -> Answer:
        """A refusal in the client's dialect."""
        retry = b"retry-after: %d\r\n" % max(1, round(failure.retry_seconds)) * bool(failure.retry_seconds)
        return Answer(status=failure.status, body=dialect.render_refusal(failure), headers=retry)


#: Answers a path of the gateway's own: the request in, the answer out, None where it is none.
OwnPaths = Callable[[Request], Answer | None]


class Surface:
    """Paths, models, services and nodes."""

    def __init__(self, dialects: Mapping[str, Dialect], own: OwnPaths) -> None:
        self._names = {id(one): name for name, one in dialects.items()}
        self._endpoints: dict[tuple[bytes, bytes], list[tuple[Dialect, Endpoint]]] = {}
        self._below: list[tuple[Dialect, Endpoint]] = []
        for dialect in dialects.values():
            for endpoint in dialect.endpoints:
                self._endpoints.setdefault((endpoint.method, endpoint.path), []).append((dialect, endpoint))
                self._below += [(dialect, endpoint)] * endpoint.below
        self._dialects = dialects
        self._reach = find_reach(dialects)
        self._own = own
        #: Another one whenever `find` may answer otherwise.
        self.era = object()
        self.names = Names({}, {})
        self.fronts = Fronts()
        #: Which routes are reached by translation.
        self.reached = AllReached(dialects)
        #: Routes whose requests need more than their key says.
        self.sticky: frozenset[str] = frozenset()
        self._exact: dict[str, Route] = {}
        self._offered: tuple[Offered, ...] = ()

    def replace(self, names: Names, offered: Iterable[Offered], fronts: Fronts = NO_FRONTS) -> None:
        """Other models, what is listed of them, and other services and nodes."""
        self.names = names
        self.fronts = fronts
        self._exact = names.exact
        self.sticky = frozenset(one.name for one in names.exact.values() if is_sticky(one))
        self._offered = tuple(offered)
        self.era = object()

    @property
    def changed_by(self) -> frozenset[str]:
        """Dialects in which an engine can be changed."""
        found = [name for name, one in self._dialects.items() for endpoint in one.endpoints if endpoint.use == "admin"]
        return frozenset(found)

    def name_of(self, dialect: Dialect) -> str:
        """The dialect's name."""
        return self._names[id(dialect)]

    def find(
        self, method: bytes, path: bytes, named: Container[bytes] = frozenset()
    ) -> tuple[Dialect, Endpoint | None]:
        """The dialect and the endpoint of a path; for one that nobody has, the most usual dialect and None.

        `named` are the names of the request's headers: by them a path that several dialects have is told apart.
        """
        front = self.fronts.find(path)
        if front is not None:
            return self._dialects[{True: USUAL, False: SERVICE_DIALECT}[front.whole]], SERVICE
        if method == b"HEAD":
            method = b"GET"
        found = self._endpoints.get((method, path))
        if not found:
            found = [one for one in self._below if one[1].method == method and path.startswith(one[1].path)]
        marked = [one for one in found if one[0].mark in named]
        return next(iter(marked or [one for one in found if not one[0].mark] or found), (self._dialects[USUAL], None))

    def get_route(self, model: str) -> Route:
        """The route of a model's name; `name` and `name:latest` are one. Raises Refused with the nearest names."""
        found = self._exact.get(model)
        if found is not None:
            return found
        meant = self.names.find(model)
        if meant is None:
            message = self.names.describe_unknown(model)
            raise Refused(Failure(status=404, kind="model_not_found", message=message))
        return meant.route

    def answer(self, dialect: Dialect, endpoint: Endpoint, path: bytes, routes: Sequence[str] = ()) -> Answer:
        """A listing of all models that can be asked in the dialect, be it by translation, or one of them. Raises
        Refused for an unknown one. `routes` are patterns of those that the client may use, () for all: it is shown no
        others.
        """
        name = self.name_of(dialect)
        offered: Sequence[Offered] = [
            one
            for one in self._offered
            if is_reached(self._reach, name, one.dialects, one.cannot) and self._is_for(one.name, routes)
        ]
        if endpoint.use == "model":
            wanted = unquote(path[len(endpoint.path) :].decode("latin-1"))
            offered = [self._find_offered(wanted, offered, routes)]
        content_type = {"root": b"text/plain; charset=utf-8"}.get(endpoint.use, JSON)
        return Answer(status=200, body=dialect.render_models(endpoint, offered), content_type=content_type)

    def describe(self, dialect: Dialect, endpoint: Endpoint, wanted: str, routes: Sequence[str] = ()) -> Answer:
        """What is known of one model, in the form of the dialect. Raises Refused."""
        found = self._find_offered(wanted, self._offered, routes)
        return Answer(status=200, body=dialect.render_models(endpoint, [found]))

    def _is_for(self, name: str, routes: Sequence[str]) -> bool:
        meant = self.names.find(name)
        return not routes or (meant is not None and any(fnmatchcase(meant.route.name, one) for one in routes))

    def _find_offered(self, wanted: str, offered: Iterable[Offered], routes: Sequence[str]) -> Offered:
        """What is told of one name, also of one that stands in no list. Raises Refused."""
        route = self.get_route(wanted)
        if not self._is_for(wanted, routes):
            raise Refused(Failure(status=404, kind="model_not_found", message=f"no model {wanted!r} is offered here"))
        known = {one.name: one for one in offered}
        return replace(
            known.get(wanted.removesuffix(LATEST)) or known.get(route.name) or Offered(name=wanted), name=wanted
        )

    def answer_unknown(self, request: Request, path: bytes) -> Answer:
        """A path of the gateway's own, or one that nobody has."""
        found = self._own(request)
        if found is not None:
            return found
        methods = sorted(method.decode() for method, known in self._endpoints if known == path)
        message = f"no such path here: {path.decode('latin-1')[:200]}"
        status, kind = 404, "not_found"
        if methods:
            message = f"{path.decode('latin-1')} takes {' or '.join(methods)}"
            status, kind = 405, "method_not_allowed"
        return Answer.of(self._dialects[USUAL], Failure(status=status, kind=kind, message=message))
