"""Job: what is to be asked, of whom, how what comes is judged and written, and within which bounds. Data and seams.

The runner reads tasks from a `Source`, asks a `Target`, lets a `Judge` look at each answer and writes what a `Writes`
makes of each outcome. Tasks of one source are the same whenever they are read: a task's number is its name for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from keepwell.batch.item import Outcome, Task

#: True for the number of a task that is not wanted (again): its line need not be understood, only counted.
Skip: TypeAlias = Callable[[int], bool]


class Source(Protocol):
    """The input of a job; it can be read as often as one likes."""

    def read(self, skip: Skip) -> Iterator[Task]:
        """Tasks in order of their numbers, from 0, without those that `skip` says yes to; each is read when it is asked
        for. At a million lines, skipping all must take less than a second or so. Raises ConfigurationError with the
        line's number for one that is no task.
        """
        ...


class Writes(Protocol):
    """The output's format. What it gives for a task and outcome depends on nothing else, so it can be made again."""

    @property
    def begin(self) -> bytes:
        """What a new output begins with, such as a CSV's names of columns."""
        ...

    def render(self, task: Task, outcome: Outcome) -> tuple[bytes, bytes]:
        """What is added to the output, and to the file of errors: whole lines, each may be b"" for nothing."""
        ...


class Judge(Protocol):
    """What an answer has to be besides an answer."""

    def judge(self, task: Task, body: bytes) -> str:
        """Why this answer (its JSON) is not what is wanted, "" for one that is."""
        ...

    def ask_again(self, task: Task, body: bytes, why: str) -> bytes:
        """The request's body for asking once more, told why the last answer was not taken."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Who is asked: "http://HOST:PORT" (a path of it is put before a task's), and the key, "" for none.

    `model` replaces the one in a task's body, "" leaves it: fallbacks have one.
    """

    url: str
    api_key: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much at a time, how long, how often. 0 where there is no bound but the usual.

    `concurrency` is the most at a time; with `adapts` it begins lower and is found. `seconds` are one try's. `until` is
    an instant (seconds since the epoch) after which nothing is begun, `tokens` what a run may spend, `patience` for how
    many seconds nobody answers before the run gives up; `tries` replaces that of every class of trouble, and `waits` is
    a factor to the seconds before another try.
    """

    concurrency: int = 8
    adapts: bool = False
    seconds: float = 600.0
    until: float = 0.0
    tokens: int = 0
    patience: float = 900.0
    tries: int = 0
    waits: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job. `targets` are the one that is asked and, behind it, those that are asked where it cannot answer.

    `manifest` names all that its answers depend on (digest of the input, model, template, parameters), as text: a job
    that was begun goes on only with the same. `total` is the number of tasks, 0 where it is not known. With `ordered`
    lines of the output stand in the order of the input.
    """

    source: Source
    targets: tuple[Target, ...]
    writes: Writes
    judge: Judge | None = None
    bounds: Bounds = field(default_factory=Bounds)
    manifest: Mapping[str, str] = field(default_factory=dict)
    total: int = 0
    ordered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How far a run is. Counts are of all runs of the job, but for `done_here`; `ended` says why this one ended, ""
    while it goes on: "done", "stopped", "until", "budget", "unreachable".

    `left_low` and `left_high` are seconds that are left, within which the end is expected; nan where nobody can tell.
    """

    total: int
    done: int
    answered: int
    troubles: Mapping[str, int]
    done_here: int
    in_flight: int
    at_a_time: int
    input_tokens: int
    output_tokens: int
    seconds: float
    rate: float
    left_low: float
    left_high: float
    ended: str = ""
    why: str = ""
