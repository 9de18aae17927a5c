"""Which form of each model is chosen, whether all fit, at which ports they answer, and the files. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from keepwell.app.migrating.prepare_card import find_rights
from keepwell.app.migrating.prepare_render import is_ready, render_compose, render_environment, render_service_unit
from keepwell.app.migrating.prepare_report import (
    Card,
    Fits,
    PreparedFile,
    PreparedForm,
    PreparedModel,
    PreparedServer,
    PrepareReport,
)
from keepwell.core.errors import ConfigurationError
from keepwell.plugins.counterpart import Chosen, Counterpart, MovedModel, Need, Serving, TakesModels
from keepwell.plugins.device import ContainerRights
from keepwell.plugins.engine import Engine

#: Last port that is tried.
LAST_PORT = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What was found and asked for: each model with what kept its file from being read, ports that are taken,
    and repositories that somebody knows by model.
    """

    asked_to: str
    target: TakesModels
    source: str
    source_title: str
    node: str
    card: Card | None
    models: tuple[tuple[MovedModel, str], ...]
    taken: frozenset[int]
    form: str
    repositories: Mapping[str, str] = field(default_factory=dict)
    written: str = ""


def plan_move(asked: Prepared) -> PrepareReport:
    """The whole report. Raises ConfigurationError for a name that no file can hold."""
    usable, words = 0, "no card and no memory is known"
    if asked.card is not None:
        usable, words = asked.target.usable_memory(asked.card.memory_bytes)
    forms = [(model, problem, asked.target.counterparts(model)) for model, problem in asked.models]
    chosen = _choose([(model, found[0]) for model, _, found in forms if found], asked, usable)
    rights = find_rights(asked.card)
    toolkit = ""
    if asked.card is not None:
        toolkit = asked.card.toolkit
    servings = asked.target.servings(chosen, toolkit)
    try:
        files = tuple(_files(servings, asked.form, rights))
    except ValueError as error:
        raise ConfigurationError(str(error), hint="leave this model out by naming the others") from error
    together = [one.counterpart.need.total_bytes for one in chosen]
    return PrepareReport(
        source=asked.source,
        source_title=asked.source_title,
        to=asked.asked_to,
        to_title=_title(asked.target),
        node=asked.node,
        card=asked.card,
        usable_bytes=usable,
        usable=words,
        together_bytes=sum(together),
        together_fits=_fits(sum(together) * all(together), usable),
        models=tuple(_describe(model, problem, found, usable) for model, problem, found in forms),
        servers=tuple(_server(one, asked.form) for one in servings),
        files=files,
        written=tuple(f"{asked.written.rstrip('/')}/{one.name}" for one in files if asked.written),
        notes=tuple(_notes(asked)),
    )


def find_most(need: Need, context_tokens: int, limit_tokens: int, usable_bytes: int) -> int:
    """The longest context for each request with which it fits, at most its own; 0 where it is not known or none.

    Room to compute is taken as it is at `context_tokens`, so a much longer one needs a little more than this says.
    """
    if not need.cache_token_bytes or not usable_bytes:
        return 0
    left = usable_bytes - need.weight_bytes - need.work_bytes
    most = max(0, math.floor(left / need.cache_token_bytes))
    return min(most, limit_tokens or max(most, context_tokens))


def _choose(found: Sequence[tuple[MovedModel, Counterpart]], asked: Prepared, usable: int) -> tuple[Chosen, ...]:
    """Each model with its form, a free port and its share of the card."""
    ports = _free_ports(asked)
    chosen = []
    for model, form in found:
        told = next((asked.repositories[name] for name in model.names if name in asked.repositories), "")
        if told:
            form = replace(form, model=told, find=())
        share = 0.0
        if asked.card is not None and usable:
            share = min(usable / asked.card.memory_bytes, form.need.total_bytes / asked.card.memory_bytes)
        if len(found) == 1 or not form.need.total_bytes:
            share = 0.0
        chosen.append(
            Chosen(model=model, counterpart=form, port=next(ports), memory_ratio=math.ceil(share * 100) / 100)
        )
    return tuple(chosen)


def _free_ports(asked: Prepared) -> Iterator[int]:
    """From the engine's own port on, those on which nothing listens."""
    first = 8000
    if isinstance(asked.target, Engine) and asked.target.ports:
        first = asked.target.ports[0]
    yield from (port for port in range(first, LAST_PORT) if port not in asked.taken)


def _title(target: object) -> str:
    if isinstance(target, Engine):
        return target.title
    return ""


def _describe(model: MovedModel, problem: str, found: Sequence[Counterpart], usable: int) -> PreparedModel:
    forms = [_form(model, one, usable) for one in found]
    return PreparedModel(
        name=model.name,
        names=model.names,
        path=model.path,
        format=model.format,
        quantisation=model.quantisation,
        parameters=model.parameters,
        weight_bytes=model.weight_bytes,
        source=model.source,
        bases=model.bases,
        context_tokens=model.context_tokens,
        context_from=model.context_from,
        context_limit=model.context_limit,
        at_once=model.at_once,
        forms=tuple(replace(one, chosen=one is forms[0]) for one in forms),
        problem=problem,
    )


def _form(model: MovedModel, one: Counterpart, usable: int) -> PreparedForm:
    need = one.need
    known = need.total_bytes * bool(need.weight_bytes and need.cache_bytes)
    return PreparedForm(
        format=one.format,
        quantisation=one.quantisation,
        model=one.model,
        same_file=one.same_file,
        chosen=False,
        why=one.why,
        find=one.find,
        notes=one.notes,
        weight_bytes=need.weight_bytes,
        cache_bytes=need.cache_bytes,
        work_bytes=need.work_bytes,
        need_bytes=need.total_bytes,
        sums=need.sums,
        fits=_fits(known, usable),
        most_tokens=find_most(need, model.context_tokens, model.context_limit, usable),
    )


def _fits(need_bytes: int, usable_bytes: int) -> Fits:
    if not need_bytes or not usable_bytes:
        return "unknown"
    words: dict[bool, Fits] = {True: "yes", False: "no"}
    return words[need_bytes <= usable_bytes]


def _server(one: Serving, form: str) -> PreparedServer:
    return PreparedServer(
        name=one.name,
        models=one.models,
        argv=one.argv,
        environment=tuple(f"{name}={value}" for name, value in one.environment.items()),
        url=f"http://127.0.0.1:{one.port}",
        ready=is_ready(one),
        afterwards={"compose": one.image_afterwards}.get(form, one.afterwards),
        notes=one.notes,
    )


def _files(servings: Sequence[Serving], form: str, rights: ContainerRights | None) -> Iterator[PreparedFile]:
    if form == "compose" and servings:
        yield render_compose(servings, rights)
    for one in servings:
        if form == "unit":
            yield render_service_unit(one, rights)
        if one.secrets:
            yield render_environment(one)
        yield from (PreparedFile(name=name, text=text) for name, text in one.files.items())


def _notes(asked: Prepared) -> Iterator[str]:
    if asked.card is not None and asked.card.is_gpu and not asked.card.toolkit and asked.form == "compose":
        yield "the maker of the card is not known, so the compose file gives no GPU to the containers: add it"
    yield "play requests at both before you move: keepwell migrate rehearse; then keepwell migrate switch"
