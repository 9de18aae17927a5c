"""The contract of a routing policy: a file in `routing/` that ends in `POLICY: Policy`.

A policy is a pure function that orders replicas which could all take a request, best first. What it leaves out is out;
the next policy of the route orders what is left, and the first of the last order is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias
from urllib.parse import urlsplit

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """An engine that serves models: its name, where it listens, what it can and how much at once.

    `tls`: it is asked over HTTPS. `limit` is how many requests it works on at once, 0 for no limit of ours;
    `limit_each`: each of its models on so many. `dialects` are the wire formats that it speaks, `own` is the one in
    which it takes most ("" where that is not known). `models` are the names under which it knows its models; `weight`
    is its share under weighted routing. `holds` is how many models it keeps in memory at once, 0 if that is not known;
    one that was loaded stays for `stay_seconds` before another takes its place. `reloads` names options of a request by
    which it loads a model anew. `canary`: its owner lets it be asked what it answers.
    """

    id: str
    node: str
    host: str
    port: int
    dialects: frozenset[str]
    models: frozenset[str] = frozenset()
    limit: int = 0
    weight: float = 1.0
    tags: frozenset[str] = frozenset()
    api_key: str = field(default="", repr=False)
    tls: bool = False
    holds: int = 0
    stay_seconds: float = 0.0
    reloads: tuple[str, ...] = ()
    canary: bool = False
    limit_each: bool = False
    own: str = ""


def find_port(url: str) -> int:
    """The port of an address, the usual one of its scheme where it names none."""
    parts = urlsplit(url)
    return parts.port or {"https": 443}.get(parts.scheme, 80)


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One request for a replica. `key` is the client's key name, `weight` its share. `affinity` (the beginning of its
    prompt) and `session` are what may keep it at one replica. `also` are dialects that it can be translated into for
    replicas which do not speak its own. `turn` is whose device time it is asked in, "" for nobody's. One is made for
    each request: no dataclass, for its price.
    """

    id: int
    route: str
    dialect: str
    key: str = ""
    priority: int = 1
    weight: float = 1.0
    affinity: bytes = b""
    session: bytes = b""
    also: frozenset[str] = frozenset()
    turn: str = ""


class Candidate(Protocol):
    """A replica as a policy sees it."""

    replica: Replica
    #: Names of the models in its memory, and the one that it worked with last.
    resident: frozenset[str]
    last_model: str

    @property
    def outstanding(self) -> int:
        """How many requests it works on."""
        ...


#: Candidates, the request, and the name by which each replica (by id) knows the model.
Policy: TypeAlias = Callable[[Sequence[Candidate], Ask, Mapping[str, str]], Sequence[Candidate]]
