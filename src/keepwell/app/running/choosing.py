"""Which engine is meant by a name. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from keepwell.config.model import EngineEntry
from keepwell.core.errors import ConfigurationError
from keepwell.plugins.place import Site


def choose_site(name: str, sites: Iterable[Site], entries: Iterable[EngineEntry] = ()) -> Site:
    """The engine of this name: as other commands write it, its label in keepwell.toml, its unit or container, its
    address, or its kind where the node has one of it. Raises ConfigurationError for none and for several.
    """
    known = list(sites)
    labels = {one.url: one.name for one in entries if one.name}
    for rule in (_is_called, _is_of_kind):
        found = [one for one in known if rule(one, name, labels.get(one.url, ""))]
        if len(found) == 1:
            return found[0]
        if found:
            several = ", ".join(one.ref.name for one in found)
            raise ConfigurationError(f"{name!r} is several engines", hint=f"name one of: {several}")
    names = sorted({word for one in known for word in _words(one, labels.get(one.url, ""))})
    near = get_close_matches(name, names, n=3) or names
    raise ConfigurationError(f"no engine {name!r} is known here", hint=f"known: {', '.join(near) or 'none'}")


def _is_called(site: Site, name: str, label: str) -> bool:
    return name.rstrip("/") in (str(site.ref), *_words(site, label))


def _is_of_kind(site: Site, name: str, label: str) -> bool:
    return name == site.engine


def _words(site: Site, label: str) -> Iterator[str]:
    unit = site.unit.removesuffix(".service")
    yield from (one for one in (site.ref.name, label, unit, site.unit, site.url) if one)
