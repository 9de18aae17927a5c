"""Processes of real engines: a model that is mapped, a runner that comes and dies."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from keepwell.core.observation import Missing
from keepwell.plugins.collector import Looker
from keepwell.telemetry.held import HeldSight
from keepwell.testing.tiny_model import TinyModel
from keepwell.testing.waiting import eventually
from tests.collectors.looks import begin, look
from tests.engines.real import chat, give, llama_server, make_model, ollama


class Watch:
    """A process that is watched as the engine "one", a round of looks at a time."""

    def __init__(self, pid: int) -> None:
        self.sight = HeldSight()
        self.sight.watched = {pid: "engine:box/one"}
        self._looker: Looker = begin("processes")

    def told(self, looks: int = 30) -> dict[str, float | Missing]:
        """What is told after so many looks: open files are looked at in every thirtieth."""
        found: dict[str, float | Missing] = {}
        for _ in range(looks):
            found = look(self._looker, self.sight)
            self.sight.rest()
        return {name.partition("process.")[2]: value for name, value in found.items()}

    def at_least(self, name: str, wished: float) -> bool:
        value = self.told()[name]
        return not isinstance(value, Missing) and value >= wished


def test_a_llama_server_has_its_model_mapped(tmp_path: Path) -> None:
    model = make_model(tmp_path / "tiny.gguf", TinyModel())
    with llama_server(tmp_path, "-m", str(model)) as engine:
        eventually(lambda: engine.ask("/health")[0] == 200, 30)
        watch = Watch(engine.process.pid)
        found = watch.told()
        size = model.stat().st_size
        assert found["model_files"] == 1
        mapped = found["model_mapped_bytes"]
        assert not isinstance(mapped, Missing)
        assert abs(mapped - size) <= 65536  # what it has read of the file's head is unmapped again
        assert watch.at_least("memory_bytes anonymous", 1_000_000)
        assert watch.at_least("cpu_seconds_total", 0)
        watch.sight.close()


@pytest.mark.long
def test_ollamas_runner_is_its_child_and_its_end_is_no_restart(tmp_path: Path) -> None:
    model = make_model(tmp_path / "tiny.gguf", TinyModel())
    with ollama(tmp_path) as engine:
        give(engine, model, "tiny")
        watch = Watch(engine.process.pid)
        before = watch.told()["alive"]
        assert not isinstance(before, Missing)
        chat(engine, "tiny")
        after = watch.told()
        spent = after["cpu_seconds_total"]
        assert not isinstance(spent, Missing)
        assert after["alive"] == before + 1
        os.kill(find_runner(tmp_path), signal.SIGKILL)
        eventually(lambda: watch.told()["alive"] == before, 10)
        assert watch.told()["restarts_total"] == 0
        assert watch.at_least("cpu_seconds_total", spent)
        watch.sight.close()


def find_runner(folder: Path) -> int:
    """The process that runs a model out of this folder for Ollama: its second word says so."""
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[1:2] == [b"runner"] and any(one.startswith(bytes(folder)) for one in words):
                return int(name)
    raise AssertionError("no runner")
