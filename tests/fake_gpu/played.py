"""Playing a machine of the table: the real survey of level 2, the real child processes, the real diagnosis."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from keepwell.core.hypothesis import Diagnosis
from keepwell.core.observation import Missing, Value
from keepwell.core.ref import device, engine, node
from keepwell.diagnose.catalogue import Catalogue, load_catalogue
from keepwell.diagnose.diagnosis import diagnose
from keepwell.plugins.recognise import load_engines
from keepwell.survey.survey import SurveyResult, survey
from keepwell.testing.fake_gpu.library import find_compiler
from keepwell.testing.fake_gpu.machine import FakeMachine
from keepwell.testing.fake_gpu.node import clock_of_made_nodes, open_node, refuse_kernel_log

#: Compiled libraries are kept between runs, by digest.
CACHE = Path(__file__).resolve().parents[2] / ".cache" / "fake-gpu"
needs_compiler = pytest.mark.skipif(not find_compiler(), reason="needs gcc")


@dataclass(frozen=True)
class Played:
    """What a look at a machine gave, and what the diagnosis says."""

    result: SurveyResult
    diagnosis: Diagnosis
    calls: tuple[str, ...]

    def value(self, name: str) -> Value | Missing:
        """An observation: "0 device.x" of the first device, "device.x" of the node, "engine.x" of the engine."""
        number, _, rest = name.rpartition(" ")
        subject = node("box")
        if number:
            subject = device("box", int(number))
        elif name.startswith("engine.") or name == "device.access":
            subject = engine("box", "ollama")
        found = self.result.seen.find(subject, rest)
        assert found is not None, f"{name} was not observed"
        return found.value

    @property
    def first(self) -> str:
        """The first cause, "" if there is none."""
        return "".join(one.issue for one in self.diagnosis.hypotheses[:1])


async def play(machine: FakeMachine, *, log_hidden: bool = False) -> Played:
    """Look at the machine and judge it."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_node(machine, Path(folder), CACHE) as made:
            if log_hidden:
                refuse_kernel_log(made)
            result = await survey(made, clock_of_made_nodes(), level=2)
            calls = tuple(made.calls)
    diagnosis = diagnose(result.seen, result.findings, (), catalogue(), follow_ups())
    return Played(result, diagnosis, calls)


@cache
def catalogue() -> Catalogue:
    """The catalogue that keepwell ships."""
    return load_catalogue()


@cache
def follow_ups() -> tuple[str, ...]:
    """Every engine's patterns of lines that tell of an earlier error."""
    return tuple(dict.fromkeys(pattern for one in load_engines().values() for pattern in one.follow_ups))
