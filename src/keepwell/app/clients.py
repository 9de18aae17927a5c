"""Why a request to the gateway would go where."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import quote

from keepwell.app.operation import Caller
from keepwell.app.wiring import wire
from keepwell.core.errors import ConfigurationError, Unreachable
from keepwell.gateway.settings import SETTINGS_FILE, load_settings

#: Seconds for the gateway's own answers.
ASK_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateLine:
    """One replica: why it is out ("" if it is not), its work, whether it would be chosen."""

    replica: str
    why: str
    outstanding: int
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteReport:
    """The answer of `route`: candidates by dialect."""

    model: str
    candidates: dict[str, tuple[CandidateLine, ...]]

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.route/1"

    @property
    def exit_code(self) -> int:
        """2 if nobody could take a request."""
        return 2 * (not any(one.chosen for rows in self.candidates.values() for one in rows))


async def explain_route(caller: Caller, model: str) -> RouteReport:
    """Ask the running gateway where a request for this model would go. Raises Unreachable, ConfigurationError."""
    async with wire(caller) as wiring:
        try:
            settings = load_settings(wiring.state / SETTINGS_FILE)
        except ConfigurationError as error:
            raise Unreachable("no gateway runs here", hint="start one: keepwell gateway") from error
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)
        url = f"http://{host}:{settings.port}/keepwell/route?model={quote(model)}"
        reply = await wiring.hands.http("GET", url, timeout_seconds=ASK_SECONDS)
    found = json.loads(reply.body)
    if reply.status != 200:
        raise ConfigurationError(str(found.get("error")), hint=f"known: {', '.join(found.get('routes', ())) or 'none'}")
    rows = {one["dialect"]: tuple(CandidateLine(**row) for row in one["candidates"]) for one in found["by_dialect"]}
    return RouteReport(model=model, candidates=rows)
