"""Which Ray cluster is meant, which of its nodes, and what Ray says in keepwell's words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from keepwell.batch.ray_node import Node
from keepwell.core.errors import ConfigurationError, Unreachable
from keepwell.core.text import cut_text, escape_controls

#: Ray's own port for programs on other machines, and the word for a cluster of which this machine is a node.
PORT, HERE = 10001, "auto"
#: Characters of Ray's own words that are shown.
SHOWN = 400
INSTALL = "pip install 'keepwell[ray]', with the release of Ray that the cluster has"
_EXAMPLE = "ray://HEAD:10001, or ray://auto on one of the cluster's machines"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """Which cluster ("ray://HEAD:PORT", "ray://auto"), and so much of which resource a node has to have, "" for any: it
    is held while the batch runs.
    """

    address: str
    host: str = ""
    port: int = 0
    resource: str = ""
    amount: float = 1.0

    @property
    def wanted(self) -> Mapping[str, float]:
        """The resource as Ray is told it."""
        return {name: self.amount for name in (self.resource,) if name}


def parse_aim(written: str, resource: str = "") -> Aim:
    """The cluster as written, and NAME or NAME=AMOUNT. Raises ConfigurationError."""
    name, equals, much = resource.partition("=")
    amount = 1.0
    try:
        found = urlsplit(written)
        host, port = found.hostname or "", found.port or PORT
        if equals:
            amount = float(much)
    except ValueError as error:
        raise ConfigurationError(f"no cluster or resource: {error}", where=written, hint=_EXAMPLE) from error
    if found.scheme != "ray" or not host or found.path.strip("/") or found.query:
        raise ConfigurationError("not the address of a Ray cluster", where=written, hint=_EXAMPLE)
    if (resource and not name) or not 0 < amount < 1e6:
        raise ConfigurationError("a resource is NAME or NAME=AMOUNT", where=resource)
    if host == HERE:
        return Aim(address=f"ray://{HERE}", resource=name, amount=amount)
    address = f"ray://{found.netloc.rpartition('@')[2].rpartition(':')[0] or found.netloc}:{port}"
    return Aim(address=address, host=host, port=port, resource=name, amount=amount)


def explain(said: str, where: str) -> ConfigurationError | Unreachable:
    """What Ray says where it does not connect, with what to do."""
    words = _shorten(said)
    if "ersion" in words:
        return ConfigurationError(f"Ray here does not go with the cluster's: {words}", where=where, hint=INSTALL)
    hint = ""
    if words.startswith("Initialization failure"):  # so the head answers another release of Ray
        hint = f"has the cluster the release of Ray and the minor release of Python that are here? {INSTALL}"
    return Unreachable(f"Ray: {words}", where=where, hint=hint)


def name_apart(nodes: Iterable[Node]) -> Sequence[Node]:
    """The same, with part of their ids in names that several have."""
    found = [replace(one, name=one.name or one.address) for one in nodes]
    names = [one.name for one in found]
    return [replace(one, name=one.name + f"/{one.id[:6]}" * (names.count(one.name) > 1)) for one in found]


def _shorten(said: str) -> str:
    """On one line; of a trace only its end, where the error stands."""
    before, _, trace = said.partition("Traceback (most recent call last)")
    if trace.strip():
        last = [one for one in trace.splitlines() if one.strip()][-1]
        said = f"{before} {last}"
    return cut_text(escape_controls(" ".join(said.split())), SHOWN)
