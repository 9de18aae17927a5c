"""llama.cpp's server as series: its page, its slots where the page is off, a router's children one by one.

What is asked, and why that changes nothing (read in tools/server of b11434; sleeping measured on it and on b11549):
`/props` and `/models` touch no model. `/metrics` neither wakes a sleeping model nor puts its sleep off, from
`QUIET_BUILD` on; earlier builds put it off, so a server that may sleep is not asked there. `/slots` wakes and puts off
in every build: it is asked only of a server that cannot sleep, and every two seconds at most, because it stands in the
same queue as the work. A router hands a GET with `autoload=false` to a child only if that runs, and does not count it
as use; children are asked only while it says that they are loaded, sleeping ones never.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, absent, failed, unknown
from keepwell.core.series import Reading, SeriesKey
from keepwell.engines.llamacpp.sleeping import NEVER, find_flag, find_sleep, judge_quiet
from keepwell.engines.llamacpp.wire import MAX_CHILDREN, NUMBERS, find_build, is_router
from keepwell.plugins.alias_table import load_alias_table
from keepwell.plugins.ask import Fields, fetch, fetch_fields, parse_fields
from keepwell.plugins.own_numbers import OwnNumbers
from keepwell.plugins.page_numbers import PageNumbers
from keepwell.plugins.page_teller import ANSWER_SECONDS, fetch_page, no_answer
from keepwell.plugins.place import Site
from keepwell.transport.base import Transport

#: Series that do not come from its page.
BESIDE_THE_PAGE = ("engine.awake", "engine.models_loaded")
#: Seconds between two questions. The server answers them between two steps of its work.
ASK_SECONDS = 2.0
#: Seconds for which it is believed what a server said of itself: whether it routes, has a page, sleeps.
SHAPE_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """What a server said of itself in `/props`."""

    router: bool
    model: str
    build: int
    page: bool
    asleep: bool


@dataclass(slots=True)
class _Pages:
    """A page for each model."""

    site: Site
    numbers: dict[str, PageNumbers] = field(default_factory=dict)

    def of(self, model: str) -> PageNumbers:
        """Its reader, kept."""
        known = self.numbers.get(model)
        if known is None:
            labels = {"model": model} if model else {}
            ref = self.site.ref
            known = self.numbers[model] = PageNumbers(load_alias_table(NUMBERS), str(ref), ref.node, labels)
        return known

    def keep(self, models: Sequence[str]) -> None:
        """Let go of all others."""
        self.numbers = {name: one for name, one in self.numbers.items() if name in models}


class LlamaCppTeller:
    """Asks one server."""

    every_seconds = ASK_SECONDS

    def __init__(self, site: Site) -> None:
        self._site = site
        self._pages = _Pages(site)
        self._shape: _Shape | None = None
        self._shape_at = 0.0

    async def ask(self, transport: Transport, at: float) -> OwnNumbers:
        """One GET of numbers, and now and then one of `/props`."""
        shape = await self._find_shape(transport, at)
        if isinstance(shape, Missing):
            return no_answer(self._without(shape), shape)
        if shape.router:
            told = await self._ask_children(transport, shape)
        else:
            told = await self._ask_one(transport, shape)
        if not told.answered:
            self._shape = None
        return told

    def _without(self, reason: Missing) -> list[Reading]:
        known = list(self._pages.numbers.values()) or [self._pages.of("")]
        return [reading for one in known for reading in one.without(reason)]

    async def _find_shape(self, transport: Transport, at: float) -> _Shape | Missing:
        if self._shape is not None and 0 <= at - self._shape_at < SHAPE_SECONDS:
            return self._shape
        props = await fetch_fields(transport, self._site, "/props")
        if isinstance(props, Missing):
            return props
        self._shape_at = at
        self._shape = _Shape(
            router=is_router(props),
            model=props.text("model_alias") or props.text("model_path").rpartition("/")[2],
            build=find_build(props),
            page=props.data.get("endpoint_metrics") is not False,
            asleep=props.flag("is_sleeping"),
        )
        return self._shape

    async def _ask_one(self, transport: Transport, shape: _Shape) -> OwnNumbers:
        numbers = self._pages.of(shape.model)
        self._pages.keep([shape.model])
        sleeps = find_sleep(self._site)
        awake: Reading = self._key("engine.awake", shape.model), float(not shape.asleep)
        if not shape.page:
            return await self._ask_slots(transport, shape, sleeps, awake)
        refused = judge_quiet(shape.build, sleeps)
        if refused is not None:
            return OwnNumbers(readings=[awake, *numbers.without(refused)])
        body = await fetch_page(transport, f"{self._site.url}/metrics", self._site.api_key)
        if isinstance(body, Missing):
            return no_answer(numbers.without(body), body)
        return OwnNumbers(readings=[awake, *numbers.read(body)])

    async def _ask_slots(
        self, transport: Transport, shape: _Shape, sleeps: str | Missing, awake: Reading
    ) -> OwnNumbers:
        """How many slots work, of a server without its page; only if that cannot wake it or keep it awake."""
        running = self._key("engine.requests_running", shape.model)
        reason = absent("the server was started without --metrics")
        rest = [reading for reading in self._pages.of(shape.model).without(reason) if reading[0] != running]
        if sleeps != NEVER:
            quiet = unknown("without --metrics only /slots would tell, which keeps awake a model that may sleep")
            return OwnNumbers(readings=[awake, (running, quiet), *rest])
        busy = await _count_busy(self._site, transport)
        return OwnNumbers(readings=[awake, (running, busy), *rest])

    async def _ask_children(self, transport: Transport, shape: _Shape) -> OwnNumbers:
        listed = await fetch_fields(transport, self._site, "/models")
        if isinstance(listed, Missing):
            return no_answer(self._without(listed), listed)
        loaded = [one for one in listed.items("data") if one.fields("status").text("value") == "loaded"]
        asked = {one.text("id"): one for one in loaded[:MAX_CHILDREN] if one.text("id")}
        self._pages.keep(list(asked))
        answers = await asyncio.gather(
            *(self._ask_child(transport, name, row, shape.build) for name, row in asked.items())
        )
        readings: list[Reading] = [(self._key("engine.models_loaded", ""), float(len(loaded)))]
        return OwnNumbers(readings=readings + [reading for one in answers for reading in one])

    async def _ask_child(self, transport: Transport, name: str, row: Fields, build: int) -> list[Reading]:
        numbers = self._pages.of(name)
        told = find_flag(row.fields("status").texts("args"))
        refused = judge_quiet(build, find_sleep(self._site) if told == NEVER else told)
        if refused is not None:
            return numbers.without(refused)
        query = f"?model={quote(name, safe='')}&autoload=false"
        body = await fetch_page(transport, f"{self._site.url}/metrics{query}", self._site.api_key)
        if isinstance(body, Missing):
            return numbers.without(body)
        return numbers.read(body)

    def _key(self, name: str, model: str) -> SeriesKey:
        labels = (("model", model),) if model else ()
        return SeriesKey(name, str(self._site.ref), labels)


async def _count_busy(site: Site, transport: Transport) -> float | Missing:
    url = f"{site.url}/slots"
    try:
        reply = await fetch(transport, url, api_key=site.api_key, seconds=ANSWER_SECONDS)
    except AccessError as error:
        return failed(error)
    slots = parse_fields(b'{"slots":' + reply.body + b"}")
    if reply.status != 200 or isinstance(slots, Missing) or not slots.has_list("slots"):
        return absent(f"GET {url} answered {reply.status}: neither its page nor its slots are told")
    return float(sum(one.flag("is_processing") for one in slots.items("slots")))
