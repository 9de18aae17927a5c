"""keepwell is killed with -9 at every record of the journal while a real Ollama gives its address to a real gateway."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepwell.app.applying.carrying import apply_run, undo_run
from keepwell.app.operation import Caller
from keepwell.app.running.adopting import AdoptWish, plan_adopting
from keepwell.core.step import Plan
from keepwell.gateway.door import load_plates
from keepwell.testing.tiny_model import TinyModel
from keepwell.testing.waiting import eventually
from tests.app.running.test_real_adopt import Client, end_what_was_started, names, quiet_port
from tests.engines.real import PATIENCE, RealEngine, chat, give, make_model, ollama

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.long,
    pytest.mark.timeout(1800),
]

#: More records than a run of this plan has: two of each of its items.
RECORDS = 60


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[RealEngine]:
    """An Ollama with one model."""
    with ollama(tmp_path) as engine:
        give(engine, make_model(tmp_path / "counting.gguf", TinyModel(tag="well")), "counting")
        yield engine


def apply_and_die(caller: Caller, run_id: str, records: int) -> int:
    """How a keepwell ended that is killed at this record."""
    argv = [sys.executable, "-m", "tests.app.applying.dying", str(caller.config), str(caller.state), run_id]
    done = subprocess.run([*argv, str(records)], capture_output=True, check=False, timeout=120)
    assert done.returncode in (0, -9), done.stderr
    return done.returncode


@pytest.mark.parametrize("back", [False, True], ids=["gone on with", "taken back"])
async def test_it_is_whole_after_every_kill(tmp_path: Path, serving: RealEngine, back: bool) -> None:
    """Each run begins where the one before was taken back."""
    config = tmp_path / "keepwell.toml"
    config.write_text(f'# mine\n[[engine]]\nkind = "ollama"\nname = "mine"\nurl = "{serving.url}" # here\n')
    before, said = config.read_bytes(), chat(serving, "counting")
    caller = Caller(state=tmp_path / "state", config=config)
    plans: list[Plan] = []
    try:
        for records in range(1, RECORDS):
            (planned,) = (await plan_adopting(caller, AdoptWish(engine="mine", port=quiet_port()))).planned
            plans.append(planned.plan)
            with Client(serving) as client:
                ended = apply_and_die(caller, planned.id, records)
                if not back:
                    outcome = (await apply_run(caller, planned.id)).outcome
                    assert outcome.state == "well", (records, outcome)
            if not back:
                assert "counting" in names(serving)
                print("record", records, "of", planned.id, "longest gap", round(client.gap_seconds, 2))
            undone = await undo_run(caller, planned.id)
            assert undone.outcome.state == "undone", (records, undone.outcome)
            assert config.read_bytes() == before
            eventually(lambda: serving.ask("/api/version")[0] == 200, PATIENCE, "it answers again")
            assert chat(serving, "counting") == said
            assert not load_plates(tmp_path / "state")
            if ended == 0:
                return
        pytest.fail("it has more records than that")
    finally:
        for plan in plans:
            end_what_was_started(plan)
