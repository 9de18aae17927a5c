"""SampleDesk: what an agent does for the call `samples`: samples for as long as somebody asks, and hands it out.

Asked: what was heard so far (see `wire.py`) and `{"watch": {pid: Ref}}`. Who asks takes a lease of LEASE_SECONDS; when
it runs out the sampler stops and lets go of everything, devices too. Several may ask: they get the same samples.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from keepwell.core.clock import Clock
from keepwell.core.ref import Ref
from keepwell.telemetry.rounds import Fence, Plan, Sample
from keepwell.telemetry.sampling import CLOSE_SECONDS, Sampler
from keepwell.telemetry.wire import Writer, parse_heard
from keepwell.transport.far.job import Refusal

if TYPE_CHECKING:
    from keepwell.transport.far.job import Done, Job

#: Seconds without a question after which nobody is taken to want samples: six times the slowest pace of a hub.
LEASE_SECONDS = 30.0
#: What this node is called in what is watched: several may ask, each by its own name, and each gets its own back.
HERE = "here"
#: Processes that all who ask may have watched together; a node runs a few engines with some workers each.
WATCHED = 512


class SampleDesk:
    """`make_plan` is called in a thread when somebody asks for the first time: an idle agent loads no collector."""

    def __init__(self, make_plan: Callable[[], Plan], clock: Clock) -> None:
        self._make_plan = make_plan
        self._clock = clock
        self._lock = threading.Lock()
        self._asked = 0.0
        self._plan: Plan | None = None
        self._failed = ""
        self._opening: threading.Thread | None = None
        self._sampler: Sampler | None = None
        self._writer = Writer(0)
        self._watched: dict[int, tuple[str, float]] = {}

    @property
    def sampling(self) -> bool:
        """True while samples are taken."""
        return self._sampler is not None and self._sampler.running

    def answer(self, job: Job) -> Done:
        """The samples that the asker lacks; none yet at the first question. Never waits.

        Raises Refusal, which is an AccessError at the other end, where collectors cannot be loaded.
        """
        heard = parse_heard(job.args)
        with self._lock:
            self._asked = self._clock.monotonic()
            watched = self._watch(job.args.get("watch"))
            if self._sampler is not None:
                self._sampler.watch(watched)
            if not self.sampling and self._opening is None and not self._failed:
                self._opening = threading.Thread(target=self._open, name="keepwell-open", daemon=True)
                self._opening.start()
            writer, failed = self._writer, self._failed
        if failed:
            raise Refusal("AccessError", failed)
        return {}, writer.render(heard)

    def close(self) -> None:
        """Stop sampling."""
        if self._opening is not None:
            self._opening.join(CLOSE_SECONDS)
        if self._sampler is not None:
            self._sampler.close()

    def _open(self) -> None:
        """Begin to sample. A thread's work, for the first time takes half a second."""
        with Fence() as fence:
            plan = self._plan or self._make_plan()
            sampler = Sampler(plan, self._clock, self._take)
            with self._lock:
                self._plan, self._failed = plan, ""
                self._writer = Writer(int(self._clock.now() * 1000))
                self._sampler = sampler
                sampler.watch({pid: text for pid, (text, _) in self._watched.items()})
            sampler.start()
        if fence.error is not None:
            self._failed = f"this agent cannot sample ({type(fence.error).__name__}: {fence.error})"
        self._opening = None

    def _take(self, sample: Sample) -> None:
        self._writer.add(sample)
        if self._clock.monotonic() - self._asked > LEASE_SECONDS and self._sampler is not None:
            self._sampler.stop()

    def _watch(self, told: object) -> dict[int, str]:
        """What all who asked lately want watched. What is no pid or no Ref is passed over."""
        if isinstance(told, dict):
            for pid, text in told.items():
                own = _find_own(text)
                if str(pid).isdecimal() and own:
                    self._watched[int(pid)] = own, self._asked
        late = self._asked - LEASE_SECONDS
        fresh = [(pid, row) for pid, row in self._watched.items() if row[1] >= late]
        self._watched = dict(fresh[-WATCHED:])
        return {pid: text for pid, (text, _) in self._watched.items()}


def _find_own(text: object) -> str:
    """The text of a Ref as it is here, whatever the asker calls this node; "" for what is none."""
    if not isinstance(text, str):
        return ""
    try:
        found = Ref.parse(text)
    except ValueError:
        return ""
    return str(Ref(found.kind, (HERE, *found.path[1:])))
