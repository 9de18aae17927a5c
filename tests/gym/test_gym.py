"""The gym: what it plays, how it scores, and that a few faults go the whole way."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from keepwell.app.catalogue import get_catalogue
from keepwell.app.gym_run import count, look, weigh, without_refuters
from keepwell.core.clock import Clock
from keepwell.survey.judge import load_checks
from keepwell.survey.timetable import load_probes
from keepwell.testing.gym.fault import (
    CannotMend,
    CannotOpen,
    Fault,
    Look,
    Looked,
    Named,
    Part,
    Tools,
    Verdict,
    Way,
    WorldMaker,
)
from keepwell.testing.gym.made.state import MadeState
from keepwell.testing.gym.made.world import WORLDS, MadeWorld, made
from keepwell.testing.gym.probes_used import INVENTORY, count_probes
from keepwell.testing.gym.roster import AnyFault, draw_pairs, load_faults, may_meet
from keepwell.testing.gym.runner import Gym, play_pair, play_single
from keepwell.testing.gym.score import percentile, score_all
from keepwell.testing.gym.trial import PairTrial, Trial, Window, tell_pair, tell_trial
from keepwell.transport.base import Hands


async def count_none(answer: object) -> tuple[str, ...]:
    """Counts no probes."""
    del answer
    return ()


def make_gym(tmp_path: Path, *, eyes: Look = look, without: frozenset[Part] = frozenset()) -> Gym:
    """A gym that counts no probes and runs no process."""
    return Gym(keepwell=("false",), cache=tmp_path, look=eyes, count=count_none, without=without)


class PaperWorld:
    """A world whose verdicts are given: the first look, then those after the fix."""

    def __init__(self, *verdicts: Verdict, mends: bool = True) -> None:
        self.verdicts = list(verdicts)
        self.mends = mends
        self.done: list[str] = []

    async def look(self) -> Verdict:
        self.done.append("look")
        return self.verdicts.pop(0) if len(self.verdicts) > 1 else self.verdicts[0]

    async def mend(self, verdict: Verdict, way: Way, blanks: Mapping[str, str]) -> None:
        del verdict, blanks
        self.done.append(f"mend by {way}")
        if not self.mends:
            raise CannotMend("the first command failed")

    async def undo(self) -> None:
        self.done.append("undo")


ILL = Verdict(causes=(Named(issue="disk-full", confidence=0.9),), bad=frozenset({"disk.space"}))
OTHER = Verdict(causes=(Named(issue="clock-skew", confidence=0.9),), bad=frozenset({"disk.space"}))
WELL = Verdict(causes=())


def paper_fault(world: PaperWorld, *, check: str = "disk.space", undo: bool = True) -> Fault[PaperWorld]:
    @asynccontextmanager
    async def opened(tools: Tools) -> AsyncIterator[PaperWorld]:
        del tools
        yield world
        world.done.append("closed")

    async def inject(into: PaperWorld) -> None:
        into.done.append("inject")

    maker = WorldMaker(name="paper", kind="made", say="paper", open=opened)
    return Fault(
        name="paper",
        say="paper",
        worlds=(maker,),
        inject=inject,
        causes=("disk-full",),
        check=check,
        way="step",
        undo=undo,
    )


async def test_the_whole_way_is_found_mended_well_and_undone(tmp_path: Path) -> None:
    world = PaperWorld(ILL, WELL)
    trial = await play_single(make_gym(tmp_path), paper_fault(world))
    assert (trial.top1, trial.found, trial.whole, trial.undone) == (True, True, "", True)
    assert world.done == ["inject", "look", "mend by step", "look", "undo", "closed"]


@pytest.mark.parametrize(
    ("verdicts", "mends", "words"),
    [
        ((OTHER,), True, "the cause was not the first"),
        ((ILL, ILL), True, "still there after the fix"),
        ((ILL, WELL), False, "the first command failed"),
    ],
)
async def test_a_way_that_ends_early_says_where(
    tmp_path: Path, verdicts: tuple[Verdict, ...], mends: bool, words: str
) -> None:
    trial = await play_single(make_gym(tmp_path), paper_fault(PaperWorld(*verdicts, mends=mends)))
    assert words in trial.whole
    assert not trial.undone


async def test_a_world_that_cannot_be_made_is_skipped_with_the_reason(tmp_path: Path) -> None:
    @asynccontextmanager
    async def closed(tools: Tools) -> AsyncIterator[PaperWorld]:
        del tools
        raise CannotOpen("needs root")
        yield PaperWorld(WELL)

    async def inject(into: PaperWorld) -> None:
        del into

    maker = WorldMaker(name="closed", kind="real", say="closed", open=closed)
    fault = Fault(name="x", say="x", worlds=(maker,), inject=inject, causes=("disk-full",), check="", way="hand")
    trial = await play_single(make_gym(tmp_path), fault)
    assert trial.skipped == "needs root"
    assert score_all([trial], [], []).skipped == 1


async def test_a_trial_that_is_broken_off_leaves_no_folder(tmp_path: Path) -> None:
    seen: list[Path] = []

    async def endless(hands: Hands, clock: Clock, expected: tuple[object, ...], tools: Tools) -> Verdict:
        del hands, clock, expected
        seen.append(tools.folder)
        await asyncio.Event().wait()
        raise AssertionError

    fault = load_faults(("made",), "disk-full")[0]
    task = asyncio.ensure_future(play_single(make_gym(tmp_path, eyes=endless), fault))
    while not seen:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not seen[0].exists()


def test_there_are_enough_faults_and_each_names_known_causes_and_checks() -> None:
    faults = load_faults()
    checks = {one.id for one in load_checks(4)}
    assert len([one for one in faults if one.kind == "made"]) >= 60
    for one in faults:
        assert set(one.causes) <= set(get_catalogue().issues), one.name
        assert one.check in checks or not one.check, one.name
        assert one.say, one.name


def test_pairs_share_a_world_and_touch_different_parts() -> None:
    faults = load_faults(("made",))
    pairs = draw_pairs(faults, 50, random.Random(1))
    assert len(set(map(frozenset, ([one.name, other.name] for one, other in pairs)))) == 50
    assert all(may_meet(one, other) for one, other in pairs)
    assert pairs == draw_pairs(faults, 50, random.Random(1))
    by_name = {one.name: one for one in faults}
    assert not may_meet(by_name["gpu-lost"], by_name["nouveau-holds"])
    assert not may_meet(by_name["disk-full"], by_name["link-slow"])


@pytest.mark.parametrize("name", ["disk-full", "driver-not-loaded", "cdi-stale", "engine-suspended", "cache-too-small"])
async def test_a_made_fault_goes_the_whole_way(tmp_path: Path, name: str) -> None:
    (fault,) = load_faults(("made",), name)
    trial = await play_single(make_gym(tmp_path), fault)
    assert trial.top1, trial.causes
    assert trial.whole == ""


async def test_two_faults_are_both_named(tmp_path: Path) -> None:
    by_name = {one.name: one for one in load_faults(("made",))}
    trial = await play_pair(make_gym(tmp_path), by_name["gpu-too-hot"], by_name["disk-full"])
    assert trial.both, (trial.causes, trial.also)


async def test_a_fault_that_the_printed_commands_do_not_mend_stays(tmp_path: Path) -> None:
    def fill(state: MadeState) -> None:
        for disk in state.disks:
            disk.free_bytes = 1

    fault = made(
        "full", "full", on=("ollama-box",), change=fill, causes=("disk-full",), check="disk.space", cure="reboot"
    )
    trial = await play_single(make_gym(tmp_path), fault)
    assert trial.top1
    assert "has the words reboot" in trial.whole


async def test_parts_can_be_switched_off(tmp_path: Path) -> None:
    assert any(one.weight < 0 for issue in get_catalogue().issues.values() for one in issue.evidence)
    bare = without_refuters()
    assert not any(one.weight < 0 or one.rules_out for issue in bare.issues.values() for one in issue.evidence)
    by_name = {one.name: one for one in load_faults(("made",))}
    timed = by_name["gpu-gone-after-sleep"]
    with_it = await play_single(make_gym(tmp_path), timed, whole_way=False)
    without = await play_single(make_gym(tmp_path, without=frozenset({"timeline"})), timed, whole_way=False)
    assert with_it.causes != without.causes


async def test_probes_are_counted_one_after_the_other(tmp_path: Path) -> None:
    fault = load_faults(("made",), "gpu-too-hot")[0]
    with make_gym(tmp_path).tools("x") as tools:
        async with WORLDS["ollama-box"].open(tools) as world:
            assert isinstance(world, MadeWorld)
            await fault.inject(world)
            verdict = await world.look()
    assert isinstance(verdict.answer, Looked)
    seen, issues = verdict.answer.seen, tuple(get_catalogue().issues.values())
    rank = partial(weigh, without=frozenset[Part](), now=0.0)
    chosen = count_probes(seen, load_probes(2), load_checks(2), issues, rank)
    cheapest = count_probes(seen, load_probes(2), load_checks(2), issues, rank, choose=False)
    assert chosen.cause == cheapest.cause == "gpu-throttled"
    assert len(chosen.probes) < len(cheapest.probes)
    assert chosen.probes.count(INVENTORY) == 1
    assert "gpu_readings" in chosen.probes
    assert chosen.towards("gpu-throttled") == chosen.probes
    assert chosen.towards("disk-full") == chosen.every
    assert set(chosen.probes) < set(chosen.every)


async def test_what_looks_wrong_says_where_to_look_on(tmp_path: Path) -> None:
    """A card that no module is bound to is seen in the inventory; three probes more say why."""
    fault = load_faults(("made",), "driver-not-loaded")[0]
    assert len(await count_of(tmp_path, fault, "ollama-box")) <= 7


async def test_nobody_looks_at_cards_where_there_are_none(tmp_path: Path) -> None:
    fault = load_faults(("made",), "cpu-quota")[0]
    assert not [one for one in await count_of(tmp_path, fault, "llamacpp-cpu") if one.startswith("gpu_")]


async def count_of(tmp_path: Path, fault: AnyFault, world: str) -> tuple[str, ...]:
    """The probes to the verdict of a fault in a world."""
    with make_gym(tmp_path).tools("x") as tools:
        async with WORLDS[world].open(tools) as opened:
            await fault.inject(opened)
            return await count((await opened.look()).answer)


def test_shares_leave_out_what_was_skipped() -> None:
    trials = [
        Trial(fault="a", kind="made", world="w", way="step", wanted=("x",), top1=True, top3=True, whole="", probes=4),
        Trial(
            fault="b", kind="real", world="w", way="step", wanted=("x",), top3=True, whole="no", seconds=3.0, probes=8
        ),
        Trial(fault="c", kind="real", world="w", way="step", wanted=("x",), skipped="needs root"),
    ]
    pairs = [PairTrial(faults=("a", "b"), kind="made", world="w", named=(True, True))]
    windows = [Window(number=0, world="w", held=()), Window(number=1, world="w", held=(), exit_code=1)]
    score = score_all(trials, pairs, windows)
    assert (score.top1.count, score.top1.of, score.top3.count) == (1, 2, 2)
    assert (score.whole.count, score.whole_real.of, score.skipped) == (1, 1, 1)
    assert (score.pairs.ratio, score.alarms.ratio, score.probes_median) == (1.0, 0.5, 6.0)
    assert percentile([1.0, 2.0, 3.0], 0.95) == 3.0
    assert percentile([], 0.5) == 0.0


def test_the_command_tells_the_score() -> None:
    argv = [sys.executable, "-m", "keepwell", "gym", "--kinds", "made", "--only", "gpu-t", "--healthy", "2", "--json"]
    ran = subprocess.run(argv, capture_output=True, text=True, check=False)
    answer = json.loads(ran.stdout)
    assert answer["schema"] == "keepwell.gym/1"
    assert answer["score"]["top1"]["of"] == 1
    assert answer["score"]["alarms"]["count"] == 0


@pytest.mark.parametrize("words", [pytest.param((), marks=pytest.mark.long), ("--json",)])
def test_a_run_that_is_broken_off_tells_what_was_played(words: tuple[str, ...]) -> None:
    argv = [sys.executable, "-m", "keepwell", "gym", "--kinds", "made", "--healthy", "1000", *words]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        first = run.stderr.readline()
        assert run.stderr.readline().startswith("2/")
        run.send_signal(signal.SIGINT)
        said, _ = run.communicate(timeout=100)
    assert "named, the whole way, " in first
    assert run.returncode == 130
    if not words:
        assert "Partial: broken off after" in said
        return
    answer = json.loads(said)
    assert answer["partial"]
    assert answer["exit_code"] == 130
    assert 2 <= len(answer["trials"]) < answer["planned"]


def test_a_line_tells_of_a_trial() -> None:
    lost = Trial(fault="a", kind="made", world="w", way="step", wanted=("x",), whole="the cause was not the first")
    assert "not named (first: no cause), way ended: the cause was not the first" in tell_trial(lost)
    skipped = Trial(fault="a", kind="real", world="w", way="step", wanted=("x",), skipped="needs root")
    assert tell_trial(skipped).endswith("skipped, needs root")
    pair = PairTrial(faults=("a", "b"), kind="made", world="w", named=(True, False))
    assert tell_pair(pair).endswith("not named: b")


def test_a_name_that_no_fault_has_is_an_error() -> None:
    argv = [sys.executable, "-m", "keepwell", "gym", "--only", "no-such-fault"]
    ran = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert ran.returncode == 3
    assert "no-such-fault" in ran.stderr
