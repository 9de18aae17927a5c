"""Started as a program on the node: ends one process if it is still the same, and starts another that stays.

    python -m keepwell.conform.launch --output LOG --uid 990 --gid 990 --replaces 4711 ... -- env A=b program

Prints "pid N started T" (seconds since the epoch). Without a program it only ends, or only waits until the address of
`--ready` takes connections. One that bears the `--mark` already is not started twice. Exit 0: done; 1: could not start,
or is not ready; 2: the old one would not end.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from keepwell.core.step import MARK_VARIABLE
from keepwell.formats.startfile import parse_assignments

#: Seconds that the old process has to end by itself: it may have to finish requests and unmap a large model.
GRACE_SECONDS = 10.0
#: Seconds after SIGKILL: the kernel frees the memory of a large process in that time.
KILL_SECONDS = 5.0
LOOK_SECONDS = 0.05
#: Seconds for a program to be ready: an engine listens within two, and a gateway has looked around within five; a
#: machine that is busy takes ten times as long.
READY_SECONDS = 60.0
#: A start time is told in clock ticks (10 ms) and rounded on the way here.
SAME_SECONDS = 1.0


def main(argv: Sequence[str] | None = None) -> int:
    """End the old process, start the new one, say its pid."""
    wanted = make_parser().parse_args(argv)
    if wanted.keep and _is_same(wanted.replaces, wanted.replaces_started_at):
        return _tell(wanted.replaces, "")
    if not _end(wanted.replaces, wanted.replaces_started_at):
        print(f"process {wanted.replaces} does not end", file=sys.stderr)
        return 2
    with _alone(wanted.mark):
        return _settle(wanted, find_marked(wanted.mark))


def _settle(wanted: argparse.Namespace, marked: int) -> int:
    if not wanted.argv and not wanted.ready:
        return _end_marked(marked)
    try:
        child = marked or (wanted.argv and _start(wanted)) or 0
    except (OSError, KeyError) as error:
        print(f"cannot start {wanted.argv[0]}: {error}", file=sys.stderr)
        return 1
    return _tell(child, wanted.ready)


def _tell(child: int, ready: str) -> int:
    """Wait until it is ready, and say which it is."""
    began = started_at(child) or time.time()
    deadline = time.monotonic() + READY_SECONDS
    while ready and not is_ready(ready, began * bool(child)):
        ended = bool(child) and started_at(child) is None
        if ended or time.monotonic() > deadline:
            said = {True: "it ended", False: f"it did not within {READY_SECONDS:g} s"}[ended]
            print(f"not ready, by {ready}: {said}", file=sys.stderr)
            return 1
        time.sleep(LOOK_SECONDS)
    print(f"pid {child} started {began:.3f}")
    return 0


def is_ready(ready: str, began: float) -> bool:
    """Whether HOST:PORT takes connections, or a file at this path was written since `began` (in seconds)."""
    if ready.startswith("/"):
        try:
            return os.stat(ready).st_mtime >= began - SAME_SECONDS
        except OSError:
            return False
    host, _, port = ready.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), LOOK_SECONDS).close()
    except OSError:
        return False
    return True


def find_marked(mark: str) -> int:
    """The pid of the program that bears this mark and still runs, as far as its environment may be read; 0 if there is
    none. Its children inherit the mark, but only the program leads its session. Of several words the last counts.
    """
    own = mark.encode().split()[-1:]
    if not own:
        return 0
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        try:
            marked = own[0] in _marks((folder / "environ").read_bytes()) and os.getsid(pid) == pid
        except OSError:  # it is another user's, or has ended meanwhile
            continue
        if marked and started_at(pid) is not None:
            return pid
    return 0


def _marks(environ: bytes) -> list[bytes]:
    """The words of the marks in a process's environment."""
    name = f"{MARK_VARIABLE}=".encode()
    return [word for one in environ.split(b"\0") if one.startswith(name) for word in one.removeprefix(name).split()]


def started_at(pid: int) -> float | None:
    """When a process started, in seconds since the epoch; None if it is not there (or a zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(")")[2].split()
        boot = next(line for line in Path("/proc/stat").read_text("ascii").splitlines() if line.startswith("btime "))
    except (OSError, StopIteration):
        return None
    if fields[0] in ("Z", "X"):
        return None
    return int(boot.split()[1]) + int(fields[19]) / os.sysconf("SC_CLK_TCK")


def make_parser() -> argparse.ArgumentParser:
    """What may stand in its command line."""
    parser = argparse.ArgumentParser(prog="keepwell.conform.launch", description=__doc__.partition("\n")[0])
    parser.add_argument("--output", default="")
    parser.add_argument("--cwd", default="")
    parser.add_argument("--environment-file", action="append", default=[])
    parser.add_argument("--uid", type=int, default=-1)
    parser.add_argument("--gid", type=int, default=-1)
    parser.add_argument("--replaces", type=int, default=0)
    parser.add_argument("--replaces-started-at", type=float, default=0.0)
    parser.add_argument("--mark", default="")
    parser.add_argument("--ready", default="")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("argv", nargs="*")
    return parser


@contextlib.contextmanager
def _alone(mark: str) -> Iterator[None]:
    """Wait for another launcher with the same mark: one that was left behind by a keepwell that was killed may be about
    to start the program. The name of a socket is free again when its holder ends, however it ends.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as lock:
        deadline = time.monotonic() + GRACE_SECONDS + KILL_SECONDS
        while mark and not _holds(lock, mark) and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        yield


def _holds(lock: socket.socket, mark: str) -> bool:
    try:
        lock.bind(f"\0keepwell-launch-{mark}")
    except OSError:
        return False
    return True


def _end_marked(pid: int) -> int:
    if pid and not _end(pid, started_at(pid) or 0.0):
        print(f"process {pid} does not end", file=sys.stderr)
        return 2
    return 0


def _end(pid: int, started: float) -> bool:
    """True when no process of this pid and start time is left."""
    for number, seconds in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        if not _is_same(pid, started):
            return True
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while _is_same(pid, started) and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
    return not _is_same(pid, started)


def _is_same(pid: int, started: float) -> bool:
    if pid <= 1:
        return False
    now = started_at(pid)
    return now is not None and abs(now - started) <= SAME_SECONDS


def _start(wanted: argparse.Namespace) -> int:
    person = pwd.getpwuid(os.getuid())
    user: int | None = None
    group: int | None = None
    groups: list[int] | None = None
    if os.geteuid() == 0 and wanted.uid >= 0:
        person = pwd.getpwuid(wanted.uid)
        user, group = wanted.uid, max(wanted.gid, 0) or person.pw_gid
        groups = os.getgrouplist(person.pw_name, group)
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": person.pw_dir, "USER": person.pw_name}
    for path in wanted.environment_file:
        text = Path(path).read_text("utf-8", "surrogateescape")
        environment |= {one.name: one.value for one in parse_assignments(text)}
    if wanted.mark:
        environment[MARK_VARIABLE] = wanted.mark
    with open(wanted.output or os.devnull, "ab") as output:
        child = subprocess.Popen(
            wanted.argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=wanted.cwd or "/",
            env=environment,
            user=user,
            group=group,
            extra_groups=groups,
            start_new_session=True,
        )
    return child.pid


if __name__ == "__main__":
    raise SystemExit(main())
