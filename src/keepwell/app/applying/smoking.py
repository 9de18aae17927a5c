"""Whether an engine that was touched may have requests again: its own word, and one token where a model was loaded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from keepwell.app.looking import look
from keepwell.app.operation import Caller
from keepwell.app.wiring import Reached, Wiring
from keepwell.conform.traffic import Smoke
from keepwell.core.errors import AccessError, EngineError
from keepwell.core.model_name import same_model
from keepwell.core.observation import Missing
from keepwell.core.ref import Ref
from keepwell.formats.chat_answer import parse_chat_answer
from keepwell.gateway.work.proof import find_model
from keepwell.plugins.asking import send
from keepwell.plugins.engine import Engine, ReportsLoaded
from keepwell.plugins.place import Site
from keepwell.plugins.recognise import load_engines
from keepwell.plugins.residency import AnswersCanaries, CanaryAsk
from keepwell.transport.base import Transport

#: Seconds that an engine has to answer after it was touched, between two questions, and for each of them.
START_SECONDS, LOOK_SECONDS, ASK_SECONDS = 60.0, 0.1, 5.0
#: Seconds without an answer after which its address is looked for anew: it may have moved.
MOVED_SECONDS = 10.0
#: Seconds for one token of a model that was loaded before: a large one is read from disk first.
TOKEN_SECONDS = 300.0
#: What a model is asked.
PROMPT = "Say yes."


class Taster:
    """Tries the engines of one node. `hands` reach it."""

    def __init__(self, wiring: Wiring, caller: Caller, hands: Transport) -> None:
        self._wiring = wiring
        self._caller = replace(caller, progress=Caller().progress)
        self._hands = hands
        self._sites: dict[Ref, Site] = {}

    async def find_loaded(self, engine: Ref) -> tuple[str, ...]:
        """The models in its memory now, () where it does not tell; loads and keeps nothing."""
        site = await self._find_site(engine)
        if site is None:
            return ()
        plugin = load_engines()[site.engine]
        if not isinstance(plugin, ReportsLoaded):
            return ()
        try:
            loaded = await plugin.loaded(site, self._hands)
        except (AccessError, EngineError):
            return ()
        if isinstance(loaded, Missing):
            return ()
        return tuple(one.name for one in loaded)

    async def taste(self, engine: Ref, loaded: Sequence[str]) -> Smoke:
        """Ask how it is until it is well or its time is over; then one of the models that were `loaded` for a token."""
        clock = self._wiring.clock
        began = clock.monotonic()
        site, moved_at = self._sites.get(engine), began + MOVED_SECONDS
        said = "it was not found"
        while clock.monotonic() < began + START_SECONDS:
            if site is None or clock.monotonic() > moved_at:
                site, moved_at = await self._look_for(engine), clock.monotonic() + MOVED_SECONDS
            if site is not None:
                plugin = load_engines()[site.engine]
                state, said = await self._ask_health(plugin, site)
                if state == "well":
                    words = f"{engine} answers after {clock.monotonic() - began:.1f} s"
                    return await self._ask_token(plugin, site, loaded, words)
            await asyncio.sleep(LOOK_SECONDS)
        return Smoke(well=False, said=f"{engine} does not answer within {START_SECONDS:g} s: {said}")

    async def _ask_health(self, plugin: Engine, site: Site) -> tuple[str, str]:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                health = await plugin.health(site, self._hands)
        except (AccessError, EngineError, TimeoutError) as error:
            return "silent", str(error) or "no answer"
        return health.state, health.said or health.state

    async def _ask_token(self, plugin: Engine, site: Site, loaded: Sequence[str], words: str) -> Smoke:
        if not loaded or not isinstance(plugin, AnswersCanaries):
            return Smoke(well=True, said=words)
        model = loaded[0]
        call = plugin.canary(CanaryAsk(model=model, prompt=PROMPT, tokens=1))
        try:
            reply = await send(self._hands, site.url, call, api_key=site.api_key, seconds=TOKEN_SECONDS)
        except AccessError as error:
            return Smoke(well=False, said=f"{words}, but {model} does not: {error}")
        problem = judge_token(reply.status, reply.body, model)
        if problem:
            return Smoke(well=False, said=f"{words}, but {problem}")
        return Smoke(well=True, said=f"{words}, and {model} gave a token")

    async def _find_site(self, engine: Ref) -> Site | None:
        return self._sites.get(engine) or await self._look_for(engine)

    async def _look_for(self, engine: Ref) -> Site | None:
        """As level 1 of a diagnosis sees it."""
        at = Reached(transport=self._hands, clock=self._wiring.clock)
        result = await look(self._wiring, self._caller, level=1, at=at)
        found = next((one for one in result.sites if one.ref == engine), None)
        if found is not None:
            self._sites[engine] = found
        return found


def judge_token(status: int, body: bytes, asked: str) -> str:
    """Why this is no answer of the model that was asked, "" if it is: as the gateway attests answers. Pure."""
    said = parse_chat_answer(body)
    if status != 200 or said.error:
        return f"{asked} answered with HTTP {status}: {said.error or said.problem}"
    if said.problem:
        return f"{asked} gave no answer: {said.problem}"
    answered = find_model(body)
    if answered and not same_model(asked, answered):
        return f"{answered} answered for {asked}"
    return ""
