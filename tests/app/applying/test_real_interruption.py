"""What clients of a real gateway have of a real Ollama whose settings are changed and which is restarted for that."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from keepwell.conform.launch import started_at
from keepwell.conform.ledger import plan_items
from keepwell.conform.plan_file import render_plan
from keepwell.core.entry import Entry
from keepwell.core.ref import Ref
from keepwell.core.run import Run
from keepwell.core.step import Change, Plan, Put, Serving, StartProcess, reverse
from keepwell.gateway.choice.cordons import load_cordons
from keepwell.store.journal import create_journal
from keepwell.testing.tiny_model import TinyModel
from keepwell.testing.waiting import eventually
from keepwell.transport.clock import SystemClock
from keepwell.transport.entries import ENTRY_BYTES, find_entry
from tests.engines.real import PATIENCE, find_ollama, give, make_model, ollama
from tests.gateway.made import Answered
from tests.gateway.processes import Gateway, Load, during, gateway
from tests.support import eventually_async, free_port

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(400),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]
RUN = "20260101T000000-plan-aaaaaa"
BODY = json.dumps({"model": "counting", "max_tokens": 4, "messages": [{"role": "user", "content": "hello"}]}).encode()


def judge(answer: Answered) -> str:
    return {200: "well"}.get(answer.status, f"{answer.status}: {answer.body[:200]!r}")


class Detached:
    """An Ollama that nobody supervises, with a file of settings that is read at every start."""

    def __init__(self, folder: Path) -> None:
        program, needed = find_ollama()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings = folder / "ollama.env"
        self.settings.write_text("# mine\nOLLAMA_KEEP_ALIVE=5m\n")
        own = {"HOME": str(folder), "OLLAMA_HOST": f"127.0.0.1:{self.port}", "OLLAMA_MODELS": str(folder / "models")}
        self.argv = ("env", *(f"{name}={value}" for name, value in (own | needed).items()), program, "serve")
        self.log = folder / "detached.log"
        self.pid = 0

    @property
    def ref(self) -> Ref:
        return Ref("engine", (socket.gethostname(), f"ollama:{self.port}"))

    def find_pid(self) -> int:
        """The process that serves now, by what it listens at; 0 for none."""
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                told = path.read_bytes().split(b"\0")
                command = path.with_name("cmdline").read_bytes()
                if f"OLLAMA_HOST=127.0.0.1:{self.port}".encode() in told and command.endswith(b"serve\0"):
                    return int(path.parent.name)
        return 0

    def read_setting(self) -> bytes:
        """The one that the process runs with."""
        told = Path(f"/proc/{self.find_pid()}/environ").read_bytes().split(b"\0")
        return next(one for one in told if one.startswith(b"OLLAMA_KEEP_ALIVE="))

    def make_plan(self) -> Plan:
        pid = self.find_pid()
        path = str(self.settings)
        put = Put(
            path=path,
            before=find_entry(path, ENTRY_BYTES),
            after=Entry(kind="file", content=b"# mine\nOLLAMA_KEEP_ALIVE=30m\n"),
        )
        change = Change(
            subject=Ref("path", (self.ref.node, path)),
            what="OLLAMA_KEEP_ALIVE",
            before="5m",
            after="30m",
            do=put,
            undo=reverse(put, (-1, -1)),
        )
        start = StartProcess(
            argv=self.argv,
            output=str(self.log),
            environment_files=(path,),
            replaces_pid=pid,
            replaces_started_at=started_at(pid) or 0.0,
        )
        return Plan(
            step="environment_file",
            check="engine.restart",
            subject=self.ref,
            why="OLLAMA_KEEP_ALIVE is not as wished",
            changes=(change,),
            activate=(start,),
            engine=self.ref,
            proof=(Serving(kind="ollama", url=self.url),),
        )


@contextmanager
def detached(folder: Path) -> Iterator[Detached]:
    engine = Detached(folder)
    words = ["--output", str(engine.log), "--environment-file", str(engine.settings), "--", *engine.argv]
    subprocess.run([sys.executable, "-m", "keepwell.conform.launch", *words], check=True)
    try:
        eventually(engine.find_pid, PATIENCE, "Ollama to start")
        yield engine
    finally:
        if pid := engine.find_pid():
            os.kill(pid, signal.SIGTERM)


@contextmanager
def served(folder: Path, replicas: int) -> Iterator[tuple[Gateway, Detached]]:
    """A gateway before the engine that is changed, and another with the same model where there are two replicas."""
    model = make_model(folder / "counting.gguf", TinyModel(tag="well"))
    with ExitStack() as stack:
        first = stack.enter_context(ollama(folder, OLLAMA_NOPRUNE="1"))
        give(first, model, "counting", num_thread=1)
        engine = stack.enter_context(detached(folder))
        ports = [("ollama", engine.port)]
        if replicas == 2:
            ports.append(("ollama", int(first.url.rpartition(":")[2])))
        yield stack.enter_context(gateway(folder, ports, '[gateway]\nwait = "1m"\n')), engine


def keep(plan: Plan, state: Path) -> None:
    """As a run that nobody has begun."""
    run = Run(id=RUN, kind="plan", asked_by="ada", created_at=1.0, items=plan_items(plan))
    create_journal(state, run, render_plan(plan), SystemClock()).close()


def under_load(running: Gateway, *words: str) -> dict[str, Any]:
    """What a command says while four clients ask; each of their requests is answered well."""
    load = Load(running.port, judge, pause_seconds=0.05)
    answers: list[Any] = []

    async def answered(count: int) -> None:
        async def enough() -> bool:
            return load.outcomes.total() >= count

        await eventually_async(enough, PATIENCE, f"{count} answers")

    async def act() -> None:
        await answered(20)
        ran = await running.run(*words, "--json")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        answers.append(json.loads(ran.stdout))
        await answered(load.outcomes.total() + 20)

    outcomes = asyncio.run(during(load, 4, BODY, act))
    assert set(outcomes) == {"well"}, outcomes
    return dict(answers[0])


@pytest.mark.parametrize("replicas", [1, 2])
def test_settings_of_an_engine_that_serves_are_changed_and_taken_back(tmp_path: Path, replicas: int) -> None:
    with served(tmp_path, replicas) as (running, engine):
        before = find_entry(str(engine.settings), ENTRY_BYTES)
        keep(engine.make_plan(), running.state)
        applied = under_load(running, "apply", RUN)
        details = {one["key"]: one["detail"] for one in applied["items"]}
        assert re.fullmatch(r"drained in [\d.]+ s; in memory: counting:latest", details["drain"])
        assert details["smoke"].endswith("and counting:latest gave a token")
        assert engine.read_setting() == b"OLLAMA_KEEP_ALIVE=30m"
        under_load(running, "undo", RUN)
        assert engine.read_setting() == b"OLLAMA_KEEP_ALIVE=5m"
        assert find_entry(str(engine.settings), ENTRY_BYTES).content == before.content
        assert load_cordons(running.state) == ()

        report = json.loads(running.keepwell("report", RUN, "--json").stdout)
        assert len(report["interruptions"]) == 2
        for one in report["interruptions"]:
            felt, window = one["felt"], one["window"]
            print(replicas, f"{window['until'] - window['since']:.2f} s without requests", felt)
            assert felt["failed"] == 0
            assert felt["requests"] > 0
            if replicas == 2:
                assert felt["elsewhere"] > felt["requests"] / 2
                assert felt["longest_wait_seconds"] < window["until"] - window["since"]
            else:
                assert felt["longest_wait_seconds"] > 0.5
        print(running.keepwell("report", RUN).stdout)
