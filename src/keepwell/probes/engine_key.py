"""Who may ask an engine: with its key, without one, with a wrong one. Three GETs of a list; loads nothing."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Observation, Value, failed, unknown
from keepwell.core.values import row_of, text_of, texts_of
from keepwell.plugins.asking import key_headers
from keepwell.plugins.engine import Engine
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect

#: What is asked: every engine with an OpenAI-compatible interface answers it from memory, behind its key. The query
#: marks the line in the engine's own log, so that no check takes it for a client's.
PATH = "/v1/models?keepwell=key"
#: A key that nobody has.
WRONG_KEY = "keepwell-asks-with-a-wrong-key"
#: The argument by which an engine is given the key of its clients; a variable for the same says so ("as --api-key").
KEY_FLAG = "--api-key"
#: Seconds for one request.
ASK_SECONDS = 3.0


class EngineKey:
    """Gives engine.key_check."""

    level = 3
    about: Literal["node", "engine"] = "engine"
    effect: ProbeEffect = "none"
    cost_seconds = 0.1
    gives: tuple[str, ...] = ("engine.key_check",)
    needs: tuple[str, ...] = ("engine.health", "engine.settings", "engine.listening")

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation; unknown where the engine does not answer, failed where one of the requests broke."""
        assert place.site is not None
        source = f"GET {place.site.url}{PATH} with, without and with a wrong key"
        state = text_of(row_of(place.seen.value(place.site.ref, "engine.health")), "state")
        if state in ("silent", "refused"):
            return [place.saw("engine.key_check", unknown("the engine does not answer at all"), source)]
        keys = ["", WRONG_KEY, *[key for key in (place.site.api_key,) if key]]
        try:
            bare, wrong, *keyed = await asyncio.gather(*(_ask(place, place.site.url, key) for key in keys))
        except AccessError as error:
            return [place.saw("engine.key_check", failed(error), source)]
        value: Value = {
            "known": bool(place.site.api_key),
            "configured": runs_with_key(place),
            "bare_status": bare,
            "wrong_status": wrong,
            "keyed_status": sum(keyed),
            "open_to": open_to(texts_of(place.seen.value(place.site.ref, "engine.listening"))),
            "request": f"GET {place.site.url}/v1/models",
        }
        return [place.saw("engine.key_check", value, source)]


async def _ask(place: Place, url: str, key: str) -> int:
    reply = await place.transport.http("GET", url + PATH, headers=key_headers(key), timeout_seconds=ASK_SECONDS)
    return reply.status


def runs_with_key(place: Place) -> bool:
    """True if a setting in force is a key that the engine asks its clients for."""
    if place.site is None or not isinstance(place.engine, Engine):
        return False
    in_force = row_of(place.seen.value(place.site.ref, "engine.settings"))
    keys = [one.name for one in place.engine.settings if one.secret and KEY_FLAG in (one.flag, one.name, one.help[-9:])]
    return any(text_of(row_of(in_force.get(name)), "value") for name in keys)


def open_to(listening: Iterable[str]) -> str:
    """Who can reach these addresses: "local" (this machine alone), "network", "internet" (an address of its own
    there), or "" where nothing is known. Pure.
    """
    reach = [_reach(one.rpartition(":")[0].strip("[]").partition("%")[0]) for one in listening]
    return ("", "local", "network", "internet")[max(reach, default=0)]


def _reach(host: str) -> int:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return 0
    if address.is_loopback:
        return 1
    return 2 + bool(address.is_global)


PROBE = EngineKey()
