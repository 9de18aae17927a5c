"""Which routes a move is between, and whether it goes on with one that was begun."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from keepwell.app.switching.plan import KIND, Move, find_state, read_move
from keepwell.conform.plan_file import parse_plan
from keepwell.core.errors import ConfigurationError, DamagedError, RefusedError
from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.names import Names
from keepwell.gateway.choice.splits import load_splits
from keepwell.gateway.settings import Settings
from keepwell.store.journal import StoredRun, list_runs


def resolve(settings: Settings, written: str, known: Sequence[str] = ()) -> str:
    """The route that a name means; `known` are further ones that may be meant. Raises ConfigurationError."""
    names = Names({one.name: one for one in settings.routes}, settings.aliases, settings.patterns)
    meant = names.find(written)
    if meant is not None:
        return meant.route.name
    if written in known:
        return written
    raise ConfigurationError(names.describe_unknown(written), hint="keepwell route NAME tells what a name means")


def get_route(settings: Settings, name: str) -> Route:
    """A route with somebody behind it. Raises ConfigurationError."""
    found = next((one for one in settings.routes if one.name == name), None)
    if found is None or not found.replicas:
        raise ConfigurationError(f"nobody answers for {name} now", hint=f"keepwell route {name}")
    return found


def find_begun(state: Path, route: str, to: str) -> StoredRun | None:
    """The move of this route that was begun and is not over. Raises RefusedError where another one is in the way."""
    for one in list_runs(state):
        move = _read(one)
        if move is None or move.route != route or find_state(one.run) in ("back", "new"):
            continue
        where, hint = one.run.id, f"keepwell undo {one.run.id}"
        if find_state(one.run) == "moved":
            if any(split.run == one.run.id for split in load_splits(state)):
                raise RefusedError(f"the requests for {route} go to {move.to} already", where=where, hint=hint)
            continue
        if move.to != to:
            raise RefusedError(f"the requests for {route} are being moved to {move.to}", where=where, hint=hint)
        return one
    return None


def require_free(state: Path, route: str, to: str) -> None:
    """Raises RefusedError where other moves would be mixed with this one."""
    if route == to:
        raise ConfigurationError(f"{route} and {to} are the same route")
    for one in load_splits(state):
        if one.route == to or one.route == route:
            hint = f"keepwell undo {one.run}" * bool(one.run)
            raise RefusedError(f"a share of the requests for {one.route} goes to {one.to}", where=one.run, hint=hint)


def render_entry(route: str, target: Route) -> str:
    """What keepwell.toml needs so that the route leads there by itself."""
    models = sorted(set(target.replicas.values()))
    rows = ("[[route]]", f"name = {_text(route)}", f"models = {_texts(models)}")
    return "\n".join((*rows, f"engines = {_texts(sorted(target.replicas))}"))


def _texts(values: Sequence[str]) -> str:
    return f"[{', '.join(map(_text, values))}]"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _read(one: StoredRun) -> Move | None:
    if one.run.kind != KIND:
        return None
    try:
        return read_move(parse_plan(one.payload))
    except DamagedError:
        return None
