"""A person decides: real plans on this machine, approved, refused, changed since, broken off by kill -9."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from keepwell.app.applying.carrying import apply_run
from keepwell.app.applying.runs import list_all as list_runs
from keepwell.app.desired.planning import plan_all
from keepwell.app.operation import Caller, Operation
from keepwell.app.proposing.asking import Wish, propose
from keepwell.app.proposing.deciding import approve, list_all, refuse
from keepwell.app.table import operations
from keepwell.core.errors import AccessError, NotThere, RefusedError
from keepwell.core.proposal import Proposal
from keepwell.store.alert_desk import load_desk
from keepwell.store.proposals import list_proposals, load_proposal
from keepwell.testing.waiting import eventually
from keepwell.transport.local import local_name

OPERATIONS: dict[str, Operation] = {one.name: one for one in operations("cli")}


def make_caller(folder: Path, *, yes: bool = False) -> Caller:
    """Two files that are not as wished, and a person who agrees to everything or nothing."""
    at = folder / "world"
    at.mkdir(exist_ok=True)
    rows = ["[[desired]]", f'name = "{local_name()}"', f'nodes = ["{local_name()}"]']
    for name in ("settings", "made"):
        rows += ["[[desired.file]]", f'path = "{at}/{name}"', 'text = "new\\n"']
    config = folder / "keepwell.toml"
    config.write_text("\n".join(rows) + "\n")
    (at / "settings").write_bytes(b"old\r\n\xff")
    return Caller(asked_by="cli", state=folder / "state", config=config, agree=lambda lines: yes)


async def ask(caller: Caller, operation: str, /, **arguments: object) -> Proposal:
    wish = Wish(operation=OPERATIONS[operation], arguments=arguments, asked_by="an assistant", why="it said so")
    return (await propose(replace(caller, asked_by="mcp"), wish)).proposal


async def plan(caller: Caller) -> str:
    (one,) = (await plan_all(caller, "", [local_name()])).planned
    return one.id


async def test_what_is_approved_is_the_plan_that_was_shown_and_its_undo_too(tmp_path: Path) -> None:
    caller = make_caller(tmp_path)
    run = await plan(caller)
    asked = await ask(caller, "apply")
    assert asked.arguments == {"run": [run], "all_": False, "wait": 600.0, "cut": False}
    assert asked.command == f"keepwell apply {run}"
    told = "\n".join(asked.shows)
    assert run in told
    assert "settings" in told
    assert "can be undone" in told
    report = await approve(caller, asked.id, asked.mark)
    assert (report.proposal.stage, report.exit_code) == ("done", 0)
    assert report.proposal.outcome["schema"] == "keepwell.run/1"
    assert report.next == (f"what it did: keepwell report {run}",)
    assert (tmp_path / "world/settings").read_text() == "new\n"
    back = await ask(caller, "undo")
    assert back.command == f"keepwell undo {run}"
    assert (await approve(caller, back.id, back.mark)).proposal.stage == "done"
    assert (tmp_path / "world/settings").read_bytes() == b"old\r\n\xff"
    assert not (tmp_path / "world/made").exists()


async def test_a_plan_that_somebody_began_since_is_not_what_was_shown(tmp_path: Path) -> None:
    caller = make_caller(tmp_path)
    run = await plan(caller)
    asked = await ask(caller, "apply", run=[run])
    await apply_run(caller, run)
    with pytest.raises(RefusedError, match="changed since"):
        await approve(caller, asked.id, asked.mark)
    kept = load_proposal(tmp_path / "state", asked.id, asked.asked_at)
    assert (kept.stage, kept.said) == ("refused", "what it would do has changed since it was asked for")


async def test_what_cannot_be_foreseen_is_not_asked_for(tmp_path: Path) -> None:
    caller = make_caller(tmp_path)
    for name, arguments in (
        ("apply", {}),
        ("undo", {}),
        ("apply", {"run": ["no-such-run"]}),
        ("apply", {"all_": True}),
    ):
        with pytest.raises(NotThere):
            await ask(caller, name, **arguments)
    for name in ("key", "jobs run", "proposals approve", "diagnose"):
        with pytest.raises(RefusedError, match="cannot be proposed"):
            await ask(caller, name)
    assert list_all(caller, "", 20).proposals == ()


async def test_nobody_agreed_so_nothing_was_done(tmp_path: Path) -> None:
    caller = make_caller(tmp_path)
    asked = await ask(caller, "alerts maintenance", subject="node:gpu01")
    for mark in ("", "0" * 16, asked.mark[:8]):
        with pytest.raises(RefusedError):
            await approve(caller, asked.id, mark)
    assert load_desk(tmp_path / "state").maintenance == ()
    assert list_all(caller, asked.id, 1).proposals[0].stage == "waiting"


async def test_who_is_asked_is_shown_all_of_it(tmp_path: Path) -> None:
    told: list[str] = []

    def agree(lines: Sequence[str]) -> bool:
        told.extend(lines)
        return True

    caller = replace(make_caller(tmp_path), agree=agree)
    asked = await ask(caller, "alerts maintenance", subject="node:gpu01", why="hot")
    await approve(caller, asked.id, "")
    assert told == [
        "keepwell alerts maintenance --why=hot node:gpu01",
        *asked.shows,
        "asked for by an assistant",
        "who says (their words): it said so",
    ]
    assert [one.subject for one in load_desk(tmp_path / "state").maintenance] == ["node:gpu01"]


async def test_it_runs_once_however_many_approve(tmp_path: Path) -> None:
    caller = make_caller(tmp_path)
    asked = await ask(caller, "incident open", what="slow", level=1)
    tries = [asyncio.to_thread(lambda: asyncio.run(approve(caller, asked.id, asked.mark))) for _ in range(4)]
    ended = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, RefusedError) for one in ended) == 3
    assert sum(not isinstance(one, BaseException) for one in ended) == 1
    with pytest.raises(RefusedError, match="is done"):
        await approve(caller, asked.id, asked.mark)
    assert len(list((tmp_path / "state/incidents").glob("*.json"))) == 1


async def test_an_operation_that_fails_is_told_and_kept(tmp_path: Path) -> None:
    caller = make_caller(tmp_path, yes=True)
    asked = await ask(caller, "jobs stop", job="no-such-job")
    report = await approve(caller, asked.id, "")
    assert (report.proposal.stage, report.exit_code) == ("failed", 3)
    assert report.proposal.outcome["schema"] == "keepwell.error/1"
    assert "no-such-job" in report.proposal.said


async def test_a_no_is_a_no(tmp_path: Path) -> None:
    caller = make_caller(tmp_path, yes=True)
    asked = await ask(caller, "alerts maintenance", subject="node:gpu01")
    assert refuse(caller, asked.id, "not at\nnight").proposal.said == "not at\\nnight"
    with pytest.raises(RefusedError, match="is refused"):
        await approve(caller, asked.id, asked.mark)
    with pytest.raises(RefusedError, match="is refused"):
        refuse(caller, asked.id, "")
    assert load_desk(tmp_path / "state").maintenance == ()


def keepwell(caller: Caller, *words: str) -> list[str]:
    return [sys.executable, "-m", "keepwell", *words, "--config", str(caller.config)]


def environment(caller: Caller) -> dict[str, str]:
    return {**os.environ, "KEEPWELL_STATE": str(caller.state), "NO_COLOR": "1", "COLUMNS": "200"}


@pytest.mark.parametrize(("typed", "stage"), [(b"y\n", "done"), (b"n\n", "waiting"), (b"\n", "waiting")])
def test_a_person_at_a_terminal_is_asked(tmp_path: Path, typed: bytes, stage: str) -> None:
    caller = make_caller(tmp_path)
    asked = asyncio.run(ask(caller, "alerts maintenance", subject="node:gpu01"))
    ours, theirs = pty.openpty()
    argv = keepwell(caller, "proposals", "approve", asked.id)
    with subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, env=environment(caller)) as process:
        os.close(theirs)
        said = b""
        while b"[y/N]" not in said:
            said += os.read(ours, 4096)
        assert b"keepwell alerts maintenance node:gpu01" in said
        os.write(ours, typed)
        process.wait(30)
    os.close(ours)
    assert load_proposal(tmp_path / "state", asked.id, asked.asked_at).stage == stage


def test_where_nobody_sits_nothing_is_approved_without_the_mark(tmp_path: Path) -> None:
    caller = make_caller(tmp_path)
    asked = asyncio.run(ask(caller, "alerts maintenance", subject="node:gpu01"))
    argv = keepwell(caller, "proposals", "approve", asked.id)
    refused = subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, env=environment(caller), check=False)
    assert refused.returncode == 3
    assert f"--mark {asked.mark}".encode() in refused.stderr
    argv = keepwell(caller, "proposals", "approve", asked.id, "--mark", asked.mark, "--json")
    done = subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, env=environment(caller), check=True)
    assert json.loads(done.stdout)["proposal"]["stage"] == "done"
    listed = subprocess.run(
        keepwell(caller, "proposals", "list"), capture_output=True, env=environment(caller), check=True
    )
    assert b"keepwell alerts maintenance node:gpu01" in listed.stdout


def test_killed_between_approval_and_outcome_it_is_interrupted_and_its_run_goes_on(tmp_path: Path) -> None:
    caller = make_caller(tmp_path)
    run = asyncio.run(plan(caller))
    asked = asyncio.run(ask(caller, "apply"))
    argv = [sys.executable, "-m", "tests.app.proposing.dying", str(caller.config), str(caller.state), asked.id]
    killed = subprocess.run([*argv, asked.mark, run, "3"], check=False)
    assert killed.returncode == -signal.SIGKILL
    state = tmp_path / "state"
    eventually(lambda: load_proposal(state, asked.id, asked.asked_at).stage == "interrupted")
    assert asyncio.run(list_runs(caller)).runs[0].state == "begun"
    with pytest.raises(RefusedError, match="broken off"):
        asyncio.run(approve(caller, asked.id, asked.mark))
    assert asyncio.run(apply_run(caller, run)).exit_code == 0
    assert (tmp_path / "world/settings").read_text() == "new\n"


def test_a_disk_that_keeps_nothing_is_told_and_nothing_runs(tmp_path: Path) -> None:
    caller = make_caller(tmp_path, yes=True)
    asked = asyncio.run(ask(caller, "alerts maintenance", subject="node:gpu01"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
    try:
        with pytest.raises(AccessError, match="state"):
            asyncio.run(approve(caller, asked.id, asked.mark))
        with pytest.raises(AccessError, match="state"):
            asyncio.run(ask(caller, "alerts maintenance", subject="node:gpu02"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)
    (kept,) = list_proposals(tmp_path / "state", asked.asked_at)
    assert kept.stage == "waiting"
    assert load_desk(tmp_path / "state").maintenance == ()
