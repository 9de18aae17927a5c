"""How fast an engine answers: a few requests for tokens, and what processor and GPUs did meanwhile. Loads a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from keepwell.core.errors import AccessError, EngineError
from keepwell.core.observation import Missing, Observation, Value, failed, unknown
from keepwell.core.values import find_number, row_of, rows_of, text_of
from keepwell.plugins.effort import compare_effort, read_effort
from keepwell.plugins.engine import KeepsStore, LoadedModel, ReportsLoaded
from keepwell.plugins.load_watch import LoadWatch, summarise, watch_devices
from keepwell.plugins.place import Place, Site
from keepwell.plugins.probe import ProbeEffect
from keepwell.plugins.speeds import first_token_seconds, generation_rate, input_rate, number_of
from keepwell.plugins.timing import Timed, TimesGeneration, Wanted, row_of_timed

#: Seconds for everything that is asked of one engine: a person waits, and was told so.
BUDGET_SECONDS = 60.0
#: Seconds for one request. The first may load the model.
FIRST_SECONDS = 35.0
REQUEST_SECONDS = 20.0
#: Tokens of one generation: enough that a hundredth of a second does not matter, few enough for a slow processor.
GENERATED_TOKENS = 96
#: Numbers in the long prompt, at most: 256 to 1,300 tokens, as vocabularies cut four digits into one to five.
PROMPT_NUMBERS = 256
TOKENS_PER_NUMBER = 6
#: Seconds that the long prompt may take by the speed of the short one.
PROMPT_SECONDS = 4.0
#: Models that are tried, smallest first, when none is loaded: some only embed, and say so at once.
CANDIDATES = 3
#: States in which a request would wait for its time limit.
NO_ANSWER = frozenset({"silent", "refused", "asleep", "loading"})
#: Numbers that every made vocabulary of the tests knows; a real one knows all.
NUMBERS = 500


class EngineSpeed:
    """Gives engine.speed with its rates, engine.effort, and device.under_load about each device of the node."""

    level = 4
    about: Literal["node", "engine"] = "engine"
    effect: ProbeEffect = "loads-model"
    cost_seconds = 20.0
    does = (
        f"asks one model for some {2 * GENERATED_TOKENS} tokens in five requests, one of them with a long prompt: the "
        "loaded one (loaded anew if a client had loaded it with options), else the smallest, which is then loaded; "
        f"ends after {BUDGET_SECONDS:.0f} s at the latest"
    )
    gives: tuple[str, ...] = (
        "engine.speed",
        "engine.speed_earlier",
        "engine.effort",
        "device.under_load",
        "engine.output_tokens_per_second",
        "engine.input_tokens_per_second",
        "engine.first_token_seconds",
    )
    needs: tuple[str, ...] = ("engine.health", "engine.models", "engine.loaded", "engine.readings", "device.list")

    async def observe(self, place: Place) -> Iterable[Observation]:
        """Everything, Missing with the reason where the engine cannot be asked or did not answer."""
        assert place.site is not None
        if not isinstance(place.engine, TimesGeneration):
            return _nothing(place, self.gives, unknown("this engine cannot be timed"))
        state = text_of(row_of(place.seen.value(place.site.ref, "engine.health")), "state")
        if state in NO_ANSWER:
            return _nothing(place, self.gives, unknown(f"the engine is {state}, so it was not asked for tokens"))
        measuring = _Measuring(place, place.engine, place.site)
        await measuring.run()
        return measuring.tell(self.gives)


def _nothing(place: Place, names: Iterable[str], reason: Missing) -> list[Observation]:
    return [place.saw(name, reason, "no request was sent") for name in names if name.startswith("engine.")]


class _Measuring:
    """The requests to one engine, one after the other, within the budget."""

    def __init__(self, place: Place, engine: TimesGeneration, site: Site) -> None:
        self._place = place
        self._engine = engine
        self._site = site
        self._ends = place.clock.monotonic() + BUDGET_SECONDS
        self._rows: list[Value] = []
        self._facts: dict[str, Value] = {}
        self._effort: Mapping[str, Value] = {}
        self._watch = LoadWatch()
        self._problem: Missing | None = None

    async def run(self) -> None:
        """Choose the model by asking, then ask on until all is known or the time is over."""
        readings = row_of(self._place.seen.value(self._site.ref, "engine.readings"))
        self._facts["running"] = number_of(readings, "requests_running")
        self._facts["waiting"] = number_of(readings, "requests_waiting")
        model = await self._first()
        if model is None:
            return
        await self._look_where_it_lies(model)
        again = await self._ask(model, "again", self._short(2), 1)
        if again is None:
            return
        await self._generate(model)
        await self._ask(model, "generation", self._short(4), GENERATED_TOKENS)
        await self._ask(model, "prompt", self._long(again), 1)

    def tell(self, names: Iterable[str]) -> list[Observation]:
        """The observations."""
        place, source = self._place, f"requests to {self._site.url}"
        missing = unknown("it was not asked for this")
        if self._problem is not None:
            missing = self._problem
        if not self._rows:
            return [*_nothing(place, names, missing), *self._tell_devices(source)]
        speed: dict[str, Value] = {**self._facts, "requests": tuple(self._rows)}
        if self._problem is not None:
            speed["problem"] = self._problem.reason
        earlier = place.seen.value(self._site.ref, "engine.speed_earlier")
        effort: Value | Missing = self._effort or unknown("the kernel did not tell what its threads did")
        found = [
            place.saw("engine.speed", speed, source),
            place.saw("engine.speed_earlier", earlier, "earlier runs"),
            place.saw("engine.effort", effort, "/proc, before and after a generation"),
        ]
        for name, value in (
            ("engine.output_tokens_per_second", generation_rate(speed)),
            ("engine.input_tokens_per_second", input_rate(speed)),
            ("engine.first_token_seconds", first_token_seconds(speed)),
        ):
            told: Value | Missing = missing
            if value > 0:
                told = round(value, 4)
            found.append(place.saw(name, told, source))
        return [*found, *self._tell_devices(source)]

    def _tell_devices(self, source: str) -> list[Observation]:
        name = "device.under_load"
        made = [
            self._place.saw(name, summarise(samples, str(self._site.ref)), source, subject=ref)
            for ref, samples in self._watch.samples.items()
        ]
        return made + [
            self._place.saw(name, problem, source, subject=ref)
            for ref, problem in self._watch.problems.items()
            if ref not in self._watch.samples
        ]

    async def _first(self) -> str | None:
        """The first model that answers, by name; the wish for one token tells what loading took."""
        for row, loaded in _choose(self._place, self._site):
            model = text_of(row, "name")
            self._facts["model"] = model
            self._facts["size_bytes"] = await self._size(row)
            if loaded is not None:
                self._facts["loaded_before"] = loaded
            if await self._ask(model, "first", self._short(1), 1, FIRST_SECONDS) is not None:
                self._problem = None
                return model
        if self._problem is None:
            self._problem = unknown("it lists no model that could be asked")
        return None

    async def _size(self, row: Mapping[str, Value]) -> int:
        """Bytes of the weights, as told with the model or else as its files have them."""
        told = int(number_of(row, "size_bytes"))
        engine = self._place.engine
        if told or not isinstance(engine, KeepsStore):
            return told
        try:
            folder = engine.store(self._site.process, self._site)
            entries = await engine.entries(folder, self._place.transport)
        except (AccessError, EngineError):
            return 0
        if not folder or isinstance(entries, Missing):
            return 0
        return sum(one.size_bytes for one in entries if one.role == "weights")

    async def _look_where_it_lies(self, model: str) -> None:
        """Whether it is still there after the first request, and how it is split."""
        if not isinstance(self._place.engine, ReportsLoaded):
            return
        try:
            loaded = await self._place.engine.loaded(self._site, self._place.transport)
        except (AccessError, EngineError):
            return
        if isinstance(loaded, Missing):
            return
        mine = [one for one in loaded if one.name == model]
        self._facts["still_loaded"] = bool(mine)
        for one in mine:
            self._note(one)

    def _note(self, one: LoadedModel) -> None:
        self._facts["context_tokens"] = one.context_tokens
        if not isinstance(one.gpu_bytes, Missing) and one.size_bytes > 0:
            self._facts["gpu_ratio"] = round(min(one.gpu_bytes / one.size_bytes, 1.0), 4)

    async def _generate(self, model: str) -> None:
        """One generation with processor and devices watched."""
        transport, process = self._place.transport, self._site.process
        async with watch_devices(self._place) as watch:
            if isinstance(process, Missing):
                await self._ask(model, "generation", self._short(3), GENERATED_TOKENS)
            else:
                before = await read_effort(transport, process.pid)
                began = self._place.clock.monotonic()
                await self._ask(model, "generation", self._short(3), GENERATED_TOKENS)
                seconds = self._place.clock.monotonic() - began
                self._effort = compare_effort(before, await read_effort(transport, process.pid), seconds)
        self._watch = watch

    async def _ask(
        self, model: str, kind: str, prompt: str, tokens: int, most_seconds: float = REQUEST_SECONDS
    ) -> Timed | None:
        """One request, noted; None with the reason kept when the engine gave no answer or the time is over."""
        seconds = min(most_seconds, self._ends - self._place.clock.monotonic())
        if seconds <= 0:
            self._problem = failed(f"the time of {BUDGET_SECONDS:.0f} s was over")
            return None
        wanted = Wanted(model=model, prompt=prompt, tokens=tokens, seconds=seconds)
        try:
            found = await self._engine.time_generation(self._site, self._place.transport, wanted)
        except (AccessError, EngineError) as error:
            found = failed(str(error))
        if isinstance(found, Missing):
            self._problem = found
            return None
        self._rows.append(row_of_timed(kind, found))
        return found

    def _short(self, place: int) -> str:
        """A prompt that begins like no other, so that no cache has it."""
        return f"{self._number(place)} {self._number(7 * place)} Count on: 0001 0002 0003 0004"

    def _long(self, again: Timed) -> str:
        """Numbers, as many as the context holds and the speed of the short prompt allows."""
        count = PROMPT_NUMBERS
        context = number_of(self._facts, "context_tokens")
        if context:
            count = min(count, int(context / TOKENS_PER_NUMBER) - 1)
        seconds = again.input_seconds
        if isinstance(seconds, Missing) or seconds <= 0:
            seconds = again.seconds
        if not isinstance(again.input_tokens, Missing) and again.input_tokens > 0:
            count = min(count, int(again.input_tokens / seconds * PROMPT_SECONDS / TOKENS_PER_NUMBER))
        return " ".join(self._number(11 + place) for place in range(max(16, count)))

    def _number(self, place: int) -> str:
        seed = int(self._place.clock.now() * 1000)
        return f"{(seed + place * 37) % NUMBERS + 1:04d}"


def _choose(place: Place, site: Site) -> list[tuple[Mapping[str, Value], bool | None]]:
    """Models to ask, the best first: a loaded one, else the smallest; whether each is loaded, None if not told."""
    models = {text_of(row, "name"): row for row in rows_of(place.seen.value(site.ref, "engine.models"))}
    loaded = place.seen.value(site.ref, "engine.loaded")
    here = [text_of(row, "name") for row in rows_of(loaded)]
    if here:
        return [(models.get(name, {"name": name}), True) for name in here[:CANDIDATES]]
    told: bool | None = None
    if not isinstance(loaded, Missing):
        told = False
    rows = [row for row in models.values() if text_of(row, "status") != "failed"]
    return [(row, told) for row in sorted(rows, key=_size_of)[:CANDIDATES]]


def _size_of(row: Mapping[str, Value]) -> float:
    return find_number(row.get("size_bytes")) or 0.0


PROBE = EngineSpeed()
