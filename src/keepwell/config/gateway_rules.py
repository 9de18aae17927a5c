"""What the keys of the gateway's sections have to agree on with each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from keepwell.config.toml_lines import KeyPath


class Disagreement(NamedTuple):
    """A key that does not go with others: where it stands, what is wrong, what would be right."""

    path: KeyPath
    what: str
    expected: str = ""


#: The checked values of a section's tables; of a section of one table, that one.
Tables = Mapping[str, Sequence[Mapping[str, Any]]]


def find_disagreements(tables: Tables) -> Iterator[Disagreement]:
    """Every key that does not go with the others."""
    routes = tables.get("route", ())
    yield from _names(routes)
    yield from _defaults(routes)
    yield from _rounds(routes)
    yield from _certificates(tables.get("gateway", ()))
    yield from _times(tables.get("reservation", ()))
    yield from _services(tables.get("service", ()))


def _names(routes: Sequence[Mapping[str, Any]]) -> Iterator[Disagreement]:
    """A name must lead to one route."""
    owner = {str(one.get("name")): index for index, one in enumerate(routes)}
    for index, one in enumerate(routes):
        for alias in one.get("aliases", ()):
            first = owner.setdefault(alias, index)
            if first != index:
                said = f"{alias!r} is a name of route {routes[first].get('name')!r} already"
                yield Disagreement(("route", index, "aliases"), said, "a name that no other route has")
        if "*" in str(one.get("name", "")) and not one.get("models"):
            said = "no engine knows a model by a name with a * in it"
            yield Disagreement(("route", index, "name"), said, 'the model\'s name too: model = "NAME"')


def _defaults(routes: Sequence[Mapping[str, Any]]) -> Iterator[Disagreement]:
    marked = [index for index, one in enumerate(routes) if one.get("default")]
    for index in marked[1:]:
        said = f"route {routes[marked[0]].get('name')!r} is the default already"
        yield Disagreement(("route", index, "default"), said, "one default")


def _rounds(routes: Sequence[Mapping[str, Any]]) -> Iterator[Disagreement]:
    """Fallbacks must end somewhere."""
    after = {str(one.get("name")): str(one.get("fallback", "")) for one in routes}
    for index, one in enumerate(routes):
        walked = [str(one.get("name"))]
        while after.get(walked[-1]) and after[walked[-1]] not in walked:
            walked.append(after[walked[-1]])
        if after.get(walked[-1]) == walked[0]:
            said = f"the fallbacks go round: {' → '.join([*walked, walked[0]])}"
            yield Disagreement(("route", index, "fallback"), said, "a route that does not come back to this one")


def _certificates(gateways: Sequence[Mapping[str, Any]]) -> Iterator[Disagreement]:
    for one in gateways:
        if bool(one.get("certificate")) != bool(one.get("private_key")):
            there = "certificate"
            if one.get("private_key"):
                there = "private_key"
            said = "TLS needs a certificate and its private key"
            yield Disagreement(("gateway", there), said, "certificate and private_key, both or none")


def _times(reservations: Sequence[Mapping[str, Any]]) -> Iterator[Disagreement]:
    for index, one in enumerate(reservations):
        begin, end = str(one.get("begin", "")), str(one.get("end", ""))
        if not begin or not end:
            continue
        if ("T" in begin) != ("T" in end):
            expected = "two times of day, or two moments"
            yield Disagreement(("reservation", index, "to"), "from and to are of two kinds", expected)
        elif "T" in begin and end <= begin:
            yield Disagreement(("reservation", index, "to"), "it ends before it begins", "a moment after from")
        elif begin == end:
            expected = 'another time than from; "00:00" to "23:59" is a day'
            yield Disagreement(("reservation", index, "to"), "it ends when it begins", expected)
        elif "T" in begin and one.get("days"):
            said = "two moments have no days of the week"
            yield Disagreement(("reservation", index, "days"), said, "times of day, or no days")


def _services(services: Sequence[Mapping[str, Any]]) -> Iterator[Disagreement]:
    first: dict[str, str] = {}
    for index, one in enumerate(services):
        prefix = one.get("prefix")
        if prefix and not one.get("url"):
            said = "what has no address cannot be offered"
            yield Disagreement(("service", index, "prefix"), said, 'its address too: url = "http://..."')
        if prefix and prefix in first:
            said = f"{prefix!r} is that of service {first[prefix]!r} already"
            yield Disagreement(("service", index, "prefix"), said, "another prefix")
        if prefix:
            first.setdefault(str(prefix), str(one.get("name")))
