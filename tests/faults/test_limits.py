"""Disks that are full, and limits on files and memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepwell.testing.gym.carrying import carry_out
from keepwell.testing.real_engines import make_llama_server, make_ollama
from keepwell.testing.waiting import eventually
from keepwell.testing.world import World
from tests.faults.judging import assert_named, assert_well, bad_checks, likely_causes
from tests.faults.world import skip

pytestmark = pytest.mark.real

#: Room for one tiny model (6.3 MB) and not for a second.
DISK = "8m"
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


def test_a_full_disk_under_the_store(world: World, model: Path) -> None:
    server = make_ollama(world)
    store = server.models
    store.mkdir(parents=True)
    assert world.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(store)]).returncode == 0
    server.start()
    assert server.create(model).status == 200
    unfinished = f"{store}/blobs/sha256-{'0' * 64}-partial"
    world.run(["sh", "-c", f"cat /dev/zero > {unfinished}"])
    assert "no space left on device" in server.create(model, "second", num_ctx=512).text
    answer = world.keepwell("diagnose")
    assert_named(answer, "disk-full", "disk.space")
    carry_out(world, answer)
    assert_well(world.keepwell("diagnose"), "disk.space")
    assert server.create(model, "second", num_ctx=512).status == 200


def test_a_limit_of_open_files_that_is_too_low(world: World, model: Path) -> None:
    server = make_ollama(world, prefix=["prlimit", f"--nofile={FEW_FILES}:{FEW_FILES}"])
    server.start()
    assert server.create(model).status == 200
    assert "too many open files" in server.chat().text
    answer = world.keepwell("diagnose")
    assert_named(answer, "open-file-or-watch-limit", "limits.open_files")
    carry_out(world, answer)
    eventually(lambda: server.get("/api/version").status == 200, 20)
    assert_well(world.keepwell("diagnose"), "limits.open_files")
    assert server.chat().status == 200


def test_connections_that_use_up_a_soft_limit(world: World, model: Path) -> None:
    """llama-server says nothing in its log: the number of open files tells."""
    server = make_llama_server(world, model)
    server.prefix = ("prlimit", f"--nofile={SIX_FILES}:")
    server.start()
    client = world.root / "client.log"
    world.start([sys.executable, "-c", HOLD], log=client)
    eventually(lambda: "held" in client.read_text())
    answer = world.keepwell("diagnose")
    assert_named(answer, "open-file-or-watch-limit", "limits.open_files")
    carry_out(world, answer)
    assert_well(world.keepwell("diagnose"), "limits.open_files")


def test_a_limit_of_address_space_that_is_too_low(world: World, model: Path) -> None:
    server = make_ollama(world, prefix=["prlimit", f"--as={LITTLE_SPACE}:"])
    server.start()
    assert server.create(model).status == 200
    assert server.chat().status == 500
    answer = world.keepwell("diagnose")
    assert_named(answer, "insufficient-system-memory", "limits.memory")
    carry_out(world, answer)
    eventually(lambda: server.get("/api/version").status == 200, 20)
    assert_well(world.keepwell("diagnose"), "limits.memory")
    assert server.chat().status == 200


@pytest.fixture
def small_group() -> Iterator[Path]:
    """A memory cgroup (version 1) that is too small; skipped where there is none to write to."""
    group = Path("/sys/fs/cgroup/memory") / f"keepwell-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(LITTLE_MEMORY))
    except OSError as error:
        pytest.skip(f"no memory cgroup (version 1) to write to: {error}")
    yield group
    eventually(lambda: not (group / "cgroup.procs").read_text())
    group.rmdir()


def test_a_cgroup_with_too_little_memory(small_group: Path, world: World, model: Path) -> None:
    """The group is made first, so that it is taken away last, when the world has ended with all in it."""
    join = ["sh", "-c", f'echo 0 > {small_group}/cgroup.procs; exec "$@"', "sh"]
    server = make_ollama(world, prefix=join)
    server.start()
    assert server.create(model).status == 200
    assert "signal: killed" in server.chat().text
    answer = world.keepwell("diagnose")
    assert_named(answer, "insufficient-system-memory", "limits.memory")
    kinds = {one["facts"].get("kind") for one in answer["findings"] if one["check"] == "limits.memory"}
    assert kinds <= {"cgroup", "oom-kill"}
    carry_out(world, answer)
    # The server was not restarted: its log still tells of the kill, so only the check is asked.
    assert "limits.memory" not in bad_checks(world.keepwell("diagnose"))
    assert server.chat().status == 200


def test_limits_that_are_high_enough_are_no_fault(world: World, model: Path) -> None:
    server = make_ollama(world, prefix=["prlimit", "--nofile=4096:", "--as=16000000000:"])
    server.start()
    assert server.create(model).status == 200
    if server.chat().status != 200:
        skip("16 GB of address space are not enough here")
    assert likely_causes(world.keepwell("diagnose")) == []
