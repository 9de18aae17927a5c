"""Proxies and gateways before an engine: which addresses of the node lead to its models. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from keepwell.core.observation import Seen
from keepwell.core.ref import Ref
from keepwell.core.values import row_of, rows_of, text_of, texts_of
from keepwell.plugins.ask import split_url
from keepwell.plugins.services import ServiceWish

#: Addresses before one engine that are asked; each costs a list of models, and an answer if it leads here.
HOPS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """An address that may lead to an engine. `sure`: its own settings, or the owner, say that it leads here."""

    name: str
    url: str
    api_key: str = ""
    sure: bool = False


def find_hops(seen: Seen, engine: Ref, declared: Iterable[ServiceWish]) -> tuple[Hop, ...]:
    """Every other HTTP address of the node that may lead to this engine: services that run, and engines that are
    only an interface. At most six, those that surely lead here first.
    """
    own = split_url(text_of(row_of(seen.value(engine, "engine.site")), "url"))[1]
    wishes = tuple(declared)
    keys = {split_url(one.url)[1]: one.api_key for one in wishes if one.url}
    named = {one.name for one in wishes if names_engine(one.needs, engine)}
    found: dict[int, Hop] = {}
    for hop in (*_services(seen, engine, named), *_interfaces(seen, engine)):
        port = split_url(hop.url)[1]
        if port in (0, own):
            continue
        known = found.get(port)
        if known is None or (hop.sure and not known.sure):
            found[port] = Hop(name=hop.name, url=hop.url, api_key=keys.get(port, ""), sure=hop.sure)
    return tuple(sorted(found.values(), key=_unsure)[:HOPS])


def names_engine(needs: Iterable[str], engine: Ref) -> bool:
    """True if one of these words of the owner names this engine: its Ref, or the end of it."""
    return any(word in (str(engine), engine.name, engine.name.rpartition("/")[2]) for word in needs)


def _unsure(hop: Hop) -> bool:
    return not hop.sure


def _services(seen: Seen, engine: Ref, named: set[str]) -> Iterator[Hop]:
    for one in seen.named("service.site"):
        row = row_of(one.value)
        url = text_of(row, "url")
        if not url.startswith("http") or text_of(row, "state") == "stopped":
            continue
        links = rows_of(seen.value(one.subject, "service.links"))
        leads = any(text_of(link, "target") == str(engine) for link in links)
        name = text_of(row, "name") or one.subject.name
        sure = leads or name in named or names_engine(texts_of(row.get("needs")), engine)
        yield Hop(name=name, url=url.rstrip("/"), sure=sure)
        for port in _ports(seen, engine, text_of(row, "pid")):
            yield Hop(name=f"{name} at port {port}", url=f"http://127.0.0.1:{port}")


def _ports(seen: Seen, engine: Ref, pid: str) -> list[str]:
    """The other ports of a service's process: a proxy has one for each thing behind it."""
    rows = [row for one in seen.named("host.sockets") if one.subject.node == engine.node for row in rows_of(one.value)]
    return sorted({text_of(row, "port") for row in rows if pid not in ("", "0") and text_of(row, "pid") == pid})


def _interfaces(seen: Seen, engine: Ref) -> Iterator[Hop]:
    """Engines of which only the interface is known, and those whose process is another's: a proxy shows as either."""
    mine = {text_of(row, "name") for row in rows_of(seen.value(engine, "engine.models"))}
    process = text_of(row_of(seen.value(engine, "engine.process")), "pid")
    for one in seen.named("engine.site"):
        row = row_of(one.value)
        models = {text_of(model, "name") for model in rows_of(seen.value(one.subject, "engine.models"))}
        other = text_of(row_of(seen.value(one.subject, "engine.process")), "pid")
        if one.subject != engine and mine & models and other != process:
            yield Hop(name=text_of(row, "title") or one.subject.name, url=text_of(row, "url"))
