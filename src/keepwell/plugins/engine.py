"""The contract of an engine: a file in `engines/` that ends in `ENGINE: Engine`, plus small capabilities.

An engine implements `Engine` and whichever capabilities it has; one that it lacks shows as a Missing value
and is never branched on by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from keepwell.core.observation import Missing
from keepwell.plugins.model_facts import NOTHING_KNOWN, ModelFacts
from keepwell.plugins.own_numbers import Teller
from keepwell.plugins.place import LogSource, ServingProcess, Site
from keepwell.transport.base import Transport

SettingKind: TypeAlias = Literal[
    "address", "port", "path", "integer", "number", "duration", "boolean", "text", "list", "choice"
]
HealthState: TypeAlias = Literal["well", "loading", "asleep", "failing", "silent", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A setting that an engine reads: environment variable or flag, its kind, default and release range.

    `since` and `until` are the first and the last release series that read it ("" = always, still).
    `flag` is the command-line form, `aliases` its other spellings (`-c`, `--no-slots`); a setting without a
    variable is named by its flag. `secret` values must be masked before they are shown.
    """

    name: str
    kind: SettingKind
    default: str = ""
    flag: str = ""
    aliases: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    choices: tuple[str, ...] = ()
    secret: bool = False
    help: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What an engine says it is: version ("" if it does not tell) and the answer that proved it."""

    version: str
    proof: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """More than a 200: the state, the HTTP status (0 if none), seconds, and what it said."""

    state: HealthState
    http_status: int
    seconds: float
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """A model that an engine offers. `path` is its weights file where known; sizes in bytes, 0 if not told.

    `modified_at` is when it was pulled or made, seconds since the epoch, 0 if not told.
    `status` is the engine's own word (loaded, unloaded, loading), but "failed" where the process that ran it
    ended with an error and nobody loaded it again. `facts` are what the list itself tells beside.
    """

    name: str
    digest: str = ""
    size_bytes: int = 0
    path: str = ""
    context_tokens: int = 0
    status: str = ""
    modified_at: float = 0.0
    facts: ModelFacts = NOTHING_KNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model in memory: where it lies (placement, not utilisation) and until when.

    `expires_at` is seconds since the epoch, 0 if not told.

    `gpu_bytes` is Missing where the engine does not tell the split. `in_child`: a process of its own runs it.
    """

    name: str
    size_bytes: int
    gpu_bytes: int | Missing
    context_tokens: int = 0
    slots: int = 0
    expires_at: float = 0.0
    in_child: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """A setting as it is in force: the value, where it was read, and what is wrong with it.

    `origin` is environment, argument, log, or file (wished by a start file while nothing runs, or not in
    force). A child that runs a model has its own settings, named "child --flag", always from the log.

    `problem` is "" when it is fine; otherwise one sentence, and `kind` one word: malformed, unread (this
    version never reads it), shadowed (something else is in force than what was wished). `nearest` is the
    known name that an unread one resembles most; `suggested` a value that would be right; `wished` what the
    start file asks for where that is not in force. All three may be "". Values of secrets are unmasked here.
    """

    name: str
    value: str
    origin: str
    problem: str = ""
    kind: str = ""
    nearest: str = ""
    suggested: str = ""
    wished: str = ""
    secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreEntry:
    """A file that the engine's model store must hold: its path, expected size (0 = any), for which model.

    `exact` says that another size is wrong; otherwise `size_bytes` is the least. `role` is weights, manifest,
    config or part. `problem` is what the plug-in itself found wrong while reading it, in the words of
    engine.store ("manifest-corrupt", "not-a-model", "truncated", "empty", "missing"), with `detail` as a
    sentence; both "" when it looks right.
    """

    path: str
    size_bytes: int
    model: str
    role: str = "weights"
    exact: bool = True
    problem: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a model's weights and caches lie, as the engine's log told when it loaded them.

    Layers count the output layer; bytes are the sums of the buffers that the log named, 0 where it named
    none. `device_bytes` is by device name as the engine writes it.
    """

    model: str
    layers: int
    gpu_layers: int
    gpu_bytes: int
    host_bytes: int
    device_bytes: Mapping[str, int]


@runtime_checkable
class Engine(Protocol):
    """What every engine has.

    `title` is its proper name; `ports` its well-known ports; `settings` what it reads; `follow_ups` are
    patterns of log lines that tell of an earlier error (never a cause); `service_names` are usual unit and
    container names; `programs` usual program names, as hints for where to look, never as proof.
    `specificity` ranks proofs: where several plug-ins recognise one address, the highest is right (a
    generic interface has 0, an engine of its own 10; two of equal rank never recognise the same server).
    """

    title: str
    specificity: int
    ports: tuple[int, ...]
    programs: tuple[str, ...]
    service_names: tuple[str, ...]
    settings: tuple[Setting, ...]
    follow_ups: tuple[str, ...]

    def resembles(self, argv: Sequence[str]) -> bool:
        """True if a process with this command line may be this engine's server (a hint)."""
        ...

    def address(self, argv: Sequence[str], environment: Mapping[str, str]) -> tuple[str, int] | Missing:
        """Host and port that a server with these would bind, or why they cannot be told (malformed)."""
        ...

    async def detect(self, url: str, transport: Transport, *, api_key: str = "") -> Identity | Missing:
        """Ask the address; Missing(absent) if something else answers there, failed if nothing does."""
        ...

    async def health(self, site: Site, transport: Transport) -> Health:
        """Is it able to serve? Never loads a model. Engine-specific tells (asleep, loading) count."""
        ...


@runtime_checkable
class ListsModels(Protocol):
    """An engine that can say which models it offers."""

    async def models(self, site: Site, transport: Transport) -> tuple[ModelInfo, ...] | Missing:
        """All models that it offers, loaded or not."""
        ...


@runtime_checkable
class ReportsLoaded(Protocol):
    """An engine that can say what lies in memory, without loading or keeping anything."""

    async def loaded(self, site: Site, transport: Transport) -> tuple[LoadedModel, ...] | Missing:
        """What is loaded now and how it is split between CPU and GPU."""
        ...


@runtime_checkable
class ExposesMetrics(Protocol):
    """An engine with metrics of its own."""

    async def metrics(self, site: Site, transport: Transport) -> Mapping[str, float] | Missing:
        """Readings under keepwell's names: requests_running, requests_waiting, kv_cache_ratio, tokens_total, ..."""
        ...


@runtime_checkable
class TellsNumbers(Protocol):
    """An engine with numbers of its own that are worth keeping as series."""

    @property
    def tells(self) -> tuple[str, ...]:
        """Names of all series that it may tell, each declared in `keepwell.metrics`."""
        ...

    def open_numbers(self, site: Site) -> Teller:
        """Begin to ask this one. Costs nothing by itself."""
        ...


@runtime_checkable
class KnowsSettings(Protocol):
    """An engine whose effective settings can be told from its process and log."""

    def effective(
        self, process: ServingProcess | Missing, log: Sequence[str], version: str, wished: Mapping[str, str]
    ) -> tuple[Effective, ...]:
        """Settings in force, from environment, arguments and log lines; `wished` are those in its start files."""
        ...


@runtime_checkable
class BeginsRuns(Protocol):
    """An engine that begins each run with a line of its own: `first_lines` are words of such lines, not patterns."""

    first_lines: tuple[str, ...]


@runtime_checkable
class KnowsLogs(Protocol):
    """An engine whose log lies at known places."""

    def logs(self, site: Site, platform: str) -> tuple[LogSource, ...]:
        """Where this engine's log is on this platform ("linux", "darwin"), likeliest first."""
        ...


@runtime_checkable
class KeepsStore(Protocol):
    """An engine that keeps model files on disk."""

    def store(self, process: ServingProcess | Missing, site: Site) -> str:
        """The folder (or file) that holds the weights; "" if it cannot be told."""
        ...

    async def entries(self, folder: str, transport: Transport) -> tuple[StoreEntry, ...] | Missing:
        """The files that must be there for the models that it lists."""
        ...


@runtime_checkable
class FillsStore(Protocol):
    """An engine that itself fetches models into its store, and so must be able to write there."""

    fills_store: bool


@runtime_checkable
class KeepsParts(Protocol):
    """An engine that writes into folders of its store, named from the store's own folder (as it makes them)."""

    store_parts: tuple[str, ...]


@runtime_checkable
class RunsChildren(Protocol):
    """An engine that runs models in child processes, which may listen on ports of their own."""

    def child_model(self, argv: Sequence[str]) -> str | Missing:
        """The model (name or path, "" if not told) that a child with this command line runs; absent if it is none."""
        ...


@runtime_checkable
class MayRunItself(Protocol):
    """An engine of RunsChildren that, started another way, runs its model in its own process."""

    def runs_itself(self, process: ServingProcess) -> bool:
        """True if this process needs no child to run its model."""
        ...


@runtime_checkable
class TellsPlacement(Protocol):
    """An engine whose log says where a model lies when it is loaded."""

    def placement(self, log: Sequence[str]) -> tuple[Placement, ...]:
        """One for each load that the lines tell of, oldest first."""
        ...


@runtime_checkable
class SpeaksDialects(Protocol):
    """An engine that speaks wire formats of `keepwell.dialects`; by name, its own first."""

    dialects: tuple[str, ...]


@runtime_checkable
class LearnedDialects(Protocol):
    """An engine whose later releases speak more wire formats: by name, the release since which."""

    later_dialects: Mapping[str, str]
