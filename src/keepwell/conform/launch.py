"""Started as a program on the node: ends one process if it is still the same, and starts another that stays.

    python -m keepwell.conform.launch --output LOG --uid 990 --gid 990 --replaces 4711 ... -- env A=b program

Prints "pid N started T" (seconds since the epoch). Exit 0: started; 1: could not; 2: the old one would not end.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from keepwell.formats.startfile import parse_assignments

#: Seconds that the old process has to end by itself: it may have to finish requests and unmap a large model.
GRACE_SECONDS = 10.0
#: Seconds after SIGKILL: the kernel frees the memory of a large process in that time.
KILL_SECONDS = 5.0
LOOK_SECONDS = 0.05
#: A start time is told in clock ticks (10 ms) and rounded on the way here.
SAME_SECONDS = 1.0


def main(argv: Sequence[str] | None = None) -> int:
    """End the old process, start the new one, say its pid."""
    wanted = _parser().parse_args(argv)
    if not _end(wanted.replaces, wanted.replaces_started_at):
        print(f"process {wanted.replaces} does not end", file=sys.stderr)
        return 2
    try:
        child = _start(wanted)
    except (OSError, KeyError) as error:
        print(f"cannot start {wanted.argv[0]}: {error}", file=sys.stderr)
        return 1
    print(f"pid {child} started {started_at(child) or time.time():.3f}")
    return 0


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="keepwell.conform.launch", description=__doc__.partition("\n")[0])
    parser.add_argument("--output", default="")
    parser.add_argument("--cwd", default="")
    parser.add_argument("--environment-file", action="append", default=[])
    parser.add_argument("--uid", type=int, default=-1)
    parser.add_argument("--gid", type=int, default=-1)
    parser.add_argument("--replaces", type=int, default=0)
    parser.add_argument("--replaces-started-at", type=float, default=0.0)
    parser.add_argument("argv", nargs="+")
    return parser


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
