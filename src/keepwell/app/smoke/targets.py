"""What is to be asked: the engines of a node, one of them, or the gateway."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from keepwell.app.looking import look
from keepwell.app.operation import Caller
from keepwell.app.running.choosing import choose_site
from keepwell.app.running.proving import find_key
from keepwell.app.serving.doors import ask_planes, require_serving
from keepwell.app.targets import find_target
from keepwell.app.wiring import Reached, Wiring, reach
from keepwell.config.model import Config
from keepwell.core.errors import ConfigurationError, RefusedError
from keepwell.core.observation import Observation, Seen, absent
from keepwell.core.ref import engine as engine_ref
from keepwell.plugins.place import Site
from keepwell.plugins.recognise import load_engines

#: The word for the gateway of this machine, its name in messages, and where a key of it may stand.
GATEWAY, GATEWAY_TITLE, KEY_VARIABLE = "gateway", "The gateway", "KEEPWELL_API_KEY"
#: Addresses that listen everywhere, and the one by which this machine reaches them.
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A place with the engines that are to be asked there, and what was seen of it. `of` is what the target was."""

    place: Reached
    node: str
    sites: tuple[Site, ...]
    seen: Seen
    gateway: bool = False


async def open_target(wiring: Wiring, caller: Caller, word: str, level: int, stack: AsyncExitStack) -> Asked:
    """Look, and find what is meant; the way there is closed with `stack`. Raises ConfigurationError for a word that is
    nothing here, RefusedError for a recording, AccessError where it cannot be reached.
    """
    if word == GATEWAY:
        return await _open_gateway(wiring)
    node, name = split_word(word, wiring.config, wiring.hands.name)
    target = find_target(node, wiring.config, wiring.hands.name)
    if target.bundle is not None:
        raise RefusedError("a recorded node cannot be asked", where=str(target.bundle), hint="name a node or an engine")
    place = await stack.enter_async_context(reach(wiring, target))
    result = await look(wiring, caller, level=level, at=place)
    sites = result.sites
    if name:
        sites = (choose_site(name, sites, wiring.config.engines),)
    elif target.node is None:
        own = await _find_own_ports(wiring)
        sites = tuple(one for one in sites if urlsplit(one.url).port not in own)
    with_keys = (replace(one, api_key=one.api_key or find_key(wiring.config, one.url)) for one in sites)
    return Asked(place=place, node=node, sites=tuple(with_keys), seen=result.seen)


def split_word(word: str, config: Config, here: str) -> tuple[str, str]:
    """Node and engine of a word ("" each where not said): `gpu01`, `gpu01/NAME`, `NAME`, an address of an engine. Pure
    but for whether a file is there.
    """
    bare = word.removeprefix("engine:")
    first, slash, rest = bare.partition("/")
    known = {here, *(one.name for one in config.nodes)}
    if slash and first in known and rest:
        return {True: ""}.get(first == here, first), rest
    if "://" in word or bare.partition(":")[0] in load_engines():
        return "", bare
    if not word:
        return "", ""
    try:
        find_target(word, config, here)
    except ConfigurationError:
        if any(word in (one.name, one.unit, one.url) for one in config.engines):
            return "", word
        raise
    return word, ""


async def _open_gateway(wiring: Wiring) -> Asked:
    """The gateway as its clients meet it."""
    serving = await require_serving(wiring.state, wiring.hands)
    scheme = "https" * bool(wiring.config.gateway.certificate) or "http"
    host, _, port = serving.plane.listening[0].rpartition(":")
    url = f"{scheme}://{_EVERYWHERE.get(host, host)}:{port}"
    generic = min(load_engines(), key=_specificity)
    ref = engine_ref(wiring.hands.name, GATEWAY)
    site = Site(
        ref=ref, engine=generic, url=url, process=absent("not looked for"), api_key=os.environ.get(KEY_VARIABLE, "")
    )
    about = Observation(
        subject=ref,
        name="engine.site",
        value={"title": GATEWAY_TITLE, "url": url},
        at=wiring.clock.now(),
        source="the gateway's door",
    )
    place = Reached(transport=wiring.hands, clock=wiring.clock)
    return Asked(place=place, node="", sites=(site,), seen=Seen([about]), gateway=True)


def _specificity(name: str) -> int:
    return load_engines()[name].specificity


async def _find_own_ports(wiring: Wiring) -> frozenset[int]:
    """Ports of this machine's own gateway, which answers as engines do: it is asked by its own name."""
    planes = await ask_planes(wiring.state, wiring.hands)
    return frozenset(int(where.rpartition(":")[2]) for one in planes for where in one.plane.listening)
