"""Short questions beside users' requests, for objectives that may: so that few requests are enough to find failures.

Asked are engines with `canary = true` alone, and there a model that a user's request reached within minutes and that is
in memory: nothing is loaded, woken, or kept in memory for longer. They are no part of any budget.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

from keepwell.app.hub.duty import Hub
from keepwell.config.model import EngineEntry
from keepwell.config.objective_model import ObjectiveEntry
from keepwell.core.errors import AccessError
from keepwell.core.model_name import same_model
from keepwell.core.observation import Missing
from keepwell.core.ref import Ref
from keepwell.plugins.asking import send
from keepwell.plugins.engine import ReportsLoaded
from keepwell.plugins.place import Site
from keepwell.plugins.recognise import load_engines
from keepwell.plugins.residency import AnswersCanaries, CanaryAsk
from keepwell.slo.tally import MINUTE, minute_of
from keepwell.store.requests import Wanted
from keepwell.transport.base import Transport

#: What is asked, and tokens of the answer.
PROMPT, TOKENS = "One plus one is", 1
#: Seconds since a user's request reached a model within which it may be asked, too; shorter than engines keep models.
USED_SECONDS = 180.0
#: Seconds for an answer: a model in memory gives one token in far less, unless it has much else to do.
ANSWER_SECONDS = 20.0
#: Newest requests that are looked at for who was asked.
NEWEST = 50
#: Questions that may be due at once, after a pause.
MOST_DUE = 4
#: "For ever" in an engine's list: longer than this.
EVER_SECONDS = 30 * 86400.0


@dataclass(slots=True)
class Round:
    """Of one objective: its minute with what came out so far, questions that are due (a fraction), and whose turn."""

    minute: int
    at: float
    good: int = 0
    bad: int = 0
    due: float = 0.0
    turn: int = 0


@dataclass(slots=True)
class Probing:
    """Keeps count between two calls."""

    rounds: dict[str, Round] = field(default_factory=dict)

    async def ask(self, objective: ObjectiveEntry, hub: Hub, now: float) -> tuple[int, int, int] | None:
        """Ask what is due. A minute that is over, with how many were answered and failed in it; None where none is."""
        here = self.rounds.setdefault(objective.name, Round(minute_of(now), now))
        over = None
        if minute_of(now) > here.minute:
            over = here.minute, here.good, here.bad
            here.minute, here.good, here.bad = minute_of(now), 0, 0
        here.due = min(MOST_DUE, here.due + objective.probes * max(0.0, now - here.at) / MINUTE)
        here.at = now
        targets = await asyncio.to_thread(find_targets, objective, hub, now)
        if not targets:
            here.due = 0.0
        asks = []
        while targets and here.due >= 1.0:
            asks.append(probe(*targets[here.turn % len(targets)], now))
            here.turn, here.due = here.turn + 1, here.due - 1.0
        for answered in await asyncio.gather(*asks):
            if answered is not None:
                here.good, here.bad = here.good + answered, here.bad + (not answered)
        if over is None or over[1] + over[2] == 0:
            return None
        return over


def find_targets(objective: ObjectiveEntry, hub: Hub, now: float) -> list[tuple[Site, str, Transport]]:
    """Engines that may be asked, each with the model and the way: those that users' requests reached just now."""
    wanted = Wanted(route=objective.route, since=now - USED_SECONDS)
    rows = [row for _, row in hub.requests.newest(last=NEWEST, wanted=wanted)]
    used = dict.fromkeys((row.replica, row.answered) for row in rows if row.replica and row.answered)
    found = []
    for replica, model in used:
        site = _find_site(hub, replica)
        way = _find_way(hub, replica)
        if site is not None and way is not None and objective.replica in ("", replica):
            found.append((site, model, way))
    return found


async def probe(site: Site, model: str, way: Transport, now: float) -> bool | None:
    """Whether the engine answered; None where it was not asked, or the answer tells nothing of how it serves."""
    plugin: object = load_engines().get(site.engine)
    if not isinstance(plugin, AnswersCanaries) or not isinstance(plugin, ReportsLoaded):
        return None
    try:
        listed = await plugin.loaded(site, way)
        if isinstance(listed, Missing):
            return None  # it says nothing: what users' requests met is told by them
        loaded = [one for one in listed if same_model(one.name, model)]
        if not loaded:
            return None
        keep = max(0.0, loaded[0].expires_at - now) * bool(loaded[0].expires_at)
        if keep > EVER_SECONDS:
            keep = -1.0
        ask = CanaryAsk(
            model=loaded[0].name,
            prompt=PROMPT,
            tokens=TOKENS,
            context_tokens=loaded[0].context_tokens,
            keep_seconds=keep,
        )
        reply = await send(way, site.url, plugin.canary(ask), api_key=site.api_key, seconds=ANSWER_SECONDS)
    except AccessError:
        return False
    if reply.status >= 500:
        return False
    if reply.status >= 400:
        return None
    return True


def _find_site(hub: Hub, replica: str) -> Site | None:
    """The engine of this replica, where its owner lets it be asked."""
    for site in hub.sites.of(replica.partition("/")[0]):
        if str(site.ref) == f"engine:{replica}" and any(_is_of(one, site, hub.here) for one in _opted(hub)):
            return site
    return None


def _opted(hub: Hub) -> Iterator[EngineEntry]:
    return (one for one in hub.wiring.config.engines if one.canary)


def _is_of(entry: EngineEntry, site: Site, home: str) -> bool:
    return (entry.node or home) == site.ref.node and entry.url == site.url


def _find_way(hub: Hub, replica: str) -> Transport | None:
    name = Ref.parse(f"engine:{replica}").node
    if name == hub.here:
        return hub.wiring.hands
    return hub.ways.find(name)
