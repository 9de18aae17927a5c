"""Runs a benchmark: finds what is measured, says what it will do, sends the load, keeps the results and reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from keepwell.app.benching.aiming import Target, find_target
from keepwell.app.benching.asking import Known, learn, make_form
from keepwell.app.benching.baselines import find_held_note, note_baseline
from keepwell.app.benching.console import Console
from keepwell.app.benching.csv_file import write_csv
from keepwell.app.benching.figures import find_key_figures
from keepwell.app.benching.kept import keep
from keepwell.app.benching.meanwhile import watching
from keepwell.app.benching.report import BenchReport, find_point, make_report
from keepwell.app.benching.sources import Source, describe_source, list_sent, make_workload, open_source
from keepwell.app.benching.wish import Wish
from keepwell.app.operation import Caller
from keepwell.app.rehearsing.playing import find_codecs
from keepwell.app.wiring import Wiring, wire
from keepwell.bench.calibrating import apply_calibration, calibrate, find_reached
from keepwell.bench.load import Load, Prompt
from keepwell.bench.load_words import describe_load, render_load
from keepwell.bench.measuring import measure
from keepwell.bench.prompts.made import Form
from keepwell.bench.result import Result
from keepwell.bench.sending import Terms
from keepwell.bench.summary import summarise
from keepwell.bench.sweep import Point, Step, find_next
from keepwell.core.errors import AccessError
from keepwell.store.journal import make_run_id


@dataclass(slots=True)
class _Bench:
    """What one run works with, and what it has so far."""

    caller: Caller
    wiring: Wiring
    wish: Wish
    target: Target
    form: Form
    source: Source
    group: str
    known: Known
    console: Console
    results: list[Result] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


async def run_bench(caller: Caller, wish: Wish) -> BenchReport:
    """Measure. Raises ConfigurationError, AccessError; Ctrl-C gives what was measured so far."""
    async with wire(caller) as wiring:
        target = await find_target(wiring, caller, wish.word, wish.model)
        codecs = find_codecs()
        form = make_form(target, wish.path, codecs, wiring.clock.now())
        source = open_source(wish, wiring.state, target.aim.model)
        group = make_run_id("bench", wiring.clock.now())
        caller.tell(f"Measuring {target.said}.")
        caller.progress("asking it twice for a token, to learn how it counts", 0, 0)
        known = await learn(wiring, target, form, group)
        console = Console(caller)
        bench = _Bench(caller, wiring, wish, target, form, source, group, known, console)
        bench.notes += [*source.notes, *_note_learned(target, known)]
        workload = make_workload(wish, known.pace, group)
        said = describe_source(wish, source, workload, form)
        caller.tell(f"{_announce(wish)}; {said}.")
        step = None
        if wish.load.sweep:
            step = await _sweep(bench, said)
        else:
            await _stretch(bench, wish.load.load, said)
        await _keep_all(bench)
    report = make_report(
        bench.results, group=group, target=target.said, goals=wish.goals, sweep=step, notes=bench.notes
    )
    if wish.csv is not None:
        write_csv(wish.csv, bench.results)
    return report


async def _sweep(bench: _Bench, said: str) -> Step:
    """Stretches of load until it is known how much is too much, or somebody presses Ctrl-C."""
    wish = bench.wish
    whole, goals = wish.load.sweep == "clients", bool(wish.goals)
    points: list[Point] = []
    step = find_next(points, whole=whole, goals=goals)
    while step.end is None:
        load = replace(wish.load.load, rate=step.load)
        if whole:
            load = replace(wish.load.load, clients=int(step.load))
        result = await _stretch(bench, load, said)
        if result.stopped:
            return replace(find_next(points, whole=whole, goals=goals), end=None)
        points.append(find_point(result, wish.goals))
        bench.caller.tell(_say_point(points[-1], load))
        step = find_next(points, whole=whole, goals=goals)
    return step


async def _stretch(bench: _Bench, load: Load, said: str) -> Result:
    """One stretch, with what the node did meanwhile."""
    wish, number = bench.wish, len(bench.results)
    name = bench.group
    if wish.load.sweep:
        name = f"{bench.group}.{number + 1:02}"
    workload = make_workload(wish, bench.known.pace, name)
    prompts = list_sent(bench.source, bench.form, workload, find_codecs(), replayed=wish.replayed)
    headers: tuple[tuple[str, str], ...] = ()
    if bench.target.api_key:
        headers = (("authorization", f"Bearer {bench.target.api_key}"),)
    async with watching(bench.caller, bench.wiring, bench.target) as seen:
        result = await measure(
            bench.target.aim,
            load,
            prompts,
            id=name,
            terms=Terms(headers=headers),
            seen=bench.console.follow(load),
            follow=_FOLLOWS[wish.turns > 1],
        )
    if not (result.stopped or wish.unchecked):
        bench.caller.progress("asking a server of known timing as much, to see how far this client is off", 0, 0)
        result = apply_calibration(result, await calibrate(find_reached(load, result)))
    result = replace(result, workload=said, meanwhile=seen.numbers)
    bench.results.append(result)
    return result


def _follow(prompt: Prompt, body: bytes) -> Prompt | None:
    if prompt.follow is None:
        return None
    return prompt.follow(body)


_FOLLOWS: dict[bool, Callable[[Prompt, bytes], Prompt | None] | None] = {True: _follow, False: None}


async def _keep_all(bench: _Bench) -> None:
    """Keep what was measured; what cannot be kept is measured all the same."""
    group = bench.group * bool(bench.wish.load.sweep)
    for one in bench.results:
        try:
            keep(bench.wiring.state, one, find_key_figures(summarise(one, bench.wish.goals)), group)
        except (AccessError, ValueError) as error:
            bench.notes.append(f"it is not kept: {error}")
            return
        bench.notes += find_held_note(bench.wiring.state, one.id, bench.wiring.clock.now())
        if bench.wish.baseline:
            bench.notes.append(note_baseline(bench.wiring.state, one.id, bench.wiring.clock.now()))


def _say_point(point: Point, load: Load) -> str:
    limited = " (the client was the limit)" * point.limited
    return f"  {render_load(load):>12}: {point.per_second:.3g} answers a second, {point.share:.0%} well{limited}"


def _announce(wish: Wish) -> str:
    load = wish.load.load
    if not wish.load.sweep:
        return describe_load(load)[:1].upper() + describe_load(load)[1:]
    seconds = f"{load.seconds:g} s" * bool(load.seconds) or f"{load.requests} requests"
    return f"{seconds} each with 1, 2, 4 … {{}}, until it is too much".format(
        {"clients": "clients", "rate": "requests a second"}[wish.load.sweep]
    )


def _note_learned(target: Target, known: Known) -> Iterator[str]:
    if target.in_memory is False:
        yield f"its model was not in memory: the first answer took {known.first_seconds:.1f} s, and is not counted"
    if not known.pace.counted:
        yield "it counts no tokens of prompts: a word is taken for one"
