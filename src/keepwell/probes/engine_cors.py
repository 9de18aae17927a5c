"""What an engine lets pages of a foreign site read: one harmless GET with an Origin that nobody allowed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Observation, Value, failed, unknown
from keepwell.core.text import escape_controls
from keepwell.core.values import row_of, text_of
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect

#: A list that engines answer from memory; the query marks the line in the engine's own log as keepwell's.
PATH = "/v1/models?keepwell=cors"
#: A name that is reserved for examples (RFC 2606), so nobody has allowed it on purpose.
ORIGIN = "https://keepwell.example"
ASK_SECONDS = 3.0


class EngineCors:
    """Gives engine.cors."""

    level = 1
    about: Literal["node", "engine"] = "engine"
    effect: ProbeEffect = "none"
    cost_seconds = 0.05
    gives: tuple[str, ...] = ("engine.cors",)
    needs: tuple[str, ...] = ("engine.health",)
    purpose = "audit"

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation; unknown where the engine does not answer at all, failed where this request broke."""
        assert place.site is not None
        source = f"GET {place.site.url}{PATH} with Origin: {ORIGIN}"
        state = text_of(row_of(place.seen.value(place.site.ref, "engine.health")), "state")
        if state in ("silent", "refused"):
            return [place.saw("engine.cors", unknown("the engine does not answer at all"), source)]
        try:
            reply = await place.transport.http(
                "GET", place.site.url + PATH, headers={"Origin": ORIGIN}, timeout_seconds=ASK_SECONDS
            )
        except AccessError as error:
            return [place.saw("engine.cors", failed(error), source)]
        value: Value = {
            "origin": ORIGIN,
            "allowed": escape_controls(reply.headers.get("access-control-allow-origin", "")[:200]),
            "credentials": reply.headers.get("access-control-allow-credentials", "").lower() == "true",
            "status": reply.status,
        }
        return [place.saw("engine.cors", value, source)]


PROBE = EngineCors()
