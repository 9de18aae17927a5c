"""A real Ray cluster of two nodes on loopback, a batch on it, and what is killed meanwhile: one process tree.

Run in network and process spaces of its own: nothing of it is reached from elsewhere, and all of it ends with it:

    unshare --net --pid --fork --kill-child --mount-proc PYTHON -m tests.long.ray_cluster SCENE FOLDER

It prints what came of it as one line of JSON.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
BIN = REPOSITORY / ".cache" / "ray" / "bin"
#: Ports inside: of the cluster's head, of Ray's client, and of the engine.
HEAD, CLIENT, ENGINE = 26379, 20001, 8000
#: Lines of a job, milliseconds of an answer, and requests of one node at a time.
LINES, MILLISECONDS, AT_A_TIME = 2000, 20, 8
#: Seconds for anything to happen.
PATIENCE = 120.0
#: What Ray says of a node that runs.
STARTED = "Ray runtime started"
_WAIT = threading.Event()


@dataclass(slots=True)
class Scene:
    """A folder with an input, an engine and a cluster; every process has a session of its own."""

    folder: Path
    #: Where Ray keeps its sockets: their names may not be long.
    sockets: str
    heads: int = 0
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def begin(self, lines: int = LINES) -> None:
        """The input and the engine."""
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        with (self.folder / "in.jsonl").open("w") as file:
            for number in range(lines):
                body = {"model": "m", "messages": [{"role": "user", "content": f"item {number}"}]}
                line = {"custom_id": f"c{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}
                file.write(json.dumps(line) + "\n")
        stub = [sys.executable, "-m", "keepwell.testing.batch_stub"]
        self.start("engine", [*stub, str(ENGINE), str(self.folder / "log"), "1", "0", str(MILLISECONDS)])

    def start(self, name: str, argv: Sequence[str]) -> None:
        """A process, with its output in a file of its name."""
        env = {
            **os.environ,
            "RAY_USAGE_STATS_ENABLED": "0",
            "PYTHONPATH": str(REPOSITORY / "src"),
            "KEEPWELL_STATE": str(self.folder / "state"),
            "HOME": str(self.folder),
        }
        with (self.folder / f"{name}.log").open("ab") as out:
            self.running[name] = subprocess.Popen(
                argv, stdout=out, stderr=subprocess.STDOUT, env=env, cwd=self.folder, start_new_session=True
            )

    def start_head(self) -> None:
        """The first node."""
        self.heads += 1
        own = [f"--port={HEAD}", f"--ray-client-server-port={CLIENT}", "--include-dashboard=false"]
        self._start_node("head", ["--head", *own, f"--temp-dir={self.sockets}"])
        self.wait("the head", self.is_head_up)

    def start_second(self) -> None:
        """The second, which has an engine of its own as far as the cluster knows."""
        self._start_node("second", [f"--address=127.0.0.1:{HEAD}", '--resources={"engine": 1}'])
        self.wait("the second node", self.has_two)

    def _start_node(self, name: str, own: Sequence[str]) -> None:
        usual = ["--block", "--node-ip-address=127.0.0.1", "--num-cpus=1", "--object-store-memory=80000000"]
        self.start(name, [str(BIN / "ray"), "start", *usual, "--disable-usage-stats", *own])

    def is_head_up(self) -> bool:
        """True if the port of Ray's client is open, and all that is behind it runs."""
        told = (self.folder / "head.log").read_text(errors="replace").count(STARTED)
        return f"{CLIENT:04X} " in _read_listening() and told == self.heads

    def has_two(self) -> bool:
        """True if the second node has told that it runs."""
        return STARTED in (self.folder / "second.log").read_text(errors="replace")

    def start_batch(self, *flags: str) -> None:
        """The command, in Ray's environment."""
        keepwell = [str(BIN / "python"), "-P", "-m", "keepwell", "batch", "run", "in.jsonl", "--out", "out.jsonl"]
        asked = ["--to", f"http://127.0.0.1:{ENGINE}", "--concurrency", str(AT_A_TIME)]
        if "--on" not in flags:
            asked += ["--on", f"ray://127.0.0.1:{CLIENT}"]
        self.start("batch", [*keepwell, *asked, *flags])

    def kill(self, name: str) -> None:
        """End a process and all of its session as nothing else does."""
        process = self.running[name]
        for pid in _find_session(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.wait()

    def finish(self) -> int:
        """The exit code of the batch."""
        return self.running["batch"].wait(timeout=PATIENCE)

    def wait(self, what: str, found: Callable[[], bool]) -> None:
        """Until it is so."""
        until = time.monotonic() + PATIENCE
        while not found():
            if time.monotonic() > until:
                raise TimeoutError(f"{what}: not within {PATIENCE:g} s\n{self.tell_logs()}")
            _WAIT.wait(0.1)

    def count_answered(self) -> int:
        """Answers that the engine gave so far."""
        log = self.folder / "log"
        return log.read_text().count("answered ") if log.exists() else 0

    def wait_answered(self, count: int) -> None:
        """Until the engine gave so many."""
        self.wait(f"{count} answers", lambda: self.count_answered() >= count)

    def tell_logs(self) -> str:
        """The ends of all logs."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {one.name}\n{one.read_text(errors='replace')[-1500:]}" for one in logs)

    def judge(self, code: int) -> Mapping[str, Any]:
        """What came of it."""
        names: Counter[str] = Counter()
        wrong = 0
        for line in _read_lines(self.folder / "out.jsonl"):
            names[line["custom_id"]] += 1
            said = line["response"]["body"]["choices"][0]["message"]["content"]
            wrong += said != f"<item {line['custom_id'][1:]}>"
        log = (self.folder / "log").read_text().splitlines()
        asked = Counter(line for line in log if line.startswith("asked "))
        highest = now = 0
        for line in log:
            now += {"asked": 1, "answered": -1}[line.split(" ", 1)[0]]
            highest = max(highest, now)
        return {
            "code": code,
            "lines": names.total(),
            "lost": LINES - len(names),
            "doubled": sum(count > 1 for count in names.values()),
            "wrong": wrong,
            "again": asked.total() - len(asked),
            "at_once": highest,
            "errors": len(_read_lines(self.folder / "out.errors.jsonl")),
            "told": (self.folder / "batch.log").read_text(errors="replace"),
        }


def kill_node_and_runner(scene: Scene) -> Mapping[str, Any]:
    """The second node dies in the middle, then the runner; the same command goes on."""
    scene.begin()
    scene.start_head()
    scene.start_second()
    scene.start_batch()
    scene.wait_answered(400)
    scene.kill("second")
    scene.wait_answered(900)
    scene.kill("batch")
    scene.start_batch()
    return scene.judge(scene.finish())


def lose_head(scene: Scene) -> Mapping[str, Any]:
    """The head dies and another is started; a second node joins it while the batch runs."""
    scene.begin()
    scene.start_head()
    scene.start_batch()
    scene.wait_answered(300)
    scene.kill("head")
    scene.start_head()
    scene.wait_answered(700)
    scene.start_second()
    return scene.judge(scene.finish())


def choose_nodes(scene: Scene) -> Mapping[str, Any]:
    """Only the node that has the resource asks; from a machine of the cluster."""
    scene.begin()
    scene.start_head()
    scene.start_second()
    scene.start_batch("--on", "ray://auto", "--on-resource", "engine")
    return scene.judge(scene.finish())


def refuse(scene: Scene) -> Mapping[str, Any]:
    """What is told where no node has the resource, and where nobody answers."""
    scene.begin()
    scene.start_head()
    scene.start_batch("--on-resource", "nothing=2")
    code = scene.finish()
    scene.start_batch("--on", "ray://127.0.0.1:9")
    return {"codes": [code, scene.finish()], "told": (scene.folder / "batch.log").read_text()}


SCENES = {one.__name__: one for one in (kill_node_and_runner, lose_head, choose_nodes, refuse)}


def _find_session(leader: int) -> list[int]:
    """Processes of a session, the leader's own last."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == leader:
                found.append(int(entry.name))
    return sorted(found, reverse=True)


def _read_listening() -> str:
    """Local ports that listen, as the kernel writes them."""
    found = []
    for name in ("tcp", "tcp6"):
        for line in Path("/proc/net", name).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                found.append(fields[1].rpartition(":")[2] + " ")
    return "".join(found)


def _read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as sockets:
        print(json.dumps(SCENES[sys.argv[1]](Scene(Path(sys.argv[2]), sockets))), flush=True)
