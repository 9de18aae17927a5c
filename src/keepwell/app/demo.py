"""The whole loop on a real engine that is started for it: found well, broken, explained, repaired, taken back.

A real llama.cpp server (the `demo` extra) serves a model whose every answer is known, from a folder that is
removed at the end. What is broken is what breaks most often: a value in a start file.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import re
import signal
import socket
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from keepwell.app.applying.carrying import apply_run, undo_run
from keepwell.app.demo_report import DemoReport, DemoStep
from keepwell.app.diagnosing import diagnose_here
from keepwell.app.operation import Caller
from keepwell.app.repair_report import PlannedRun, RunReport
from keepwell.app.repairing import make_plans
from keepwell.app.report import DiagnosisReport
from keepwell.core.errors import ConfigurationError, EngineError, KeepwellError
from keepwell.core.hypothesis import Hypothesis
from keepwell.transport.base import Reply
from keepwell.transport.local import LocalTransport

#: Seconds that the server may take to answer: it needs a quarter of one, and a busy small machine ten times that.
READY_SECONDS = 20.0
LOOK_SECONDS = 0.05
#: The start file before and after somebody "only changed a number": the server cannot read the second.
SETTING = "LLAMA_ARG_CTX_SIZE"
GOOD, BROKEN = "2048", "auto"
_PID = re.compile(r"pid (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """Where the demo plays: its folder, the port, and how to ask for anything about it."""

    folder: Path
    port: int
    caller: Caller
    transport: LocalTransport

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def start_file(self) -> Path:
        return self.folder / "server.env"


class _Story:
    """Tells each step as it happens and keeps them for the report."""

    def __init__(self, caller: Caller) -> None:
        self.steps: list[DemoStep] = []
        self._caller = caller
        self._began = time.monotonic()

    def tell(self, title: str, *lines: str) -> None:
        """One step: a title and what came of it."""
        seconds = time.monotonic() - self._began
        self.steps.append(DemoStep(title=title, lines=lines, at_seconds=round(seconds, 1)))
        self._caller.tell(f"\n[{seconds:4.1f} s] {title}")
        for line in lines:
            self._caller.tell(f"         {line}")


async def play(caller: Caller) -> DemoReport:
    """Play it. Under a minute; ends the server and removes the folder whatever happens."""
    _require_extra()
    story = _Story(caller)
    transport = LocalTransport()
    pids: list[int] = []
    with tempfile.TemporaryDirectory(prefix="keepwell-demo-") as name:
        folder = Path(name)
        quiet = replace(caller, config=folder / "keepwell.toml", state=folder / "state", progress=Caller().progress)
        stage = _Stage(folder=folder, port=_free_port(), caller=quiet, transport=transport)
        try:
            await _act(stage, story, pids)
        finally:
            _end(pids)
            await transport.close()
    story.tell("Cleaned up", "the server is ended, the folder is removed; nothing else was touched")
    return DemoReport(steps=tuple(story.steps), seconds=story.steps[-1].at_seconds)


async def _act(stage: _Stage, story: _Story, pids: list[int]) -> None:
    await _set_up(stage, story)
    pids.append(await _start(stage, GOOD))
    story.tell("A real llama.cpp server runs", f"{stage.url} answers: {await _ask(stage)}")
    well = await _diagnose(stage)
    story.tell("keepwell diagnose", *_verdict(well, stage), f"found and looked at in {well.seconds:.1f} s")
    _end(pids)
    await _start(stage, BROKEN)
    story.tell(
        "Somebody edits the start file, and the server is restarted",
        f"{stage.start_file.name}: {SETTING}={BROKEN}",
        "the server does not come back",
    )
    sick = await _diagnose(stage)
    cause = _require_cause(sick, stage)
    story.tell("keepwell diagnose", *_verdict(sick, stage))
    planned = await _plan(stage, cause)
    before = stage.start_file.read_bytes()
    story.tell(f"keepwell plan {cause.issue}", *_changes(planned))
    applied = await apply_run(stage.caller, planned.id)
    pids += _started(applied)
    story.tell("keepwell apply", *_outcome(applied), f"{stage.url} answers: {await _ask(stage)}")
    undone = await undo_run(stage.caller, planned.id)
    same = {True: "byte for byte as before", False: "NOT as before"}[stage.start_file.read_bytes() == before]
    story.tell("keepwell undo", *_outcome(undone), f"{stage.start_file.name} is {same}")
    if undone.outcome.state != "undone" or stage.start_file.read_bytes() != before:
        raise EngineError("the repair was not undone", where=str(stage.start_file))


def _require_extra() -> None:
    if importlib.util.find_spec("xllamacpp") is None or importlib.util.find_spec("gguf") is None:
        raise ConfigurationError(
            "the demo needs a llama.cpp server, and it is not installed",
            hint="pip install 'keepwell[demo]', or make up, which installs it",
        )


async def _set_up(stage: _Stage, story: _Story) -> None:
    """A model, a start file, and the keepwell.toml that names the engine."""
    model = stage.folder / "counting.gguf"
    made = await stage.transport.run((sys.executable, "-m", "keepwell.testing.tiny_model", str(model), "--tag", "well"))
    if made.code:
        raise EngineError("the model could not be made", where=str(model), hint=made.stderr.decode("utf-8", "replace"))
    start = [sys.executable, "-m", "keepwell.testing.llama_server", str(model), "--port", str(stage.port)]
    rows = {
        "kind": '"llamacpp"',
        "url": f'"{stage.url}"',
        "start": "[" + ", ".join(f'"{word}"' for word in start) + "]",
        "environment_file": f'"{stage.start_file}"',
        "log": f'"{stage.folder / "server.log"}"',
    }
    text = "[[engine]]\n" + "".join(f"{key} = {value}\n" for key, value in rows.items())
    (stage.folder / "keepwell.toml").write_text(text, encoding="utf-8")
    story.tell("A made model and a start file", f"{model.stat().st_size / 1e6:.1f} MB, in {stage.folder}")


async def _start(stage: _Stage, value: str) -> int:
    """Start the server as its start file says; the pid once it answers, or once it has ended by itself."""
    stage.start_file.write_text(f"# settings of the server\n{SETTING}={value}\n", encoding="utf-8")
    argv = (sys.executable, "-m", "keepwell.testing.llama_server", str(stage.folder / "counting.gguf"))
    with (stage.folder / "server.log").open("wb") as log:
        child = await asyncio.create_subprocess_exec(
            *argv, "--port", str(stage.port), env={**os.environ, SETTING: value}, stdout=log, stderr=log
        )
    until = time.monotonic() + READY_SECONDS
    while child.returncode is None and time.monotonic() < until and not await _is_ready(stage):
        await asyncio.sleep(LOOK_SECONDS)
    return child.pid


async def _is_ready(stage: _Stage) -> bool:
    try:
        return (await stage.transport.http("GET", f"{stage.url}/health", timeout_seconds=1.0)).status == 200
    except KeepwellError:
        return False


async def _ask(stage: _Stage) -> str:
    """The first words of a real answer. The model counts, so that anybody can see that it is right."""
    body = b'{"prompt": "hello", "max_tokens": 4}'
    reply: Reply = await stage.transport.http(
        "POST", f"{stage.url}/v1/completions", headers={"content-type": "application/json"}, body=body
    )
    match = re.search(rb'"text":\s*"([^"]*)"', reply.body)
    if reply.status != 200 or match is None:
        raise EngineError(f"the server answers with {reply.status}", where=stage.url)
    return match[1].decode("utf-8", "replace").strip()


async def _diagnose(stage: _Stage) -> DiagnosisReport:
    return await diagnose_here(stage.caller, level=1)


def _causes(report: DiagnosisReport, stage: _Stage) -> list[Hypothesis]:
    """The likely causes that are about the demo's own server; other engines of the machine are left alone."""
    likely = [*report.diagnosis.hypotheses[:1], *report.diagnosis.also]
    own = f":{stage.port}"
    return [one for one in likely if one.subject is not None and own in str(one.subject)]


def _require_cause(report: DiagnosisReport, stage: _Stage) -> Hypothesis:
    found = [one for one in _causes(report, stage) if one.repair]
    if not found:
        raise EngineError("the planted fault was not explained", where=stage.url, hint="keepwell diagnose says more")
    return found[0]


def _verdict(report: DiagnosisReport, stage: _Stage) -> tuple[str, ...]:
    causes = _causes(report, stage)
    if not causes:
        return ("nothing is wrong with it",)
    first = causes[0]
    reasons = [one.quote for one in first.supporting if one.quote][:2]
    return (f"{first.title}: {first.confidence:.0%} sure", *(f"because {one}" for one in reasons))


async def _plan(stage: _Stage, cause: Hypothesis) -> PlannedRun:
    report = await make_plans(stage.caller, cause.issue)
    own = [one for one in report.planned if str(stage.port) in str(one.plan.subject)]
    if not own:
        raise EngineError(f"no plan was made for {cause.issue}", where=stage.url)
    return own[0]


def _changes(planned: PlannedRun) -> list[str]:
    return [f"{one.what}: {one.before} -> {one.after}  (undo: byte for byte)" for one in planned.plan.changes]


def _outcome(report: RunReport) -> tuple[str, ...]:
    return (f"{report.outcome.state}: {report.outcome.detail}",)


def _started(report: RunReport) -> list[int]:
    """The pids of servers that a run started."""
    return [int(found[1]) for item in report.items if (found := _PID.match(item.detail))]


def _end(pids: list[int]) -> None:
    """End the servers that the demo started, by their saved pids."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    pids.clear()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
