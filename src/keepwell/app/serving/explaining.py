"""Where a request would go, as the running gateway explains it at its door; no engine is asked."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

import msgspec

from keepwell.app.operation import Caller
from keepwell.app.serving.doors import ask_door
from keepwell.app.wiring import wire
from keepwell.core.errors import ConfigurationError, Unreachable
from keepwell.gateway.choice.explain import CandidateLine, Explanation
from keepwell.gateway.door import load_plates


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteReport(Explanation):
    """The answer of `route`: the route that the name means and how, its rules, candidates by wire format."""

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.route/1"

    @property
    def exit_code(self) -> int:
        """2 if nobody could take a request."""
        return 2 * (not any(one.chosen for one in _all_lines(self)))


class _Unknown(msgspec.Struct):
    """What the gateway says of a name that means nothing."""

    error: str = ""


async def explain_route(caller: Caller, model: str, key: str) -> RouteReport:
    """Ask the running gateway where a request for this model would go. Raises Unreachable, ConfigurationError."""
    async with wire(caller) as wiring:
        plates = load_plates(wiring.state)
        if not plates:
            raise Unreachable("no gateway runs here", hint="start one: keepwell gateway")
        path = f"/keepwell/route?{urlencode({'model': model, 'key': key})}"
        reply = await ask_door(plates[-1], path, wiring.hands)
    if reply.status != 200:
        raise ConfigurationError(msgspec.json.decode(reply.body, type=_Unknown).error)
    return msgspec.json.decode(reply.body, type=RouteReport)


def _all_lines(report: Explanation) -> list[CandidateLine]:
    own = [line for rows in report.candidates.values() for line in rows]
    return own + [line for one in report.fallbacks for line in _all_lines(one)]
