"""A real engine that an assistant asks to have restarted: who is meant, and what runs there."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from keepwell.app.operation import Operation
from keepwell.app.proposing.asking import Wish, propose
from keepwell.app.proposing.deciding import approve
from keepwell.app.running import acting
from keepwell.app.table import operations
from keepwell.conform.plan_file import parse_plan
from keepwell.core.errors import ConfigurationError, RefusedError
from keepwell.store.journal import load_run
from tests.app.running.test_real_engine import end_what_was_started, set_up
from tests.engines.real import chat

pytestmark = [pytest.mark.long, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]
KNOWN: dict[str, Operation] = {one.name: one for one in operations("cli")}


async def test_a_restart_that_is_approved_makes_what_was_asked_before_another_thing(tmp_path: Path) -> None:
    with set_up(tmp_path) as (engine, caller):
        asker = replace(caller, asked_by="mcp")
        wish = Wish(operation=KNOWN["engine restart"], arguments={"name": "mine"}, asked_by="an assistant")
        first = (await propose(asker, wish)).proposal
        stop = Wish(operation=KNOWN["engine stop"], arguments={"name": engine.url}, asked_by="an assistant")
        second = (await propose(asker, stop)).proposal
        told = "\n".join(first.shows)
        before = await acting.tell_status(caller, "mine", "")
        assert f"{engine.url} ({before.engine}) is well, process {before.pid}" in told
        assert "in its memory: counting:latest" in told
        assert first.arguments["name"] == second.arguments["name"] == before.engine.partition("/")[2]
        unknown = Wish(operation=KNOWN["engine stop"], arguments={"name": "nobody"})
        with pytest.raises(ConfigurationError, match="no engine"):
            await propose(asker, unknown)
        done = (await approve(caller, first.id, first.mark)).proposal
        assert caller.state is not None
        plan = parse_plan(load_run(caller.state, str(done.outcome["run"])).payload)
        try:
            assert (done.stage, done.outcome["schema"]) == ("done", "keepwell.engine/1")
            assert engine.process.wait(5) == 0
            assert chat(engine, "counting")
            with pytest.raises(RefusedError, match="changed since"):
                await approve(caller, second.id, second.mark)
            assert chat(engine, "counting")
        finally:
            end_what_was_started(replace(before, plan=plan))
