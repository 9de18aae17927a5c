"""What the gateway shows: paths of every dialect, the models that it offers, and answers that it gives itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import msgspec

from keepwell.gateway.access import Refused
from keepwell.gateway.ask import Route
from keepwell.gateway.inbound import Request
from keepwell.gateway.names import Names
from keepwell.plugins.dialect import Dialect, Endpoint, Failure, Offered

JSON = b"application/json"
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
    """Paths and models."""

    def __init__(self, dialects: Mapping[str, Dialect], own: OwnPaths) -> None:
        self._names = {id(one): name for name, one in dialects.items()}
        self._endpoints: dict[tuple[bytes, bytes], tuple[Dialect, Endpoint]] = {}
        for dialect in dialects.values():
            for endpoint in dialect.endpoints:
                self._endpoints.setdefault((endpoint.method, endpoint.path), (dialect, endpoint))
        self._usual = dialects[USUAL]
        self._own = own
        #: Another one whenever `find` may answer otherwise.
        self.era = object()
        self.names = Names({}, {})
        self._exact: dict[str, Route] = {}
        self._offered: tuple[Offered, ...] = ()

    def replace(self, names: Names, offered: Iterable[Offered]) -> None:
        """Other models, and what is listed of them."""
        self.names = names
        self._exact = names.exact
        self._offered = tuple(offered)
        self.era = object()

    def name_of(self, dialect: Dialect) -> str:
        """The dialect's name."""
        return self._names[id(dialect)]

    def find(self, method: bytes, path: bytes) -> tuple[Dialect, Endpoint | None]:
        """The dialect and the endpoint of a path; for one that nobody has, the most usual dialect and None."""
        if method == b"HEAD":
            method = b"GET"
        return self._endpoints.get((method, path)) or (self._usual, None)

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

    def answer(self, dialect: Dialect, endpoint: Endpoint, request: Request) -> Answer:
        """A listing over all engines; what changes an engine is not done here."""
        if endpoint.use == "admin":
            message = "models are fetched and removed on a named node, not through the gateway"
            return Answer.of(dialect, Failure(status=403, kind="not_here", message=message))
        return Answer(status=200, body=dialect.render_models(endpoint, self._offered))

    def answer_unknown(self, request: Request, path: bytes) -> Answer:
        """A path of the gateway's own, or one that nobody has."""
        found = self._own(request)
        if found is not None:
            return found
        known = {p for _, p in self._endpoints}
        message = f"no such path here: {path.decode('latin-1')[:200]}"
        status = {True: 405, False: 404}[path in known]
        if status == 405:
            message = f"{path.decode('latin-1')} takes another method"
        return Answer(status=status, body=msgspec.json.encode({"error": {"message": message, "code": "not_found"}}))
