"""A real Ollama as a plain process: ended, started, restarted, and each taken back."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from keepwell.app.applying.carrying import undo_run
from keepwell.app.operation import Caller
from keepwell.app.running import acting
from keepwell.app.running.report import EngineReport
from keepwell.conform.launch import find_marked
from keepwell.core.errors import RefusedError
from keepwell.core.step import StartProcess
from keepwell.testing.tiny_model import TinyModel
from keepwell.testing.waiting import eventually
from tests.engines.real import PATIENCE, RealEngine, chat, give, make_model, ollama

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@contextmanager
def set_up(folder: Path) -> Iterator[tuple[RealEngine, Caller]]:
    """A real engine with a model in memory, declared in a keepwell.toml; whatever is started by plans ends after."""
    with ollama(folder) as engine:
        give(engine, make_model(folder / "counting.gguf", TinyModel(tag="well")), "counting")
        chat(engine, "counting")
        config = folder / "keepwell.toml"
        config.write_text(f'[[engine]]\nkind = "ollama"\nname = "mine"\nurl = "{engine.url}"\n')
        caller = Caller(state=folder / "state", config=config)
        yield engine, caller


def end_what_was_started(*reports: EngineReport) -> None:
    """Every process that these runs started and that still runs."""
    for report in reports:
        assert report.plan is not None
        for change in report.plan.changes:
            for action in (change.do, change.undo):
                if isinstance(action, StartProcess) and find_marked(action.mark):
                    with suppress(ProcessLookupError):
                        os.kill(find_marked(action.mark), signal.SIGTERM)


async def test_it_is_restarted_with_what_was_in_memory_and_that_is_taken_back(tmp_path: Path) -> None:
    with set_up(tmp_path) as (engine, caller):
        before = await acting.tell_status(caller, "mine", "")
        assert (before.state, before.loaded, before.exit_code) == ("well", ("counting:latest",), 0)
        report = await acting.restart(caller, "mine", "", force=False, load=True)
        try:
            assert not report.failed, report.done
            assert engine.process.wait(5) == 0
            assert report.loaded == ("counting:latest",)
            after = await acting.tell_status(caller, engine.url, "")
            assert after == replace(before, pid=after.pid)
            assert chat(engine, "counting")
            undone = await undo_run(caller, report.run)
            assert undone.outcome.state == "undone"
            again = await acting.tell_status(caller, "mine", "")
            assert again.pid not in (before.pid, after.pid)
            assert again.models == before.models
        finally:
            end_what_was_started(report)


@pytest.mark.long
async def test_it_is_stopped_and_started_by_what_is_remembered_of_it(tmp_path: Path) -> None:
    with set_up(tmp_path) as (engine, caller):
        stopped = await acting.stop(caller, "mine", "")
        assert not stopped.failed, stopped.done
        assert engine.process.wait(5) == 0
        assert stopped.state == "stopped"
        assert (await acting.stop(caller, "mine", "")).done.endswith("does not run")
        with pytest.raises(RefusedError, match="does not run"):
            await acting.restart(caller, "mine", "", force=False, load=False)
        started = await acting.start(caller, "mine", "", force=False)
        try:
            assert not started.failed, started.done
            assert started.state == "well"
            assert chat(engine, "counting")
            assert "runs already" in (await acting.start(caller, "mine", "", force=False)).done
            assert (await undo_run(caller, started.run)).outcome.state == "undone"
            assert engine.ask("/api/version")[0] == 0
            assert (await undo_run(caller, stopped.run)).outcome.state == "undone"
            eventually(lambda: engine.ask("/api/version")[0] == 200, PATIENCE, "it answers again")
            assert chat(engine, "counting")
        finally:
            end_what_was_started(stopped, started)
