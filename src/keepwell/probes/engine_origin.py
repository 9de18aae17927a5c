"""Whether an engine refuses a foreign Origin or Host, or an Origin that its owner expects it to take."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Observation, Value, failed
from keepwell.core.values import row_of, text_of
from keepwell.plugins.engine import Engine
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect

#: What is asked: every engine with an OpenAI-compatible interface answers it from memory. The query marks the
#: line in the engine's own log, so that no check takes it for a client's.
PATH = "/v1/models?keepwell=origin"
#: Names that are reserved for examples (RFC 2606), so nobody has allowed them on purpose.
ORIGIN = "http://keepwell.example"
HOST = "keepwell.example"
#: Seconds for one request: an engine that does not answer at once tells nothing here.
ASK_SECONDS = 2.0


class EngineOrigin:
    """Gives engine.origin_check. Harmless: a few GETs of a list."""

    level = 1
    about: Literal["node", "engine"] = "engine"
    effect: ProbeEffect = "none"
    cost_seconds = 0.05
    gives: tuple[str, ...] = ("engine.origin_check",)
    needs: tuple[str, ...] = ("engine.health",)

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation; failed when the engine does not answer the plain request."""
        assert place.site is not None
        health = place.seen.value(place.site.ref, "engine.health")
        if text_of(row_of(health), "state") in ("silent", "refused"):
            reason = failed("the engine does not answer at all")
            return [place.saw("engine.origin_check", reason, place.site.url)]
        source = f"GET {place.site.url}{PATH} with Origin: {ORIGIN}, and with Host: {HOST}"
        try:
            plain, origin, host, *wanted = await asyncio.gather(
                _ask(place, {}),
                _ask(place, {"Origin": ORIGIN}),
                _ask(place, {"Host": HOST}),
                *(_ask(place, {"Origin": one}) for one in place.origins),
            )
        except AccessError as error:
            return [place.saw("engine.origin_check", failed(error), source)]
        value: Value = {
            "origin": ORIGIN,
            "plain_status": plain,
            "status": origin,
            "host_status": host,
            "setting": find_setting(place.engine),
            "expected": tuple(
                {"origin": one, "status": status} for one, status in zip(place.origins, wanted, strict=True)
            ),
        }
        return [place.saw("engine.origin_check", value, source)]


async def _ask(place: Place, headers: Mapping[str, str]) -> int:
    assert place.site is not None
    sent = dict(headers)
    if place.site.api_key:
        sent["Authorization"] = f"Bearer {place.site.api_key}"
    reply = await place.transport.http("GET", place.site.url + PATH, headers=sent, timeout_seconds=ASK_SECONDS)
    return reply.status


def find_setting(engine: object) -> str:
    """The name of the setting that allows origins, or "" if the engine has none."""
    if not isinstance(engine, Engine):
        return ""
    return next((one.name for one in engine.settings if "ORIGIN" in one.name.upper()), "")


PROBE = EngineOrigin()
