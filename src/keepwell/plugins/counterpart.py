"""The contract of an engine that models can be moved to: which form of a model it takes, what that needs, its start.

Pure: what is known of a model comes in, what would serve it goes out. Nothing is fetched, so the name of a repository
that nobody told is "" with words on how to find it, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from keepwell.formats.gguf_shape import ModelShape

#: Bytes of a GiB, in which memory of cards is told.
GIB = 1024**3
#: Characters of a service's name; units and containers take more, people do not.
NAME_CHARACTERS = 60
_WORDS = re.compile(r"[a-z0-9]+")
#: Stands where the name of a repository has to be written before the start.
UNKNOWN_MODEL = "WRITE-THE-REPOSITORY-OR-FOLDER-HERE"


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedModel:
    """A model as the engine has it that it is moved from. "" and 0 stand for what is not known.

    `names` are those that clients ask for, `path` the file or folder of its weights, `source` the repository of the
    same weights in 16 bits, `bases` those of models that it was made of, which may be other weights, `said_name` its
    file's own name for it. `context_tokens` is what a request can use now (`context_from` says how that is known),
    `context_limit` what it was made for, `at_once` requests at the same time. `table_parameters` are those of the
    tables of tokens. `more_files` are further weights (projectors, adapters). `embeds`: it makes vectors alone.
    """

    name: str
    names: tuple[str, ...]
    path: str = ""
    format: str = ""
    quantisation: str = ""
    parameters: int = 0
    table_parameters: int = 0
    weight_bytes: int = 0
    shape: ModelShape | None = None
    source: str = ""
    bases: tuple[str, ...] = ()
    said_name: str = ""
    context_tokens: int = 0
    context_from: str = ""
    context_limit: int = 0
    at_once: int = 1
    has_template: bool = False
    embeds: bool = False
    more_files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Bytes of memory that a model takes there, with the sums in words. All 0: nobody can reckon it.

    `cache_token_bytes` is what one more token of context takes for all requests at once.
    """

    weight_bytes: int = 0
    cache_bytes: int = 0
    work_bytes: int = 0
    cache_token_bytes: float = 0.0
    sums: tuple[str, ...] = ()

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return self.weight_bytes + self.cache_bytes + self.work_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterpart:
    """A form of the model that the engine takes: `model` is the path or repository that it is started with, "" where
    that is not known, and `find` says how to find it. `same_file`: the very weights that are served now.
    """

    format: str
    quantisation: str
    model: str
    need: Need
    why: str
    same_file: bool = False
    find: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A model with the counterpart that is served, at which port, with which share (0..1) of a card's memory."""

    model: MovedModel
    counterpart: Counterpart
    port: int
    memory_ratio: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A path of the machine in a container; read-only unless `writes`."""

    outside: str
    inside: str
    writes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A server to be started: on the machine by `argv`, in a container of `image` by `image_argv`.

    `secrets` are variables that an environment file may give. `health` is the command that tells in the container
    whether it is well. `files` are further files by name, `afterwards` commands to be run once it
    serves on the machine, `image_afterwards` those in the container.
    """

    name: str
    models: tuple[str, ...]
    argv: tuple[str, ...]
    port: int
    image: str
    image_argv: tuple[str, ...]
    health: tuple[str, ...]
    start_seconds: int
    environment: Mapping[str, str] = field(default_factory=dict)
    image_environment: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    cache_folder: str = ""
    shared_memory: bool = False
    files: Mapping[str, str] = field(default_factory=dict)
    afterwards: tuple[tuple[str, ...], ...] = ()
    image_afterwards: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()


@runtime_checkable
class TakesModels(Protocol):
    """An engine that models can be moved to."""

    def counterparts(self, model: MovedModel) -> tuple[Counterpart, ...]:
        """Forms of the model that it can serve, the best first; () where it serves no such model."""
        ...

    def usable_memory(self, card_bytes: int) -> tuple[int, str]:
        """How much of a card's memory it uses, and the sum in words."""
        ...

    def servings(self, chosen: Sequence[Chosen], toolkit: str) -> tuple[Serving, ...]:
        """The servers for these; `toolkit` is the compute toolkit of the card (cuda, rocm, ...), "" without one."""
        ...


@runtime_checkable
class TellsContext(Protocol):
    """An engine whose settings say how many tokens a request can use of a model that does not say it itself."""

    def context_in_force(self, settings: Mapping[str, str]) -> int:
        """From its settings by name; 0 where they do not say it."""
        ...


def clean_name(name: str) -> str:
    """A name for services, files and units: lower-case letters, digits and dashes."""
    words = _WORDS.findall(name.lower())
    return "-".join(words)[:NAME_CHARACTERS].strip("-") or "model"
