"""A job whose runner, engine and gateway are killed again and again, and what came of it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from keepwell.app.batching.running import run_batch
from keepwell.app.batching.wish import BatchWish
from keepwell.app.operation import Caller
from keepwell.gateway.choice.ask import Route
from keepwell.gateway.serve import main as serve_gateway
from keepwell.gateway.settings import SETTINGS_FILE, Settings, render_settings
from keepwell.plugins.routing import Replica
from keepwell.store.folder import replace_private
from keepwell.testing.batch_stub import serve as serve_stub
from tests.support import free_port

#: At a time.
AT_A_TIME = 32


@dataclass(slots=True)
class Killed:
    """What came of it. `doubled` names have several lines, `lost` none; `redone` are answers beyond the first."""

    kills: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    doubled: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    redone: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Scene:
    """A folder with an input of so many lines, an engine that fails in a share of each kind, and perhaps a gateway."""

    folder: Path
    count: int
    faults: float = 0.01
    milliseconds: float = 100.0
    gateway: bool = False
    seed: int = 1
    ports: tuple[int, int] = field(default_factory=lambda: (free_port(), free_port()))

    def write(self) -> None:
        """The input, and the gateway's settings."""
        body = {"model": "m", "messages": [{"role": "user", "content": ""}]}
        with (self.folder / "in.jsonl").open("w") as file:
            for number in range(self.count):
                body["messages"] = [{"role": "user", "content": f"item {number}"}]
                line = {"custom_id": f"c{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}
                file.write(json.dumps(line) + "\n")
        replica = Replica(id="box/0", node="box", host="127.0.0.1", port=self.ports[0], dialects=frozenset({"openai"}))
        route = Route(name="m", replicas={"box/0": "m"}, policy=("least_work",))
        settings = Settings(port=self.ports[1], replicas=(replica,), routes=(route,))
        (self.folder / "keepwell.toml").write_text("")
        (self.folder / "plane").mkdir(mode=0o700)
        replace_private(self.folder / "plane" / SETTINGS_FILE, render_settings(settings))

    def start(self, what: str) -> Forked:
        """One of the processes."""
        self.seed += 1
        return Forked(getattr(self, f"_run_{what}"), self.folder / f"{what}.log")

    def _run_engine(self) -> None:
        words = [self.ports[0], self.folder / "log", self.seed, self.faults, self.milliseconds]
        asyncio.run(serve_stub([str(word) for word in words]))

    def _run_gateway(self) -> int:
        return serve_gateway([str(self.folder / "plane")])

    def _run_runner(self) -> int:
        wish = BatchWish(
            input=str(self.folder / "in.jsonl"),
            out=str(self.folder / "out.jsonl"),
            to=f"http://127.0.0.1:{self.ports[self.gateway]}",
            concurrency=str(AT_A_TIME),
            timeout="3s",
        )
        caller = Caller(
            state=self.folder / "state", config=self.folder / "keepwell.toml", note=partial(print, flush=True)
        )
        report = asyncio.run(run_batch(caller, wish))
        print(report, flush=True)
        return report.exit_code


class Forked:
    """A process that is a copy of this one, so that it costs no time to start; it ends with what it runs."""

    def __init__(self, run: Callable[[], int | None], log: Path) -> None:
        self.returncode: int | None = None
        sys.stdout.flush()
        self._pid = os.fork()
        if self._pid == 0:
            code = 70
            try:
                out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
                os.dup2(out, 1)
                os.dup2(out, 2)
                code = run() or 0
            finally:
                if code == 70:
                    os.write(2, traceback.format_exc().encode())
                os._exit(code)

    def poll(self) -> int | None:
        """How it ended, None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def kill(self) -> None:
        """End it as nothing else does, and wait until it is gone."""
        if self.returncode is None:
            os.kill(self._pid, signal.SIGKILL)
            _, status = os.waitpid(self._pid, 0)
            self.returncode = os.waitstatus_to_exitcode(status)


def kill_often(scene: Scene, kills: int, pauses: tuple[float, float], wait: Callable[[float], object]) -> Killed:
    """Run the job to its end, with so many kills or fewer if it ends before. Between two of them work goes on, and then
    for a time within `pauses`.
    """
    scene.write()
    chance = random.Random(scene.seed)
    found = Killed()
    names = ["engine", *["gateway"] * scene.gateway, "runner"]
    begun = time.monotonic()
    running = {name: scene.start(name) for name in names}
    log, seen = scene.folder / "log", 0
    try:
        while running["runner"].poll() is None:
            if not log.exists() or log.stat().st_size <= seen:
                wait(0.02)
                continue
            wait(chance.uniform(*pauses))
            victim = chance.choice(names)
            if found.kills.total() < kills and running[victim].poll() is None:
                running[victim].kill()
                found.kills[victim] += 1
                running[victim] = scene.start(victim)
            seen = log.stat().st_size
    finally:
        for process in running.values():
            process.kill()
    found.seconds = time.monotonic() - begun
    _judge(scene, found, running["runner"].returncode)
    return found


def _judge(scene: Scene, found: Killed, code: int | None) -> None:
    lines = _read(scene.folder / "out.jsonl")
    errors = _read(scene.folder / "out.errors.jsonl")
    names = Counter(str(line["custom_id"]) for line in (*lines, *errors))
    found.doubled = [name for name, count in names.items() if count > 1]
    found.lost = [name for number in range(scene.count) if (name := f"c{number}") not in names]
    found.answered = len(lines)
    for line in lines:
        asked = f"<item {str(line['custom_id'])[1:]}>"
        if asked != line["response"]["body"]["choices"][0]["message"]["content"]:
            found.wrong.append(str(line["custom_id"]))
    for line in errors:
        response = line["response"] or {}
        found.errors[str((line["error"] or {}).get("code") or response.get("status_code"))] += 1
    answered = Counter(line for line in (scene.folder / "log").read_text().splitlines() if line.startswith("answered"))
    found.redone = answered.total() - len(answered)
    assert code in (0, 1), (scene.folder / "runner.log").read_text()[-2000:]


def _read(path: Path) -> Sequence[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]
