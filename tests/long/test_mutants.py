"""Ten thousand mutated bundles and recorded outputs: an error with a name, never a crash, never a hang."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from pathlib import Path

import pytest

from keepwell.app.catalogue import get_catalogue, get_follow_ups
from keepwell.app.collecting import Wanted, collect
from keepwell.app.replaying import survey_bundle
from keepwell.core.errors import KeepwellError
from keepwell.diagnose.diagnosis import diagnose
from keepwell.survey.survey import survey
from keepwell.transport.base import Ran, Reply, Transport
from keepwell.transport.recorded.bundle import StillClock, parse_bundle
from keepwell.transport.recorded.player import Player
from keepwell.transport.recorded.tape import Tape
from tests.app.test_collecting import _machine
from tests.transport.mutations import is_named, mutants, mutate_bytes

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

BUNDLES = 9_000
NODES = 1_000
#: Every so many mutants that still open are surveyed and diagnosed too.
SURVEYED = 40
#: Seconds for one mutant; a survey of a recording takes a tenth of one.
PATIENCE = 30.0


async def _archive() -> bytes:
    machine = _machine(closed=True)
    return (await collect(machine.node, machine.clock, Wanted())).archive


async def test_mutated_bundles() -> None:
    opened = 0
    refused: list[KeepwellError] = []
    for mutant in mutants(await _archive(), BUNDLES, seed=5):
        began = time.monotonic()
        try:
            bundle = parse_bundle(mutant, Path("m.kwb"))
            opened += 1
            if opened % SURVEYED == 0:
                result = await survey_bundle(bundle)
                diagnose(result.seen, result.findings, (), get_catalogue(), get_follow_ups())
        except KeepwellError as error:
            refused.append(error)
        assert time.monotonic() - began < PATIENCE
    assert [str(one) for one in refused if not is_named(one)] == []
    assert opened + len(refused) >= BUNDLES


async def test_mutated_outputs() -> None:
    tape = parse_bundle(await _archive(), Path("m.kwb")).tape
    rng = random.Random(6)
    for _ in range(NODES):
        began = time.monotonic()
        await _look(Player(mutated(tape, rng)), tape.recorded_at)
        assert time.monotonic() - began < PATIENCE


async def _look(node: Transport, at: float) -> None:
    result = await survey(node, StillClock(at), level=2)
    diagnose(result.seen, result.findings, (), get_catalogue(), get_follow_ups())


def mutated(tape: Tape, rng: random.Random) -> Tape:
    """The tape with a quarter of its outputs and answers changed."""
    files = dict(tape.files)
    for path, file in tape.files.items():
        if file.pieces and rng.random() < 0.25:
            files[path] = replace(file, pieces=tuple((at, mutate_bytes(text, rng)) for at, text in file.pieces))
    commands = dict(tape.commands)
    for argv, ran in tape.commands.items():
        if isinstance(ran, Ran) and rng.random() < 0.25:
            commands[argv] = replace(ran, stdout=mutate_bytes(ran.stdout, rng), code=rng.choice((0, 0, 1, -9)))
    exchanges = []
    for one in tape.exchanges:
        answer = one.answer
        if isinstance(answer, Reply) and rng.random() < 0.25:
            answer = replace(answer, body=mutate_bytes(answer.body, rng), status=rng.choice((200, 200, 500, 0)))
        exchanges.append(replace(one, answer=answer))
    return replace(tape, files=files, commands=commands, exchanges=tuple(exchanges))
