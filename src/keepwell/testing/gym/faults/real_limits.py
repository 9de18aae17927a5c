"""Real engines under limits of files and memory, on file systems that are full, closed, or of the wrong kind."""

from __future__ import annotations

import contextlib
import os
import sys
from functools import partial
from pathlib import Path

from keepwell.testing.gym.fault import CannotOpen, Fault
from keepwell.testing.gym.real import LLAMA, OLLAMA, RealWorld, by_hand
from keepwell.testing.waiting import eventually

#: Room for one tiny model (6.3 MB) and not for a second; inodes for its five files and the folders, and few more.
DISK, INODES = "8m", 40
#: Too few for Ollama to start a runner beside its own files; it starts up with them.
FEW_FILES = 12
#: llama-server itself has four open; one client makes that more than four fifths.
SIX_FILES = 6
#: A client that is always connected, and says nothing (the server lets go of such a one after five seconds).
HOLD = """
import contextlib, socket
while True:
    with socket.create_connection(("127.0.0.1", 8080), 3) as held, contextlib.suppress(TimeoutError):
        print("held", flush=True)
        held.recv(1)
"""
#: Too little address space for a runner's compute buffer; the server itself starts with it (measured).
LITTLE_SPACE = 2_000_000_000
#: Too little memory for a runner with the tiny model (about 60 MiB).
LITTLE_MEMORY = 40 << 20
#: Where memory control groups of version 1 lie.
GROUPS = Path("/sys/fs/cgroup/memory")


def few_files(world: RealWorld) -> None:
    """The server may open hardly a file, and was asked for a model."""
    world.server.prefix = ("prlimit", f"--nofile={FEW_FILES}:{FEW_FILES}")
    world.restart()
    world.ollama.chat()


def use_up_files(world: RealWorld) -> None:
    """A client's connections use up the server's soft limit of open files."""
    world.server.prefix = ("prlimit", f"--nofile={SIX_FILES}:")
    world.restart()
    client = world.place.root / "client.log"
    world.place.start([sys.executable, "-c", HOLD], log=client)
    eventually(lambda: "held" in client.read_text(), what="a client that is connected")


def little_space(world: RealWorld) -> None:
    """The server was started from a shell whose address space is limited."""
    world.server.prefix = ("prlimit", f"--as={LITTLE_SPACE}:")
    world.restart()
    world.ollama.chat()


def little_memory(world: RealWorld) -> None:
    """The server's control group holds less memory than the model needs; the kernel kills its runner."""
    group = GROUPS / f"keepwell-gym-{os.getpid()}-{world.tools.seed}"
    try:
        group.mkdir(exist_ok=True)
        (group / "memory.limit_in_bytes").write_text(str(LITTLE_MEMORY))
    except OSError as error:
        raise CannotOpen(f"there is no memory control group (version 1) to write to: {error}") from error
    world.afterwards.append(partial(_remove, group))
    world.server.prefix = ("sh", "-c", f'echo 0 > {group}/cgroup.procs; exec "$@"', "sh")
    world.restart()
    world.ollama.chat()


def fill(world: RealWorld) -> None:
    """A download that was broken off fills the store's file system."""
    store = remount_store(world, f"size={DISK}")
    unfinished = store / "blobs" / f"sha256-{'0' * 64}-partial"
    world.place.run(["sh", "-c", f"cat /dev/zero > {unfinished}"])
    world.ollama.create(world.model, "second", num_ctx=512)


def use_up_inodes(world: RealWorld) -> None:
    """A hundred small unfinished files use up the inodes of the store's file system."""
    store = remount_store(world, f"size=64m,nr_inodes={INODES}")
    names = [str(store / "blobs" / f"sha256-{number:064d}-partial") for number in range(INODES)]
    world.place.run(["touch", *names])
    world.ollama.create(world.model, "second", num_ctx=512)


def make_read_only(world: RealWorld) -> None:
    """The kernel met an error on the store's disk and mounted it read-only."""
    store = remount_store(world, "size=64m")
    world.prepare("mount", "-o", "remount,ro", str(store))
    world.ollama.create(world.model, "second", num_ctx=512)


def forbid_programs(world: RealWorld) -> None:
    """/tmp was mounted so that nothing may run from it."""
    world.prepare("mount", "-t", "tmpfs", "-o", "noexec,nosuid,mode=1777", "tmpfs", "/tmp")


def remount_store(world: RealWorld, options: str) -> Path:
    """The store lies on a file system of its own, made with these options."""
    store = world.ollama.models
    world.server.kill("TERM")
    world.prepare("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(store))
    world.server.start()
    world.ollama.create(world.model)
    return store


def _remove(group: Path) -> None:
    """Away with the group, once the last process in it has ended."""
    eventually(lambda: not (group / "cgroup.procs").read_text(), what=f"the end of all processes of {group}")
    with contextlib.suppress(OSError):
        group.rmdir()


FAULTS: tuple[Fault[RealWorld], ...] = (
    Fault(
        name="open-files-limit",
        say="The server may open so few files that it cannot start a runner.",
        worlds=(OLLAMA,),
        inject=by_hand(few_files),
        causes=("open-file-or-watch-limit",),
        check="limits.open_files",
        way="commands",
        touches=("engine", "files"),
    ),
    Fault(
        name="open-files-used-up",
        say="Clients use up the server's soft limit of open files; its log says nothing.",
        worlds=(LLAMA,),
        inject=by_hand(use_up_files),
        causes=("open-file-or-watch-limit",),
        check="limits.open_files",
        way="commands",
        touches=("engine", "files"),
    ),
    Fault(
        name="address-space-limit",
        say="The server's address space is limited, and its runner cannot have its buffers.",
        worlds=(OLLAMA,),
        inject=by_hand(little_space),
        causes=("insufficient-system-memory",),
        check="limits.memory",
        way="commands",
        touches=("engine", "memory"),
    ),
    Fault(
        name="control-group-memory",
        say="The server's control group holds less memory than the model needs.",
        worlds=(OLLAMA,),
        inject=by_hand(little_memory),
        causes=("insufficient-system-memory",),
        check="limits.memory",
        way="commands",
        touches=("engine", "memory"),
    ),
    Fault(
        name="disk-full",
        say="A download that was broken off fills the file system of the store.",
        worlds=(OLLAMA,),
        inject=by_hand(fill),
        causes=("disk-full",),
        check="disk.space",
        way="commands",
        touches=("engine", "store", "disk"),
    ),
    Fault(
        name="inodes-used-up",
        say="Small files use up the inodes of the store's file system, which has room left.",
        worlds=(OLLAMA,),
        inject=by_hand(use_up_inodes),
        causes=("disk-full",),
        check="disk.inodes",
        way="commands",
        touches=("engine", "store", "disk"),
    ),
    Fault(
        name="disk-read-only",
        say="The store's file system is mounted read-only, as the kernel does it after an error.",
        worlds=(OLLAMA,),
        inject=by_hand(make_read_only),
        causes=("data-dir-not-writable",),
        check="disk.writable",
        way="commands",
        touches=("engine", "store", "disk"),
    ),
    Fault(
        name="tmp-without-programs",
        say="/tmp is mounted so that no program or library may run from it.",
        worlds=(OLLAMA, LLAMA),
        inject=by_hand(forbid_programs),
        causes=("tmp-dir-unusable",),
        check="disk.executable",
        way="commands",
        touches=("tmp",),
    ),
)
