"""Operation: one typed function that every face presents, described once.

An operation's name, help text, parameters and effect come from the function itself; the command line and
the MCP server each build their own form from it. "Read-only" is a filter on `effect`, not a promise.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, TypeAlias, get_args, get_origin

from keepwell.core.foresight import Foresight

#: Exit code of every error: "could not look", for a wrong configuration and for a node that does not answer.
COULD_NOT_LOOK = 3

#: What calling it does to the world.
Effect: TypeAlias = Literal["read", "change"]


class Report(Protocol):
    """What an operation gives back: a frozen dataclass that knows its schema and how bad things are."""

    @property
    def schema(self) -> str:
        """Name and version of the JSON form, such as "keepwell.diagnosis/1"."""
        ...

    @property
    def exit_code(self) -> int:
        """0 well, 1 warnings, 2 critical, 3 could not look."""
        ...


#: Told while work goes on: a sentence, how many parts are done, and of how many.
Progress: TypeAlias = Callable[[str, int, int], None]
#: Asked before work that does more than look: what it will do, a line each; the owner's yes or no.
Agree: TypeAlias = Callable[[Sequence[str]], bool]


def silent(text: str, done: int, total: int) -> None:
    """A progress callback that shows nothing."""


def never(lines: Sequence[str]) -> bool:
    """Agrees to nothing: where nobody can be asked."""
    return False


def untold(line: str) -> None:
    """Tells nobody."""


def standard_input() -> BufferedReader:
    """The process's standard input as bytes; OSError when there is none."""
    return open(0, "rb", closefd=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, and how to reach them while the work runs.

    `asked_by` is the face, or whose key it was with the face behind it: "ada (api)".
    `progress` gets a sentence and how many of how many parts are done; `tell` gets lines for a person as the
    work goes on, `note` such that are told beside the answer; `agree` is asked before what does more than look.
    `config` is the keepwell.toml and `state` the state folder that were named, if any. `watched`: somebody sees what
    `progress` tells as a line that changes; else lines now and then are for them.
    """

    asked_by: str = "cli"
    config: Path | None = None
    state: Path | None = None
    progress: Progress = silent
    agree: Agree = never
    tell: Callable[[str], None] = untold
    note: Callable[[str], None] = untold
    read_input: Callable[[], BufferedReader] = standard_input
    watched: bool = False

    @property
    def face(self) -> str:
        """By which face it was asked for."""
        return self.asked_by.rpartition("(")[2].removesuffix(")")


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """How a parameter is shown: its help text, short flag, place, and the faces that do not offer it.

    `position` makes it an argument instead of a flag; `hidden_from` names faces ("mcp") without it. The rest is for
    who asks from afar, see `keepwell.app.rights`: `guarded` needs the right to change things (a number only beyond
    `free_up_to`); `means` says what a text may reach: a "place" to look at, or a "name" that could be a file's.
    """

    help: str
    short: str = ""
    position: bool = False
    hidden_from: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    guarded: bool = False
    free_up_to: int | None = None
    means: Literal["", "place", "name"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of an operation as the faces need it; `required` when it has no default."""

    name: str
    type: Any
    default: Any
    required: bool
    param: Param


@dataclass(frozen=True, slots=True, kw_only=True)
class ForModels:
    """That an operation may be called by a language model which is asked about this machine: `words` of questions that
    it helps to answer, parted by blanks, and the parameters that the model may set (`takes`); all others keep their
    defaults.

    It must be an operation that reads, loads and wakes nothing, reads no file and asks no machine that a model names.
    """

    words: str
    takes: tuple[str, ...] = ()


#: Tells what an operation would do with these arguments, which are whole; changes nothing.
Foresee: TypeAlias = Callable[[Caller, Mapping[str, Any]], Awaitable[Foresight]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation: name as typed by a person, effect, and the async function (its first parameter is the Caller).

    A name of two words is a command of a group ("incident open"). `view` is the module that shows its answers, that of
    its name if left out. `watchable` ones make sense again and again, on a live screen; `paged` ones as a page of
    `keepwell.pages`. `timed` ones measure time, in
    the loop of `keepwell.bench.measuring`. Only one with `for_models` is offered to a model by `keepwell ask`.
    A `proposable` change may be asked for by somebody who may not make it, such as an assistant: a person approves what
    `foresee` told, or what the description says where that is None.
    """

    name: str
    effect: Effect
    function: Callable[..., Awaitable[Any]]
    faces: tuple[str, ...] = ("cli", "mcp", "api")
    watchable: bool = False
    paged: bool = False
    timed: bool = False
    heavy: bool = False
    reads_without: tuple[str, ...] = ()
    view: str = ""
    for_models: ForModels | None = None
    proposable: bool = False
    foresee: Foresee | None = None

    @property
    def room(self) -> str:
        """The name of the modules that show what it gives."""
        return self.view or self.name.replace("-", "_")

    @property
    def group(self) -> str:
        """The first word of a name of two, else ""."""
        return self.name.rpartition(" ")[0]

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(self.function) or "").split("\n", 1)[0]

    @property
    def description(self) -> str:
        """The whole docstring."""
        return inspect.getdoc(self.function) or ""

    def parameters(self, face: str) -> tuple[Parameter, ...]:
        """The parameters that this face offers, in order, without the Caller."""
        rows = list(inspect.signature(self.function).parameters.values())[1:]
        made = (_parameter(row) for row in rows)
        return tuple(one for one in made if face not in one.param.hidden_from)


def _parameter(row: inspect.Parameter) -> Parameter:
    if get_origin(row.annotation) is not Annotated:
        raise TypeError(
            f"parameter {row.name} of an operation is not Annotated with a Param (as a value, not a string)"
        )
    kind, param = get_args(row.annotation)[:2]
    required = row.default is inspect.Parameter.empty
    return Parameter(name=row.name, type=kind, default=row.default, required=required, param=param)
