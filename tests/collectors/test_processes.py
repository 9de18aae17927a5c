"""Processes that matter: real ones that fork, end and begin anew, and made ones with known answers."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepwell.core.errors import NotPermitted
from keepwell.core.observation import Missing
from keepwell.telemetry.held import HeldSight
from keepwell.testing.made_sight import MadeSight
from keepwell.testing.waiting import eventually
from tests.collectors.looks import begin, look

TREE = "import os,time\nfor n in range(2):\n  if not os.fork(): break\nprint('up', flush=True)\ntime.sleep({seconds})"


def stat(pid: int, parent: int, started: int = 100, cpu: int = 0, state: str = "S") -> str:
    rest = [parent, 0, 0, 0, -1, 0, 0, 0, 3, 0, cpu, 0, 0, 0, 20, 0, 2, 0, started]
    return f"{pid} (engine) {state} " + " ".join(str(one) for one in rest) + " 0 0\n"


class Scene:
    """A made machine with processes."""

    def __init__(self) -> None:
        self.sight = MadeSight({"/proc/uptime": "1000.00 5.0\n"})
        self.looker = begin("processes")

    def add(self, pid: int, parent: int = 1, arguments: str = "serve", own: str = "") -> None:
        files = {
            "stat": own or stat(pid, parent),
            "statm": "500 300 100 1 0 50 0\n",
            "status": "Name:\tx\nVmSwap:\t 8 kB\n",
            "cmdline": f"{arguments}\0--port\0",
            "maps": "7f00-8f00 r--s 0 08:02 9 /m/a.gguf\n",
            "limits": "Max open files            1024                 4096                 files\n",
        }
        self.sight.files |= {f"/proc/{pid}/{name}": text for name, text in files.items()}
        self.sight.links[f"/proc/{pid}/fd/0"] = "/dev/null"
        self.sight.links[f"/proc/{pid}/fd/1"] = "/m/b.safetensors"

    def remove(self, pid: int) -> None:
        for kept in (self.sight.files, self.sight.links):
            for path in [path for path in kept if path.startswith(f"/proc/{pid}/")]:
                del kept[path]

    def look(self, times: int = 1) -> dict[str, float | Missing]:
        found: dict[str, float | Missing] = {}
        for _ in range(times):
            found = {name.partition(" process.")[2]: value for name, value in look(self.looker, self.sight).items()}
        return found


@pytest.fixture
def scene() -> Scene:
    made = Scene()
    made.add(10)
    made.add(11, parent=10)
    made.add(12, parent=11)
    made.add(99)
    made.sight.watched = {10: "engine:box/one"}
    return made


def test_a_process_and_its_children_are_one(scene: Scene) -> None:
    assert scene.look() == {
        "alive": 3,
        "memory_bytes anonymous": 3 * 200 * 4096,
        "memory_bytes file": 3 * 100 * 4096,
        "swap_bytes": 3 * 8 * 1024,
        "threads": 6,
        "cpu_seconds_total": 0,
        "major_faults_total": 0,
        "uptime_seconds": 999.0,
        "restarts_total": 0,
        "model_files": 2,
        "model_mapped_bytes": 0x1000,
        "open_files": 2,
        "open_files_limit": 1024,
    }


def test_nobody_is_looked_at_who_does_not_matter(scene: Scene) -> None:
    scene.sight.watched = {}
    assert scene.look() == {}
    assert scene.sight.asked == []
    scene.sight.watched = {10: "engine:box/one"}
    scene.look(6)
    assert [path for path in scene.sight.asked if "/99/" in path] == ["/proc/99/stat"]


def test_time_of_children_that_end_is_not_lost(scene: Scene) -> None:
    scene.look()
    scene.add(12, own=stat(12, 11, cpu=500))
    assert scene.look()["cpu_seconds_total"] == 5.0
    scene.remove(12)
    assert scene.look(6)["cpu_seconds_total"] == 5.0
    assert scene.look()["alive"] == 2


def test_one_that_ends_is_said_to_be_gone_and_its_heir_is_found(scene: Scene) -> None:
    scene.look()
    for pid in (10, 11, 12):
        scene.remove(pid)
    gone = scene.look(6)
    assert gone["alive"] == 0
    assert "gone" in str(gone["memory_bytes anonymous"])
    scene.add(20, arguments="another")
    assert scene.look(6)["alive"] == 0
    scene.add(30)
    back = scene.look(6)
    assert (back["alive"], back["restarts_total"]) == (1, 1)
    scene.sight.watched = {30: "engine:box/one"}
    assert scene.look()["restarts_total"] == 1


def test_another_process_with_the_same_number_is_not_it(scene: Scene) -> None:
    scene.look()
    for pid in (11, 12):
        scene.remove(pid)
    scene.add(10, arguments="a shell", own=stat(10, 1, started=90_000, cpu=7000))
    found = scene.look(6)
    assert found["alive"] == 0
    assert found["cpu_seconds_total"] == 0


def test_a_restart_that_the_survey_saw_counts_too(scene: Scene) -> None:
    scene.look()
    scene.add(40, arguments="with other arguments")
    scene.remove(10)
    scene.sight.watched = {40: "engine:box/one"}
    found = scene.look()
    assert (found["alive"], found["restarts_total"]) == (1, 1)


def test_what_may_not_be_looked_at_has_its_reason(scene: Scene) -> None:
    for pid in (10, 11, 12):
        scene.sight.refused[f"/proc/{pid}/fd"] = NotPermitted("Permission denied")
    found = scene.look()
    assert "Permission denied" in str(found["open_files"])
    assert "Permission denied" in str(found["model_files"])
    assert found["alive"] == 3


def test_a_zombie_is_gone(scene: Scene) -> None:
    for pid in (11, 12):
        scene.remove(pid)
    scene.add(10, own=stat(10, 1, state="Z"))
    assert scene.look()["alive"] == 0


@pytest.fixture
def sight() -> Iterator[HeldSight]:
    made = HeldSight()
    yield made
    made.close()


def test_real_processes(sight: HeldSight, tmp_path: Path) -> None:
    looker = begin("processes")

    def told(times: int = 1) -> dict[str, float | Missing]:
        found: dict[str, float | Missing] = {}
        for _ in range(times):
            found = look(looker, sight)
            sight.rest()
        return found

    argv = [sys.executable, "-c", TREE.format(seconds=60)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True) as running:
        assert running.stdout is not None
        sight.watched = {running.pid: "engine:box/tree"}
        eventually(lambda: told(5)["tree process.alive"] == 3)
        os.killpg(running.pid, 9)
    assert told(5)["tree process.alive"] == 0
    with subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True) as running:
        eventually(lambda: told(5)["tree process.alive"] == 3)
        assert told()["tree process.restarts_total"] == 1
        os.killpg(running.pid, 9)


def test_a_model_that_this_process_has_mapped(sight: HeldSight, tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(b"GGUF" + bytes(8188))
    sight.watched = {os.getpid(): "engine:box/me"}
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ):
        found = look(begin("processes"), sight)
    assert found["me process.model_files"] == 1
    assert found["me process.model_mapped_bytes"] == 8192
    threads = found["me process.threads"]
    assert not isinstance(threads, Missing)
    assert threads >= 1
