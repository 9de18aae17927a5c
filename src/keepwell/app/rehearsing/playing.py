"""Plays the requests: each at both routes, few at once, until all are played or somebody wants it to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from keepwell.app.operation import Caller
from keepwell.app.rehearsing.comparing import FIRST, SECOND, Played, compare, sum_up
from keepwell.app.rehearsing.given import FILE_BYTES, MOST, Found, Given, choose_recorded, make_built_in, parse_given
from keepwell.app.rehearsing.hearing import Heard, hear
from keepwell.app.rehearsing.report import RehearsalReport
from keepwell.app.rehearsing.shaping import TOKENS, shape
from keepwell.app.rehearsing.stage import Stage, set_stage
from keepwell.app.rehearsing.verdict import Wanted, conclude, judge
from keepwell.app.switching.choosing import get_route, resolve
from keepwell.app.wiring import Wiring, wire
from keepwell.core.errors import AccessError, ConfigurationError, TimedOut
from keepwell.plugins.codec import Codec, Unreadable
from keepwell.plugins.dialect import Dialect
from keepwell.plugins.registry import load_all
from keepwell.store.bodies import BODIES_FILE, list_bodies
from keepwell.store.requests import RECORD_FILE, read_rows
from keepwell.store.requests import Wanted as Rows
from keepwell.transport.base import stream_body

#: Seconds for one answer, and for the first one of a route, which may load its model.
ANSWER_SECONDS, FIRST_SECONDS = 120.0, 600.0
#: Rows of the record among which those of kept bodies are looked for.
ROWS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which routes, which requests (`file`, else the newest `recorded` of the first route), how many at once, and what
    the second has to keep to.
    """

    first: str
    second: str
    file: str = ""
    recorded: int = 50
    at_once: int = 1
    wanted: Wanted = field(default_factory=Wanted)


@dataclass(slots=True)
class _Play:
    caller: Caller
    wiring: Wiring
    stage: Stage
    routes: tuple[str, str]
    codecs: Mapping[str, Codec]
    total: int = 0
    played: list[Played] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


async def rehearse(caller: Caller, wish: Wish) -> RehearsalReport:
    """Play and judge. Raises ConfigurationError, AccessError."""
    async with wire(caller) as wiring, set_stage(caller, wiring) as stage:
        routes = resolve(stage.settings, wish.first), resolve(stage.settings, wish.second)
        if routes[0] == routes[1]:
            raise ConfigurationError(f"{wish.first} and {wish.second} are the same route")
        for one in routes:
            get_route(stage.settings, one)
        found, source = _find_given(wish, wiring.state, routes[0])
        play = _Play(caller, wiring, stage, routes, find_codecs())
        wanted = [one for one in found.given if _is_playable(play, one)]
        if not wanted:
            raise ConfigurationError("none of these requests can be played", hint="; ".join(play.notes))
        play.notes += [f"{count} recorded requests were left out: {why}" for why, count in found.left_out.items()]
        partial = await _play_all(play, wanted, wish.at_once)
    return _report(play, wish.wanted, source, masked=found.masked, partial=partial)


def find_codecs() -> dict[str, Codec]:
    """Of every path that can be put into common words, how."""
    found: dict[str, Codec] = {}
    for dialect in cast("dict[str, Dialect]", load_all("dialects")).values():
        for endpoint in dialect.endpoints:
            if endpoint.codec is not None:
                found.setdefault(endpoint.path.decode(), endpoint.codec)
    return found


def _find_given(wish: Wish, state: Path, route: str) -> tuple[Found, str]:
    """The requests, and where they are from."""
    if wish.file:
        return parse_given(_read(Path(wish.file)), wish.file), wish.file
    rows = read_rows(state / RECORD_FILE, last=ROWS, wanted=Rows(route=route))
    paths = {row.id: row.path for _, row in rows if row.status == 200 and not row.outcome}
    found = choose_recorded(list_bodies(state / BODIES_FILE, route, MOST), paths, wish.recorded)
    if found.given:
        return found, f"the record of {route}"
    return make_built_in(), "keepwell's own few, since no body of this route is kept (`bodies = true` at its [[route]])"


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(FILE_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"the requests cannot be read: {error.strerror}", where=str(path)) from error


def _is_playable(play: _Play, given: Given) -> bool:
    codec = play.codecs.get(given.path.partition("?")[0])
    why = ""
    if codec is None:
        why = f"{given.path} cannot be rehearsed"
    else:
        try:
            shape(given, codec, play.routes[0])
        except Unreadable as error:
            why = str(error)
    if why:
        play.notes.append(f"{given.name} was left out: {why}")
    return not why


async def _play_all(play: _Play, given: Sequence[Given], at_once: int) -> bool:
    """True if it was broken off."""
    play.total = len(given)
    waiting = iter(list(enumerate(given)))
    try:
        await _warm_up(play, given[0])
        await asyncio.gather(*(_work(play, waiting) for _ in range(min(at_once, len(given)))))
    except asyncio.CancelledError:  # Ctrl-C: what was played is told
        return True
    return False


async def _warm_up(play: _Play, given: Given) -> None:
    """One request that nobody measures: it may load a model."""
    for route in play.routes:
        play.caller.progress(f"one answer of {route} first: its model may have to be loaded", 0, play.total)
        heard = await _ask(play, given, route, FIRST_SECONDS)
        if heard.problem:
            play.notes.append(f"the first request to {route}, which is not counted, failed: {heard.said}")


async def _work(play: _Play, waiting: Iterator[tuple[int, Given]]) -> None:
    """One request after the other; who is asked first changes, so that neither always finds the prompt cache cold."""
    for number, given in waiting:
        answers: dict[str, Heard] = {}
        order = play.routes[:: {0: 1, 1: -1}[number % 2]]
        for route in order:
            answers[route] = await _ask(play, given, route, ANSWER_SECONDS)
        one = Played(name=given.name, first=answers[play.routes[0]], second=answers[play.routes[1]])
        play.played.append(one)
        failed = sum(bool(each.second.problem) for each in play.played)
        play.caller.progress(f"{given.name}; {failed} failed at {play.routes[1]}", len(play.played), play.total)


async def _ask(play: _Play, given: Given, route: str, seconds: float) -> Heard:
    codec = play.codecs[given.path.partition("?")[0]]
    try:
        streamed = await stream_body(
            play.wiring.hands,
            "POST",
            f"{play.stage.url}{given.path}",
            headers={"content-type": "application/json"},
            body=shape(given, codec, route),
            timeout_seconds=seconds,
        )
    except TimedOut as error:
        return Heard(problem="timed_out", said=error.what)
    except AccessError as error:
        return Heard(problem="unreachable", said=error.what)
    return hear(streamed, codec)


def _report(play: _Play, wanted: Wanted, source: str, *, masked: bool, partial: bool) -> RehearsalReport:
    first = sum_up(play.routes[0], play.played, FIRST)
    second = sum_up(play.routes[1], play.played, SECOND)
    texts = tuple(compare(one) for one in play.played)
    rules = judge(first, second, texts, wanted)
    notes = [*play.notes, f"answers were cut at {TOKENS} tokens"]
    if masked:
        notes.append("names and secrets in recorded requests are masked: texts and counts can differ from the clients'")
    return RehearsalReport(
        said=conclude(rules),
        first=first,
        second=second,
        rules=rules,
        texts=texts,
        by=play.stage.what,
        source=source,
        masked=masked,
        notes=tuple(notes),
        partial=partial,
    )
