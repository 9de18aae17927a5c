"""Looking at a node: a survey of it with what ought to be there, and what is remembered of it."""

from __future__ import annotations

import contextlib
import os

from keepwell.app.expecting import expect_engines, expect_services, recall
from keepwell.app.measured import earlier_speeds, keep_speeds
from keepwell.app.operation import Caller
from keepwell.app.remembering import keep_look
from keepwell.app.replaying import survey_bundle
from keepwell.app.serving.attested import earlier_answers
from keepwell.app.wiring import Reached, Wiring
from keepwell.config.model import NetworkEntry
from keepwell.core.errors import AccessError
from keepwell.fleet.inventory import build_inventory
from keepwell.plugins.services import ServiceWish
from keepwell.store.memory import load_memory, remember, save_memory
from keepwell.store.trends import load_trends
from keepwell.survey.expected import Expected
from keepwell.survey.survey import SurveyResult, survey
from keepwell.survey.timetable import Consent


def expect(wiring: Wiring, node: str) -> tuple[Expected | ServiceWish | NetworkEntry, ...]:
    """The engines that ought to be on this node, declared or remembered, and its declared services and networks."""
    inventory = build_inventory(wiring.config, load_memory(wiring.state), node)
    services = expect_services(wiring.config.services, node, wiring.hands.name, os.environ)
    networks = (one for one in wiring.config.networks if one.node == node)
    return (*expect_engines(inventory, node, os.environ), *services, *networks)


async def look(
    wiring: Wiring,
    caller: Caller,
    *,
    level: int,
    since_seconds: float = 0.0,
    at: Reached | None = None,
    consent: Consent = False,
) -> SurveyResult:
    """Survey a node (this machine if none is given), and remember the engines that serve, so that one that stops
    is missed. `since_seconds` 0 is what the configuration says.
    """
    place = at or Reached(transport=wiring.hands, clock=wiring.clock)
    if place.bundle is not None:
        return await survey_bundle(place.bundle, level=level, progress=caller.progress)
    result = await survey(
        place.transport,
        place.clock,
        (
            *expect(wiring, place.transport.name),
            *earlier_speeds(wiring.state, place.transport.name),
            *earlier_answers(wiring.state, place.transport.name, wiring.clock.now()),
            *load_trends(wiring.state, place.transport.name, wiring.clock.now()),
        ),
        level=level,
        since_seconds=since_seconds or wiring.config.diagnose.since_seconds,
        origins=wiring.config.diagnose.expect_origin,
        consent=consent,
        progress=caller.progress,
    )
    remember_look(wiring, result)
    return result


def remember_look(wiring: Wiring, result: SurveyResult) -> None:
    """Keep which engines served and how fast, so that one that stops is missed and one that slows is seen."""
    now = wiring.clock.now()
    # a read-only or full disk must not keep a diagnosis from its reader; what is lost is only the memory
    with contextlib.suppress(AccessError):
        save_memory(wiring.state, remember(load_memory(wiring.state), recall(result.sites, result.seen, now), now))
    keep_speeds(wiring.state, result.seen, now)
    for node in result.seen.subjects("node"):
        keep_look(wiring.state, result.seen, node, now)
