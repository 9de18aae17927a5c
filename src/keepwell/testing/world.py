"""A machine of its own for one trial: own processes, network and mounts, where keepwell sees nothing else.

Made of Linux namespaces (root, or a user namespace). Its ports are all free, its loopback is its own, mounts
vanish with it, and ending its first process ends all others in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keepwell.testing.waiting import eventually

#: The first process: loopback up, the host's kernel log hidden (other tests are in it), children that nobody
#: waits for vanish, then wait until nobody holds its input any more: it ends with whoever made it, however that ends.
INIT = "trap '' CHLD; ip link set lo up && mount --bind /dev/null /dev/kmsg && echo ready && exec cat"
#: Seconds for one command in the world: a first survey compiles signatures, and takes minutes of a machine on which
#: a dozen other programs compute.
COMMAND_SECONDS = 240.0
#: An ordinary user that every Debian has.
NOBODY = 65534
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


class NoWorld(Exception):
    """This machine cannot make such a world, or lacks an engine; the text says what is missing."""


def lacking(*programs: str) -> str:
    """Which of these programs are not there, in words; "" when all are."""
    return ", ".join(f"there is no {program}" for program in programs if shutil.which(program, path=PATH) is None)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an HTTP request gave; status 0 and the error's words when there was no answer."""

    status: int
    text: str

    @property
    def data(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


@dataclass(slots=True)
class Process:
    """A process in the world: its number there, and the handle that waits for it."""

    pid: int
    handle: subprocess.Popen[bytes]

    def wait(self, seconds: float = 10.0) -> int:
        """The exit code, negative for a signal."""
        return self.handle.wait(seconds)

    @property
    def running(self) -> bool:
        """True until it has ended."""
        return self.handle.poll() is None


@dataclass(slots=True)
class World:
    """The machine; `root` is a folder that survives it. `compare` is given each diagnosis of it (see `ways`)."""

    root: Path
    pid: int
    environment: dict[str, str]
    started: list[Process] = field(default_factory=list)
    compare: Callable[[dict[str, Any]], None] | None = None

    def enter(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs another in this world."""
        user = {True: [], False: ["--user", "--preserve-credentials"]}[os.geteuid() == 0]
        return ["nsenter", "--target", str(self.pid), *user, *SPACES, "--wd=" + str(self.root), "--", *argv]

    def run(
        self, argv: Sequence[str], *, seconds: float = COMMAND_SECONDS, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command here and wait for it."""
        return subprocess.run(
            self.enter(argv),
            env=self.environment | dict(env or {}),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )

    def start(
        self, argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None, prefix: Sequence[str] = ()
    ) -> Process:
        """Start a server here; its output is appended to the log, which it holds open. `prefix` sets limits or user."""
        number = self.root / f"pid-{len(self.started)}"
        noted = ["sh", "-c", 'echo $$ > "$0.new" && mv "$0.new" "$0" && exec "$@"', str(number), *prefix, *argv]
        with log.open("ab") as output:
            handle = subprocess.Popen(
                self.enter(noted),
                env=self.environment | dict(env or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        eventually(lambda: number.exists() or handle.poll() is not None, what=f"{argv} to start")
        process = Process(int(number.read_text()), handle)
        self.started.append(process)
        return process

    def signal(self, pid: int, name: str) -> None:
        """Send a signal to a process of this world."""
        self.run(["kill", "-s", name, str(pid)])

    def children(self, pid: int) -> list[int]:
        """The children of a process of this world."""
        return [int(word) for word in self.run(["ps", "-o", "pid=", "--ppid", str(pid)]).stdout.split()]

    def http(
        self, url: str, body: Mapping[str, Any] | None = None, *, headers: Sequence[str] = (), seconds: float = 20.0
    ) -> Answer:
        """One request from inside, past any proxy; POST with a body."""
        argv = ["curl", "-sS", "--noproxy", "*", "--max-time", str(seconds), "-w", "\n%{http_code}"]
        argv += [word for header in headers for word in ("-H", header)]
        if body is not None:
            argv += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        ran = self.run([*argv, url], seconds=seconds + 5)
        text, _, status = ran.stdout.rpartition("\n")
        return Answer(int(status or 0), text or ran.stderr)

    def keepwell(self, *arguments: str, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What `keepwell ARGUMENTS --json` answers, run here; with `compare` also by other ways."""
        answer = self.ask(*arguments, env=env)
        if self.compare is not None and arguments == ("diagnose",) and not env:
            self.compare(answer)
        return answer

    def ask(self, *arguments: str, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What `keepwell ARGUMENTS --json` answers, run here."""
        ran = self.run([sys.executable, "-m", "keepwell", *arguments, "--json"], env=env)
        assert ran.stdout.startswith("{"), f"keepwell {arguments} said: {ran.stdout[-500:]} {ran.stderr[-3000:]}"
        answer: dict[str, Any] = json.loads(ran.stdout)
        return answer


@contextlib.contextmanager
def make_folder() -> Iterator[Path]:
    """A folder for a world that any user can get to. It lies where an owner would keep models: keepwell rightly
    suspects what lies under /tmp.
    """
    home = next(path for path in ("/srv", "/var/tmp", "/tmp") if os.access(path, os.W_OK))
    root = Path(tempfile.mkdtemp(prefix="kw-", dir=home))
    root.chmod(0o755)
    try:
        yield root
    finally:
        shutil.rmtree(root)


#: The namespaces of a world, as nsenter and unshare name them.
SPACES = ("--net", "--pid", "--mount")


@contextlib.contextmanager
def make_world(root: Path, cache: Path) -> Iterator[World]:
    """A fresh world, ended with everything in it. `cache` is shared, so that signatures are compiled once."""
    missing = lacking("unshare", "nsenter", "ip", "curl", "ps")
    if missing:
        raise NoWorld(missing)
    rights = {True: ["unshare"], False: ["unshare", "--user", "--map-root-user"]}[os.geteuid() == 0]
    argv = [*rights, *SPACES, "--mount-proc", "--fork", "--kill-child", "sh", "-c", INIT]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stderr is not None
        world = World(root, 0, _environment(root, cache))
        try:
            if holder.stdout.readline() != b"ready\n":
                raise NoWorld(f"no namespaces here: {holder.stderr.read().decode().strip()}")
            world.pid = _first_child(holder.pid)
            yield world
        finally:
            holder.kill()
            for process in world.started:
                process.handle.send_signal(signal.SIGCONT)  # it stops with the process that it waits for
                process.wait()


def _first_child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def _environment(root: Path, cache: Path) -> dict[str, str]:
    """As small as a service's: nothing of the developer's shell (a proxy, say) gets in."""
    home = root / "home"
    home.mkdir(exist_ok=True)
    python = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    return python | {
        "PATH": PATH,
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "KEEPWELL_STATE": str(root / "state"),
        "XDG_CACHE_HOME": str(cache),
    }
