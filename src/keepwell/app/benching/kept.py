"""Results as they are kept and as they are worked with: the same columns, under the same names."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar, get_args

from keepwell.bench.load import Aim, Load
from keepwell.bench.result import Client, Columns, Result, Row, TokenSource
from keepwell.core.errors import ConfigurationError, DamagedError
from keepwell.store.bench_baselines import load_bench_baselines
from keepwell.store.benchmarks import KeptHead, KeptResult, list_benchmarks, load_benchmark, save_benchmark

#: The word for the newest result.
LAST = "last"
_TEXTS = ("url", "engine", "node", "kind", "version", "model", "digest")
#: Who counted tokens, by the same word as text; and what stands for true.
_SOURCES: Mapping[str, TokenSource] = {one: one for one in get_args(TokenSource)}
_YES = "yes"
Made = TypeVar("Made", Load, Client)


def keep(state: Path, result: Result, figures: Mapping[str, float], group: str = "") -> tuple[str, ...]:
    """Keep a result; ids of those that were dropped for room, never a baseline's. Raises AccessError, ValueError."""
    return save_benchmark(state, render_kept(result, figures, group), load_bench_baselines(state).pinned)


def render_kept(result: Result, figures: Mapping[str, float], group: str = "") -> KeptResult:
    """A result as it is kept; `parse_kept` is the inverse."""
    head = KeptHead(
        id=result.id,
        created_at=result.created_at,
        seconds=result.seconds,
        about={**{name: getattr(result.aim, name) for name in _TEXTS}, **_name_ending(result)},
        settings=dict(result.aim.settings),
        hardware=dict(result.aim.hardware),
        load=_flat(result.load),
        client=_flat(result.client),
        meanwhile=dict(result.meanwhile),
        errors=dict(result.errors),
        figures=dict(figures),
        workload=result.workload,
        group=group,
    )
    return KeptResult(head=head, columns={name: result.rows[name] for name in Row._fields}, itl=result.itl)


def parse_kept(kept: KeptResult) -> Result:
    """The result. Raises DamagedError where columns of it are missing or not of one length."""
    head = kept.head
    rows = Columns()
    count = len(kept.columns.get("sent", ()))
    for name in Row._fields:
        column = kept.columns.get(name, array("d"))
        if len(column) != count:
            raise DamagedError(f"the result {head.id} has no whole column {name!r}", hint="measure again")
        rows.columns[name] = column
    return Result(
        id=head.id,
        created_at=head.created_at,
        aim=Aim(**{name: head.about.get(name, "") for name in _TEXTS}, settings=head.settings, hardware=head.hardware),
        load=_make(Load, head.load),
        seconds=head.seconds,
        rows=rows,
        itl=kept.itl,
        client=_make(Client, head.client),
        meanwhile=head.meanwhile,
        errors=head.errors,
        workload=head.workload,
        token_source=_SOURCES.get(head.about.get("token_source", ""), ""),
        stopped=head.about.get("stopped", "") == _YES,
    )


def find_kept(state: Path, name: str) -> list[KeptHead]:
    """What a name means: a result, all of a group in their order, or "last". Raises ConfigurationError for none."""
    heads = list_benchmarks(state).heads
    if name in ("", LAST) and heads:
        name = heads[0].group or heads[0].id
    found = [one for one in heads if name in (one.id, one.group)]
    if not found:
        what = f"no benchmark {name!r} is kept" * bool(name) or "no benchmark is kept yet"
        raise ConfigurationError(what, hint="keepwell bench list; keepwell bench makes one")
    return sorted(found, key=_instant)


def load_results(state: Path, heads: list[KeptHead]) -> list[Result]:
    """The results of these. Raises NotThere, DamagedError."""
    return [parse_kept(load_benchmark(state, one.id)) for one in heads]


def make_load(found: Mapping[str, str | float]) -> Load:
    """The load that was kept so."""
    return _make(Load, found)


def _name_ending(result: Result) -> dict[str, str]:
    return {"token_source": result.token_source, "stopped": _YES * result.stopped}


def _flat(made: Load | Client) -> dict[str, str | float]:
    return {name: value for name, value in asdict(made).items() if isinstance(value, str | int | float)}


def _make(kind: type[Made], found: Mapping[str, str | float]) -> Made:
    """Of what was kept; a whole number is one again, and what a later version keeps beside is passed over."""
    known: dict[str, Any] = {}
    for one in fields(kind):
        if one.name in found:
            known[one.name] = found[one.name]
            if one.type == "int":
                known[one.name] = int(found[one.name])
    return kind(**known)


def _instant(head: KeptHead) -> tuple[float, str]:
    return head.created_at, head.id
