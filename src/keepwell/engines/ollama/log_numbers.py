"""What Ollama's log tells as it grows: loads and where they lie, evictions, deaths, cut prompts, requests.

It counts from where it begins to read: counters are those of what was seen, as with any counter that began at 0.
Two generations are read: own runners (to 0.24) and a llama-server child (since 0.30).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from keepwell.core.distribution import EDGE, name_distribution
from keepwell.core.event import Event
from keepwell.core.series import Reading, SeriesKey
from keepwell.engines.ollama.log import parse_child, parse_placement
from keepwell.formats.durations import parse_go_duration
from keepwell.formats.logtime import find_time
from keepwell.plugins.engine import Placement

_CHILD = re.compile(r"starting (?:llama server|runner|llama-server)\b")
_STARTED = re.compile(r"(?:llama runner|llama-server) started in (\d{1,6}(?:\.\d{1,3})?) seconds")
_DIED = re.compile(
    r"(?:llama runner|llama-server) process (?:has terminated|no longer running)|error loading llama server"
    r"|timed out waiting for llama"
)
#: Lines with which a model is sent away for another; of one eviction several may be written, one of each kind.
_EVICTED = re.compile(
    r"resetting model to expire immediately to make room|evicting a model to make space"
    r"|predicted to exceed available memory, evicting|evicting all other loaded models"
    r"|runtime OOM detected; expiring loaded models"
)
_CUT = re.compile(r"truncating input prompt")
#: A child of 0.30 and later: how far it is with a prompt, and that a request of it ended.
_PROGRESS = re.compile(r"prompt processing(?: progress)?, .{0,200}?progress = (\d(?:\.\d{1,6})?)")
_RELEASED = re.compile(r"slot +release: .{0,200}stop processing")
_ACCESS = re.compile(r'\[GIN\] \S+ - \S+ \| (\d{3}) \| +(\S+) \| +\S+ \| POST +"(/[^"\s?]{1,80})')
#: Paths whose requests make a model work.
_WORK = frozenset(
    {"/api/chat", "/api/generate", "/api/embed", "/api/embeddings", "/v1/chat/completions", "/v1/completions"}
    | {"/v1/embeddings", "/v1/responses", "/v1/messages"}
)
#: Upper edges of the times of whole requests: vLLM's, so that those of both can be added up.
EDGES: tuple[float, ...] = (
    *(0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0),
    *(30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0),
)
#: Lines of a load that are kept until it is over; a verbose one writes some hundred.
LOAD_LINES = 2_000
#: Seconds within which lines of different kinds tell of one eviction.
ONE_EVICTION = 2.0
BUSY, BROKEN = 503, 500


@dataclass(frozen=True, slots=True)
class Load:
    """A load that ended well: the weights file, seconds, where it lies (None where the log does not tell)."""

    path: str
    seconds: float
    placement: Placement | None


@dataclass(slots=True)
class LogNumbers:
    """Reads lines as they come. A load is an event only if it is the first that is seen of its file or lies elsewhere
    than the one before. `loads` is the newest of each weights file; `progress` how far the newest prompt is,
    None while none is computed; `events` what happened since they were taken.
    """

    source: str
    loads: dict[str, Load] = field(default_factory=dict)
    progress: float | None = None
    loading: str = ""
    newest: str = ""
    events: list[Event] = field(default_factory=list)
    counted: dict[str, float] = field(default_factory=dict)
    buckets: list[int] = field(default_factory=list)
    _lines: deque[str] = field(default_factory=deque)
    _evicted: tuple[str, float] = ("", 0.0)
    _dead: bool = False
    _looked: float = 0.0

    def __post_init__(self) -> None:
        self._lines = deque(maxlen=LOAD_LINES)
        self.begin_counting()

    def begin_counting(self) -> None:
        """Counters at 0: what never happened is told as such, and what happened before the first look is not counted a
        second time after the engine or keepwell was started again.
        """
        self.counted = dict.fromkeys(COUNTERS, 0.0)
        self.buckets = [0] * (len(EDGES) + 1)

    def read(self, lines: Iterable[str], now: float) -> None:
        """New lines, oldest first; `now` stands for the time of lines that tell none."""
        for line in lines:
            access = _ACCESS.search(line)
            if access is not None:
                self._request(int(access[1]), access[2], access[3])
            else:
                self._lines.append(line)
                self._line(line, now)
        self._looked = now

    def take_events(self) -> tuple[Event, ...]:
        """What happened since the last call."""
        events, self.events = tuple(self.events), []
        return events

    def readings(self, subject: str) -> Iterator[Reading]:
        """The counters, about the engine."""
        for name, value in self.counted.items():
            yield SeriesKey(name, subject), value
        names = name_distribution("engine.end_to_end")
        below = 0
        for edge, number in zip([*EDGES, float("inf")], self.buckets, strict=True):
            below += number
            text = "+Inf" if edge == float("inf") else str(edge)
            yield SeriesKey(names.bucket, subject, ((EDGE, text),)), float(below)

    def _line(self, line: str, now: float) -> None:
        started = _STARTED.search(line)
        if _CHILD.search(line):
            self.loading = parse_child(line).get("--model", "") or self.loading
            self._dead = False
        elif started is not None:
            self._loaded(float(started[1]), line, now)
        elif _DIED.search(line):
            self._died(line, now)
        elif (evicted := _EVICTED.search(line)) is not None:
            self._evict(evicted[0], line, now)
        elif _CUT.search(line):
            self.counted["engine.prompts_cut_total"] += 1
        else:
            self._prompt(line)

    def _prompt(self, line: str) -> None:
        progress = _PROGRESS.search(line)
        if progress is not None:
            self.progress = min(1.0, float(progress[1]))
        elif self.progress is not None and _RELEASED.search(line):
            self.progress = None

    def _loaded(self, seconds: float, line: str, now: float) -> None:
        placements = parse_placement(tuple(self._lines))
        self._lines.clear()
        placement = placements[-1] if placements and placements[-1].layers else None
        before = self.loads.get(self.loading)
        self.newest = self.loading
        self.loads[self.loading] = Load(self.loading, seconds, placement)
        self.counted["engine.loads_total"] += 1
        self.counted["engine.load_seconds_total"] += seconds
        if before is not None and _layers(before.placement) == _layers(placement):
            return
        where = f", {placement.gpu_layers} of {placement.layers} layers on a GPU" if placement else ""
        self._tell(f"loaded in {seconds:.2f} s{where}", line, now)

    def _died(self, line: str, now: float) -> None:
        if self._dead:
            return
        self._dead = True
        failed_load = self.loading not in self.loads or self.newest != self.loading
        name = "engine.loads_failed_total" if failed_load else "engine.runner_deaths_total"
        self.counted[name] += 1
        self._tell("could not be loaded" if failed_load else "the process that ran it died", line, now)
        self.progress = None

    def _evict(self, kind: str, line: str, now: float) -> None:
        at = find_time(line) or now
        before, when = self._evicted
        if before and kind != before and abs(at - when) < ONE_EVICTION:
            return
        self._evicted = kind, at
        self.counted["engine.evictions_total"] += 1
        self._tell("a model had to leave memory for another", line, now)

    def _tell(self, what: str, line: str, now: float) -> None:
        at = find_time(line)
        told = Event(at=at or now, kind="model", what=what, source=self.source, about=self.loading, topic="engine")
        if at is None:
            told = replace(told, sure="between", after=self._looked)
        self.events.append(told)

    def _request(self, status: int, took: str, path: str) -> None:
        if path not in _WORK:
            return
        self.counted["engine.requests_total"] += 1
        self.counted["engine.requests_refused_total"] += status == BUSY
        self.counted["engine.requests_failed_total"] += status >= BROKEN
        seconds = parse_go_duration(took)
        if seconds is not None:
            self.counted["engine.end_to_end_seconds_total"] += seconds
            self.counted["engine.end_to_end_total"] += 1
            self.buckets[bisect_left(EDGES, seconds)] += 1


def _layers(placement: Placement | None) -> tuple[int, int]:
    return (placement.layers, placement.gpu_layers) if placement else (0, 0)


COUNTERS: Sequence[str] = (
    "engine.loads_total",
    "engine.load_seconds_total",
    "engine.loads_failed_total",
    "engine.runner_deaths_total",
    "engine.evictions_total",
    "engine.prompts_cut_total",
    "engine.requests_total",
    "engine.requests_failed_total",
    "engine.requests_refused_total",
    "engine.end_to_end_seconds_total",
    "engine.end_to_end_total",
)
