"""What a service depends on, from all that was seen of it: its settings, its routes, what the owner declared. Pure.

Over several nodes an address that leads to another one of them is told as what is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from keepwell.app.report import NeedPicture, NodePicture, ServicePicture
from keepwell.core.observation import Seen
from keepwell.core.ref import Ref
from keepwell.core.values import find_number, row_of, rows_of, text_of, texts_of
from keepwell.plugins.links import LOOPBACK, split_host


def find_needs(seen: Seen, ref: Ref) -> tuple[NeedPicture, ...]:
    """What a service depends on, each address once; itself is left out."""
    found = {(one.target or one.url): one for one in reversed([*_all(seen, ref)]) if one.target != str(ref)}
    return tuple(reversed(found.values()))


def join_nodes(pictures: Sequence[NodePicture], seen: Sequence[Seen]) -> tuple[NodePicture, ...]:
    """The pictures, with what lies at addresses of the others told by name; `seen` is what was seen of each."""
    places: dict[tuple[str, int], str] = {}
    for one in seen:
        places |= _places(one)
    return tuple(replace(one, services=tuple(_joined(service, places) for service in one.services)) for one in pictures)


def _places(seen: Seen) -> dict[tuple[str, int], str]:
    """Engines and services by each address of their node and their port."""
    found: dict[tuple[str, int], str] = {}
    for interfaces in seen.named("host.interfaces"):
        addresses = {
            text.partition("/")[0] for row in rows_of(interfaces.value) for text in texts_of(row.get("addresses"))
        }
        for name in ("service.site", "engine.site"):
            for one in seen.named(name):
                port = int(find_number(row_of(one.value).get("port")) or 0)
                if one.subject.node == interfaces.subject.node and port:
                    found |= {(address, port): str(one.subject) for address in addresses - LOOPBACK}
    return found


def _joined(service: ServicePicture, places: Mapping[tuple[str, int], str]) -> ServicePicture:
    needs = tuple(
        replace(one, target=one.target or places.get(split_host(one.url), ""))
        for one in service.needs
        if one.url or one.target
    )
    unnamed = tuple(one for one in service.needs if not one.url and not one.target)
    return replace(service, needs=(*needs, *unnamed))


def _all(seen: Seen, ref: Ref) -> Iterator[NeedPicture]:
    for row in rows_of(seen.value(ref, "service.links")):
        target, setting = text_of(row, "target"), text_of(row, "setting")
        yield NeedPicture(target=target, url=text_of(row, "url"), setting=setting, reach=text_of(row, "reach"))
    for row in rows_of(seen.value(ref, "service.routes")):
        base = text_of(row, "api_base")
        if base:
            yield _to(seen, ref.node, base, f"model {text_of(row, 'name')}")
    for row in rows_of(seen.value(ref, "service.proxied")):
        yield _to(seen, ref.node, text_of(row, "upstream"), f"{text_of(row, 'file')}:{text_of(row, 'line')}")
    for row in rows_of(seen.value(ref, "service.targets")):
        need = _to(seen, ref.node, text_of(row, "url"), f"job {text_of(row, 'job')}")
        if need.target:
            yield need
    for name in texts_of(row_of(seen.value(ref, "service.site")).get("needs")):
        yield NeedPicture(target=_named(seen, ref.node, name), url="", setting=name, reach="unknown")


def _to(seen: Seen, node: str, url: str, setting: str) -> NeedPicture:
    """A need by its address; that of an engine or service on the same node is told by name."""
    host, port = split_host(url)
    for name in ("engine.site", "service.site"):
        for one in seen.named(name):
            site = row_of(one.value)
            here = host in LOOPBACK or host in (text_of(site, "host"), node.lower()) or host.endswith(".internal")
            if here and one.subject.node == node and find_number(site.get("port")) == port:
                return NeedPicture(target=str(one.subject), url=url, setting=setting, reach="unknown")
    return NeedPicture(target="", url=url, setting=setting, reach="unknown")


def _named(seen: Seen, node: str, name: str) -> str:
    known = [*seen.subjects("service"), *seen.subjects("engine"), *seen.subjects("node")]
    here = [one for one in known if one.node == node]
    return next((str(one) for one in (*here, *known) if name in (one.name, str(one))), "")
