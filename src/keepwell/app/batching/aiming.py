"""Who a batch asks: an address, this machine's gateway, or an engine here."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from keepwell.app.batching.wish import BatchWish
from keepwell.app.operation import Caller
from keepwell.app.wiring import Wiring
from keepwell.batch.job import Bounds, Target
from keepwell.batch.lane import Directly, Lanes
from keepwell.batch.ray_aim import parse_aim
from keepwell.batch.ray_cluster import open_cluster
from keepwell.batch.ray_lanes import check_address
from keepwell.core.errors import ConfigurationError, Unreachable

#: The word for this machine's gateway, and where the key of it or of an address may stand.
GATEWAY, KEY_VARIABLE = "gateway", "KEEPWELL_API_KEY"
_FROM_NODES = "--to http://127.0.0.1:8000 is the engine of each node, http://{node}:8000 the same by the node's address"
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}


async def find_targets(wiring: Wiring, caller: Caller, wish: BatchWish) -> tuple[Target, ...]:
    """Who is asked, then the fallbacks; on a cluster an address as its nodes see it. Raises as `find_target`."""
    word = wish.to
    if wish.on:
        parse_aim(wish.on, wish.on_resource)
        if "://" not in word:
            raise ConfigurationError("with --on, --to is an address as the nodes see it", where=word, hint=_FROM_NODES)
        check_address(word)
    elif wish.on_resource:
        raise ConfigurationError("--on-resource chooses nodes of a cluster", hint="name the cluster with --on")
    target = await find_target(wiring, caller, word)
    return (target, *(split_fallback(wiring, one, target) for one in wish.fallback or ()))


@asynccontextmanager
async def open_lanes(wish: BatchWish, bounds: Bounds, caller: Caller) -> AsyncIterator[Lanes]:
    """The ways by which they are asked. Raises as `open_cluster`."""
    if not wish.on:
        yield Directly()
        return
    caller.progress("waiting for the cluster", 0, 0)
    async with open_cluster(parse_aim(wish.on, wish.on_resource), bounds, caller.note) as cluster:
        yield cluster


async def find_target(wiring: Wiring, caller: Caller, word: str) -> Target:
    """What the word means. Raises ConfigurationError for what is nothing here, Unreachable where nobody answers."""
    if "://" in word:
        return _make_target(wiring, word.rstrip("/").removesuffix("/v1"))
    if word in ("", GATEWAY):
        url = await _find_gateway(wiring)
        if url:
            return _make_target(wiring, url)
        if word:
            raise Unreachable("no gateway runs here", hint="start one: keepwell gateway; or name an address with --to")
    return await _find_engine(wiring, caller, word)


def split_fallback(wiring: Wiring, written: str, first: Target) -> Target:
    """MODEL, or MODEL@ADDRESS."""
    model, at, url = written.partition("@http")
    if not model:
        raise ConfigurationError("a fallback is MODEL or MODEL@ADDRESS", where=written)
    if not at:
        return Target(url=first.url, api_key=first.api_key, model=model)
    made = _make_target(wiring, f"http{url}".rstrip("/").removesuffix("/v1"))
    return Target(url=made.url, api_key=made.api_key, model=model)


def _make_target(wiring: Wiring, url: str) -> Target:
    from keepwell.app.running.proving import find_key

    return Target(url=url, api_key=find_key(wiring.config, url) or os.environ.get(KEY_VARIABLE, ""))


async def _find_gateway(wiring: Wiring) -> str:
    """Its address, "" where none runs."""
    from keepwell.app.serving.doors import ask_planes, find_serving

    serving = find_serving(await ask_planes(wiring.state, wiring.hands))
    if serving is None or not serving.plane.listening:
        return ""
    scheme = {True: "https", False: "http"}[bool(wiring.config.gateway.certificate)]
    host, _, port = serving.plane.listening[0].rpartition(":")
    return f"{scheme}://{_EVERYWHERE.get(host, host)}:{port}"


async def _find_engine(wiring: Wiring, caller: Caller, word: str) -> Target:
    from keepwell.app.looking import look
    from keepwell.app.running.choosing import choose_site

    caller.progress("looking for engines", 0, 0)
    sites = (await look(wiring, caller, level=1)).sites
    if word:
        site = choose_site(word.removeprefix("engine:"), sites, wiring.config.engines)
        return Target(url=site.url, api_key=site.api_key)
    if not sites:
        raise Unreachable("no engine answers here", hint="name an address: --to http://HOST:PORT")
    if len(sites) > 1:
        known = ", ".join(one.ref.name for one in sites)
        raise ConfigurationError("several engines answer here", hint=f"name one with --to: {known}")
    return Target(url=sites[0].url, api_key=sites[0].api_key)
