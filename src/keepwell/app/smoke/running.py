"""A smoke test: quick questions to engines, answered by yes and no, their memory left as it was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

from keepwell.app.operation import Caller, silent
from keepwell.app.purposes import look_for
from keepwell.app.running.acting import restart
from keepwell.app.smoke import deep
from keepwell.app.smoke.asker import Asker
from keepwell.app.smoke.keeping import keep
from keepwell.app.smoke.questions import Row, ask_answer, ask_api, ask_identity, ask_service, choose_models
from keepwell.app.smoke.report import SmokeReport
from keepwell.app.smoke.targets import GATEWAY_TITLE, Asked, open_target
from keepwell.app.smoke.wished import compare, find_routed, find_wished
from keepwell.app.wiring import Wiring, wire
from keepwell.app.word import day_of
from keepwell.core.errors import KeepwellError
from keepwell.core.finding import Finding
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.ref import node as node_ref
from keepwell.core.values import row_of, text_of
from keepwell.fleet.decisions import decide
from keepwell.plugins.engine import LoadedModel, ModelInfo
from keepwell.plugins.place import Place, Site
from keepwell.plugins.recognise import load_engines
from keepwell.survey.judge import checks_for, judge

PURPOSE = "smoke"
#: Levels of the look before: engines and their settings; beside them devices, stores and disks.
BASIC_LEVEL, DEEP_LEVEL = 1, 2
#: What an audit finds of files and accounts, as far as it belongs to a smoke test.
PERMISSIONS = frozenset({"audit.writable", "audit.setuid", "audit.secrets", "audit.account"})
#: Questions of one engine, for the progress that is shown: basic ones, and further ones.
BASIC, DEEP = 4, 8
#: What the owner is asked before more than the usual is done.
EVERY = (
    "asks each of all models for a few words, one after the other; what is not in memory is loaded and unloaded again"
)
AGAIN = "restarts each engine that is asked; its requests are ended first, and its models are loaded again"
#: What is told of the memory of engines behind the gateway.
GATEWAY_LOADS = "what the gateway had loaded for it stays in memory as long as the gateway and its engine decide"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for. `every`: all models; `restart`: restart, too; `yes`: the owner agreed beforehand to both;
    `loaded_only`: nothing is loaded.
    """

    comprehensive: bool = False
    every: bool = False
    restart: bool = False
    yes: bool = False
    loaded_only: bool = False


async def smoke(caller: Caller, word: str, wanted: Wanted) -> SmokeReport:
    """Ask what the word means. Raises ConfigurationError for a word that is nothing here, AccessError where it cannot
    be reached; whatever goes wrong with an engine is a finding.
    """
    agreed = _agree(caller, wanted)
    began = time.monotonic()
    async with wire(caller) as wiring, AsyncExitStack() as stack:
        quiet = replace(caller, progress=silent)
        level = {True: DEEP_LEVEL, False: BASIC_LEVEL}[agreed.comprehensive]
        caller.progress("looking for engines", 0, 1)
        asked = await open_target(wiring, quiet, word, level, stack)
        test = SmokeTest(wiring=wiring, caller=caller, wanted=agreed, asked=asked)
        observations = await test.run()
        told = decide(
            judge_smoke(Seen([*asked.seen, *observations])), wiring.config.decisions, day_of(wiring.clock.now())
        )
        report = SmokeReport(
            kind=PURPOSE,
            at=wiring.clock.now(),
            seconds=round(time.monotonic() - began, 3),
            target=word,
            comprehensive=agreed.comprehensive,
            engines=tuple(f"{_title(asked, one)} at {one.url}" for one in asked.sites),
            findings=told.open,
            does=tuple(dict.fromkeys(test.does)),
            decisions=told.decisions,
        )
        return keep(wiring.state, report)


def _title(asked: Asked, site: Site) -> str:
    if asked.gateway:
        return GATEWAY_TITLE
    return load_engines()[site.engine].title


def judge_smoke(seen: Seen) -> list[Finding]:
    """The worst first, then in the order in which questions build on each other. Pure."""
    checks = checks_for(PURPOSE)
    places = [one.id for one in checks]
    found = judge(seen, checks)
    ranked = sorted((-one.status, places.index(one.check), number) for number, one in enumerate(found))
    return [found[number] for _, _, number in ranked]


def _agree(caller: Caller, wanted: Wanted) -> Wanted:
    """What the owner agrees to of what does more than usual."""
    questions = [EVERY] * wanted.every + [AGAIN] * wanted.restart
    if not questions or wanted.yes or caller.agree(questions):
        return wanted
    return replace(wanted, every=False, restart=False)


@dataclass(slots=True, kw_only=True)
class SmokeTest:
    """One test under way."""

    wiring: Wiring
    caller: Caller
    wanted: Wanted
    asked: Asked
    does: list[str] = field(default_factory=list)
    done: int = 0

    async def run(self) -> list[Observation]:
        """All questions, one engine after the other: two that work at once would spoil each other's times."""
        found = [await self.ask(site) for site in self.asked.sites]
        if self.wanted.comprehensive and not self.asked.gateway:
            found.append(await self._ask_permissions())
        return found

    async def ask(self, site: Site) -> Observation:
        """All questions to one engine."""
        began = self.wiring.clock.now()
        rows: list[Row] = []
        async with self._open(site) as asker:
            await self._ask_basic(asker, rows)
        if self.wanted.restart and not self.asked.gateway:
            rows.append(await self._restart(site))
        source = f"requests to {site.url}"
        return Observation(subject=site.ref, name="smoke.asked", value=tuple(rows), at=began, source=source)

    @asynccontextmanager
    async def _open(self, site: Site) -> AsyncIterator[Asker]:
        """Who asks it; its memory is as it was when the block is left, also by Ctrl-C."""
        place = self.asked.place
        asker = Asker(site, load_engines()[site.engine], place.transport, place.clock)
        try:
            yield asker
        finally:
            self.does += await asker.close()
            self.does += [GATEWAY_LOADS] * self.asked.gateway

    async def _ask_basic(self, asker: Asker, rows: list[Row]) -> None:
        self._tell(asker, "does it run")
        rows.append(await ask_service(asker))
        if text_of(rows[-1], "state") != "well":
            return
        self._tell(asker, "its models")
        row, offered = await ask_api(asker)
        rows.append(row)
        loaded = await asker.begin()
        models = self._choose(offered, loaded)
        if not models:
            rows.append({"question": "answers", "model": "", "state": "unasked", "said": self._why_none(offered)})
        answered = await self._ask_models(asker, models, offered, rows)
        if not self.wanted.comprehensive:
            return
        rows.append(self._compare(asker.site, offered))
        if answered:
            model = next((one for one in offered if one.name == answered), ModelInfo(name=answered))
            await self._ask_deep(asker, model, rows)

    def _choose(self, offered: tuple[ModelInfo, ...], loaded: tuple[LoadedModel, ...]) -> list[str]:
        models, away = choose_models(offered, loaded, every=self.wanted.every)
        if away and self.wanted.every:
            self.does.append(f"not asked, since another machine runs them: {', '.join(away)}")
        if self.wanted.loaded_only:
            here = {one.name for one in loaded}
            models = [one for one in models if one in here]
        return models

    def _why_none(self, offered: tuple[ModelInfo, ...]) -> str:
        if offered and self.wanted.loaded_only:
            return "no model is in memory"
        return "there is no model that could be asked"

    async def _ask_models(
        self, asker: Asker, models: Sequence[str], offered: tuple[ModelInfo, ...], rows: list[Row]
    ) -> str:
        """A few words of each; gives the first that answered, which stays for further questions."""
        first = ""
        for model in models:
            self._tell(asker, f"{model} answers", more=len(models) - 1)
            row = await ask_answer(asker, model)
            rows.append(row)
            if text_of(row, "state") == "answered" and not first:
                first = model
                identity = await ask_identity(asker, model, text_of(row, "answered"), offered)
                rows.append({**identity, "names_stand": self.asked.gateway or asker.engine.specificity == 0})
            elif said := await asker.leave(model):
                self.does.append(said)
        return first

    async def _ask_deep(self, asker: Asker, model: ModelInfo, rows: list[Row]) -> None:
        """What only comes to light when a model works."""
        self._tell(asker, "embeddings")
        rows.append(await deep.ask_embedding(asker, model.name))
        self._tell(asker, "a stream")
        rows.append(await deep.ask_stream(asker, model.name))
        self._tell(asker, "tools")
        rows.append(await deep.ask_tool(asker, model))
        self._tell(asker, "several at once")
        rows += await self._ask_crowd(asker, model.name)
        self._tell(asker, "the end of the context")
        rows.append(await deep.ask_context(asker, model))

    async def _ask_crowd(self, asker: Asker, model: str) -> list[Row]:
        """Several at once; the devices are watched meanwhile."""
        loaded = {one.name: one.slots for one in await asker.list_loaded()}
        told = row_of(self.asked.seen.value(asker.site.ref, "engine.settings"))
        settings = {name: text_of(row_of(row), "value") for name, row in told.items()}
        work = asyncio.create_task(deep.ask_crowd(asker, model, settings, loaded.get(model, 0)))
        if self.asked.gateway:
            return [await work]
        here = self.asked.place
        ref = node_ref(here.transport.name)
        place = Place(node=ref, transport=here.transport, clock=here.clock, seen=self.asked.seen)
        devices: dict[str, Value] = {"question": "gpu", "model": model, "state": "watched"}
        try:
            devices |= await deep.watch_devices(place, work)
        finally:
            row = await work
        return [row, devices | await deep.ask_placement(asker, model)]

    async def _ask_permissions(self) -> Observation:
        """What an audit finds of files and accounts on the node."""
        self.caller.progress("permissions", self.done, max(self.done, 1))
        place = self.asked.place
        row: dict[str, Value] = {"question": "permissions", "model": "", "state": "looked"}
        try:
            result = await look_for(self.wiring, replace(self.caller, progress=silent), "audit", place)
        except KeepwellError as error:
            row |= {"state": "failed", "said": str(error)}
        else:
            found = [one for one in result.findings if one.bad and self._is_meant(one)]
            row |= {"found": tuple(one.message for one in found), "checks": tuple(one.check for one in found)}
            row |= {"seconds": round(result.seconds, 4)}
        ref = node_ref(place.transport.name)
        return Observation(subject=ref, name="smoke.asked", value=(row,), at=place.clock.now(), source="keepwell audit")

    def _compare(self, site: Site, offered: tuple[ModelInfo, ...]) -> Row:
        config, here = self.wiring.config, self.wiring.hands.name
        if self.asked.gateway:
            return compare(find_routed(config.routes), offered)
        return compare(find_wished(config, site, here), offered)

    def _is_meant(self, one: Finding) -> bool:
        """Whether what an audit found is about files or accounts, and of no engine that is not asked."""
        asked = {site.ref for site in self.asked.sites}
        return one.check in PERMISSIONS and (one.subject.kind != "engine" or one.subject in asked)

    async def _restart(self, site: Site) -> Row:
        """By the code of `keepwell engine restart`, which ends what is under way first and proves what comes."""
        self.caller.progress(f"{site.ref.name}: a restart", self.done, max(self.done, 1))
        began = time.monotonic()
        row: dict[str, Value] = {"question": "restart", "model": "", "state": "well"}
        try:
            quiet = replace(self.caller, progress=silent)
            report = await restart(quiet, str(site.ref), self.asked.node, force=False, load=True)
        except KeepwellError as error:
            row |= {"state": "unasked", "said": str(error)}
        else:
            row |= {"state": {True: "failed", False: "well"}[report.failed], "said": report.done, "run": report.run}
        return {**row, "seconds": round(time.monotonic() - began, 3)}

    def _tell(self, asker: Asker, what: str, more: int = 0) -> None:
        each = BASIC + more + DEEP * self.wanted.comprehensive
        total = max(each * len(self.asked.sites), self.done + 1)
        self.caller.progress(f"{asker.site.ref.name}: {what}", self.done, total)
        self.done += 1
