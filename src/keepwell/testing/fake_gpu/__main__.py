"""`python -m keepwell.testing.fake_gpu`: play a made machine, or run a command on its stand-ins.

python -m keepwell.testing.fake_gpu                      lists the machines
python -m keepwell.testing.fake_gpu too-hot              looks at one and says what is wrong
python -m keepwell.testing.fake_gpu too-hot nvidia-smi   runs a command there: nvidia-smi, or anything with NVML
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from keepwell.diagnose.catalogue import load_catalogue
from keepwell.diagnose.diagnosis import diagnose
from keepwell.plugins.recognise import load_engines
from keepwell.survey.survey import survey
from keepwell.testing.fake_gpu.library import build_libraries, find_cache
from keepwell.testing.fake_gpu.machine import VARIABLE, FakeMachine, render_data
from keepwell.testing.fake_gpu.node import clock_of_made_nodes, open_node, refuse_kernel_log
from keepwell.testing.fake_gpu.programs import write_programs
from keepwell.testing.fake_gpu.scenarios import SCENARIOS, Scenario


def main(arguments: list[str], cache: Path | None = None) -> int:
    """List, play or run; 2 for a machine that is not in the table. `cache` keeps compiled libraries."""
    if not arguments:
        for name, row in SCENARIOS.items():
            print(f"{name:28} {row.say}")
        return 0
    if arguments[0] not in SCENARIOS:
        print(f"no machine is called {arguments[0]!r}; without a name this lists them", file=sys.stderr)
        return 2
    row = SCENARIOS[arguments[0]]
    with tempfile.TemporaryDirectory() as folder:
        if arguments[1:]:
            return _run(row.machine, Path(folder), arguments[1:], cache or find_cache())
        asyncio.run(_play(row, Path(folder), cache or find_cache()))
    return 0


def _run(machine: FakeMachine, folder: Path, command: list[str], cache: Path) -> int:
    data = folder / "gpu.data"
    data.write_text(render_data(machine), encoding="utf-8")
    programs = write_programs(folder / "bin", machine)
    environment = {**os.environ, VARIABLE: str(data), "PATH": f"{folder / 'bin'}:{os.environ.get('PATH', '')}"}
    if machine.cards and machine.library:
        environment["LD_LIBRARY_PATH"] = str(build_libraries(cache, machine.without))
    program = str(programs.get(command[0], command[0]))
    return subprocess.run([program, *command[1:]], env=environment, check=False).returncode


async def _play(row: Scenario, folder: Path, cache: Path) -> None:
    async with open_node(row.machine, folder, cache) as node:
        if row.log_hidden:
            refuse_kernel_log(node)
        result = await survey(node, clock_of_made_nodes(), level=2)
    follow_ups = tuple(pattern for one in load_engines().values() for pattern in one.follow_ups)
    diagnosis = diagnose(result.seen, result.findings, (), load_catalogue(), follow_ups)
    print(f"{row.say}.\n")
    for one in result.findings:
        if one.check.startswith("gpu.") or one.bad:
            print(f"{one.status.name:9} {one.check:18} {one.message}")
    print()
    for cause in diagnosis.hypotheses[:3]:
        print(f"{cause.confidence:4.0%}  {cause.title}")
    print(f"{diagnosis.unknown:4.0%}  none of the known causes")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
