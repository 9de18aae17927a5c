"""A container without a container engine: a real process in mount, process, network and host-name spaces of its own.

Its root is a folder with a few files, the system's programs bound into it read-only. Made with `unshare`; needs
root on Linux. What a container engine adds (images, control groups, fewer rights) is not there.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

#: Programs that making one takes.
NEEDS = ("unshare", "nsenter", "mount", "ip", "chroot")
#: Where they lie; folders for root are missing from an ordinary user's PATH.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: Bytes of /dev/shm where nothing else is said; what Docker gives a container.
SHM_BYTES = 64 * 1024 * 1024
#: Seconds for a process to enter its root, and between two looks.
START_SECONDS = 10.0
LOOK_SECONDS = 0.005

#: Run as the first process: $1 is the root, $2 the name, $3 the size of /dev/shm, $4 folders to bind, then the program.
_INIT = """
set -e
root="$1" name="$2" shm="$3" bound="$4"
shift 4
mount --make-rprivate /
for folder in $bound; do
    mkdir -p "$root$folder"
    mount --rbind "$folder" "$root$folder"
    mount -o remount,ro,bind "$root$folder"
done
mount -t proc proc "$root/proc"
mount -t tmpfs -o "size=$shm" shm "$root/dev/shm"
hostname "$name"
ip link set lo up
echo ready
exec chroot "$root" "$@"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespaced:
    """A running one: its first process as this machine numbers it, and its root folder. `end` kills it."""

    name: str
    pid: int
    root: Path
    holder: subprocess.Popen[bytes]

    def end(self) -> None:
        """Kill it and wait until it is gone."""
        os.kill(self.pid, signal.SIGKILL)
        self.holder.wait()


def why_not() -> str:
    """What keeps this machine from making one; "" for nothing."""
    if sys.platform != "linux":
        return "only Linux has namespaces"
    if os.geteuid() != 0:
        return "only root may make namespaces with a root of their own"
    lacking = [program for program in NEEDS if shutil.which(program, path=PATH) is None]
    return ", ".join(f"there is no {program}" for program in lacking)


@contextmanager
def run_namespaced(
    folder: Path,
    name: str,
    argv: Sequence[str],
    *,
    files: Mapping[str, bytes] | None = None,
    environment: Mapping[str, str] | None = None,
    shm_bytes: int = SHM_BYTES,
) -> Iterator[Namespaced]:
    """Start a program in spaces of its own below `folder`; everything ends with the block. OSError says why not."""
    root = folder / name
    bound = _build_root(root, files or {})
    words = ["unshare", "--mount", "--pid", "--net", "--uts", "--fork", "--kill-child", "sh", "-c", _INIT, "sh"]
    words += [str(root), name, str(shm_bytes), " ".join(bound), *argv]
    variables = {"PATH": PATH, **(environment or {})}
    with subprocess.Popen(words, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stderr is not None
        try:
            if holder.stdout.readline() != b"ready\n":
                raise OSError(f"no container could be made: {holder.stderr.read().decode().strip()}")
            pid = _first_child(holder.pid)
            _wait_for_root(pid)
            yield Namespaced(name=name, pid=pid, root=root, holder=holder)
        finally:
            holder.kill()


def _build_root(root: Path, files: Mapping[str, bytes]) -> list[str]:
    """The folders and files of a root; what it gives back must be bound into it from this machine."""
    for name in ("proc", "dev/shm", "etc", "tmp"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "etc" / "hosts").write_bytes(b"127.0.0.1 localhost\n")
    for path, content in files.items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    bound = ["/usr"]
    for name in ("bin", "sbin", "lib", "lib64"):
        here = Path("/") / name
        if here.is_symlink():
            (root / name).symlink_to(os.readlink(here))
        elif here.exists():
            bound.append(str(here))
    if not sys.base_prefix.startswith("/usr"):
        bound.append(sys.base_prefix)
    return bound


def _wait_for_root(pid: int) -> None:
    """The process says that it is ready just before it enters its root."""
    deadline = time.monotonic() + START_SECONDS
    while os.readlink(f"/proc/{pid}/root") == "/":
        if time.monotonic() > deadline:
            raise OSError(f"process {pid} did not enter its root within {START_SECONDS:g} s")
        time.sleep(LOOK_SECONDS)


def _first_child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
