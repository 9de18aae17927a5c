"""What `migrate prepare` gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

#: Whether a model fits on the card; unknown where its need or the card is not known.
Fits: TypeAlias = Literal["yes", "no", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The memory that models have to fit into: of a card, or of the machine where there is none (`is_gpu` False).

    `source` says who told it; `toolkit` is the compute toolkit of the card, "" where it is not known.
    """

    name: str
    memory_bytes: int
    is_gpu: bool
    source: str
    toolkit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedForm:
    """A form of a model on the other engine. `model` is "" where its name is not known; `find` says how to find it.

    `sums` are the terms of the need in words. `most_tokens` is the longest context for each request with which it fits,
    at most the model's own; 0 where that is not known or it does not fit at all.
    """

    format: str
    quantisation: str
    model: str
    same_file: bool
    chosen: bool
    why: str
    find: tuple[str, ...]
    notes: tuple[str, ...]
    weight_bytes: int
    cache_bytes: int
    work_bytes: int
    need_bytes: int
    sums: tuple[str, ...]
    fits: Fits
    most_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedModel:
    """A model as it is served now, and its forms on the other engine. "" and 0 stand for what is not known.

    `source` is the repository of the same weights as its file tells it, `bases` those of what it was made of.
    """

    name: str
    names: tuple[str, ...]
    path: str
    format: str
    quantisation: str
    parameters: int
    weight_bytes: int
    source: str
    bases: tuple[str, ...]
    context_tokens: int
    context_from: str
    context_limit: int
    at_once: int
    forms: tuple[PreparedForm, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedServer:
    """A server to start: its command, where it will answer. `ready` is False while a name must be filled in."""

    name: str
    models: tuple[str, ...]
    argv: tuple[str, ...]
    environment: tuple[str, ...]
    url: str
    ready: bool
    afterwards: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedFile:
    """A file by its name in a folder; `private` ones may hold secrets, and are written for their owner alone."""

    name: str
    text: str
    private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareReport:
    """The answer of `migrate prepare`. `usable` is the sum of what may be used of the card; `together` are the needs of
    all chosen forms. `written` are the paths of the files that were written, none where they were only to be seen.
    """

    source: str
    source_title: str
    to: str
    to_title: str
    node: str
    card: Card | None
    usable_bytes: int
    usable: str
    together_bytes: int
    together_fits: Fits
    models: tuple[PreparedModel, ...]
    servers: tuple[PreparedServer, ...]
    files: tuple[PreparedFile, ...]
    written: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.preparation/1"

    @property
    def exit_code(self) -> int:
        """2 where something does not fit, 1 where something is not known or has to be filled in, else 0."""
        said = {self.together_fits, *(form.fits for one in self.models for form in one.forms if form.chosen)}
        if "no" in said:
            return 2
        unsure = "unknown" in said or any(one.problem for one in self.models)
        return int(unsure or any(not one.ready for one in self.servers))
