"""From the inventory to what a survey expects on a node, and from a survey to what is remembered. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from keepwell.config import load_secret
from keepwell.config.model import ServiceEntry
from keepwell.core.observation import Missing, Seen
from keepwell.core.values import row_of, text_of, texts_of
from keepwell.fleet.inventory import Inventory, InventoryEngine
from keepwell.plugins.place import LogSource, Site
from keepwell.plugins.services import ServiceWish
from keepwell.store.memory import RememberedEngine
from keepwell.survey.expected import Expected


def expect_engines(inventory: Inventory, node: str, environment: Mapping[str, str]) -> tuple[Expected, ...]:
    """The engines that ought to be on this node. Raises ConfigurationError when a named API key cannot be read."""
    return tuple(_expected(one, environment) for one in inventory.on(node))


def _expected(one: InventoryEngine, environment: Mapping[str, str]) -> Expected:
    return Expected(
        engine=one.kind,
        url=one.url,
        declared=one.declared,
        name=one.name,
        start=one.start,
        files=tuple(path for path in (one.environment_file,) if path),
        logs=tuple(LogSource(kind="file", where=path) for path in (one.log,) if path),
        models_folder=one.models_folder,
        api_key=load_secret(one.api_key, environment),
        supervisor=one.supervisor,
        unit=one.unit,
        user=one.user,
        seen_at=one.seen_at,
    )


def expect_services(
    entries: Iterable[ServiceEntry], node: str, here: str, environment: Mapping[str, str]
) -> tuple[ServiceWish, ...]:
    """The services that the owner declared on this node; `here` is the name of the machine that entries without a
    node mean. Raises ConfigurationError when a named key cannot be read.
    """
    return tuple(_wish(one, environment) for one in entries if (one.node or here) == node)


def _wish(one: ServiceEntry, environment: Mapping[str, str]) -> ServiceWish:
    return ServiceWish(
        name=one.name,
        kind=one.kind,
        url=one.url,
        tcp=one.tcp,
        unit=one.unit,
        container=one.container,
        process=one.process,
        needs=one.needs,
        api_key=load_secret(one.api_key, environment),
    )


def recall(sites: Iterable[Site], seen: Seen, now: float) -> tuple[RememberedEngine, ...]:
    """What to remember of the engines that serve now. `start` carries the variables that are the engine's own."""
    return tuple(_recalled(site, seen, now) for site in sites if not isinstance(site.process, Missing))


def _recalled(site: Site, seen: Seen, now: float) -> RememberedEngine:
    process = row_of(seen.value(site.ref, "engine.process"))
    files = [one.where for one in site.logs if one.kind == "file"]
    return RememberedEngine(
        node=site.ref.node,
        kind=site.engine,
        url=site.url,
        seen_at=now,
        start=site.start or texts_of(process.get("argv")),
        cwd=text_of(process, "cwd"),
        user=text_of(process, "user"),
        log=next(iter(files), ""),
        models_folder=site.models_folder or text_of(row_of(seen.value(site.ref, "engine.store")), "path"),
        supervisor=site.supervisor,
        unit=site.unit,
    )
