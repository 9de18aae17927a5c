"""A made node with GPUs: files in memory, and programs and child processes that are really run on the stand-ins."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from keepwell.testing.clock import FakeClock
from keepwell.testing.fake_gpu.library import build_libraries
from keepwell.testing.fake_gpu.linux import (
    BOOTED,
    NOW,
    SPACES,
    driver_of,
    list_bus_files,
    list_engine_files,
    list_host_files,
    list_nvidia_files,
)
from keepwell.testing.fake_gpu.machine import VARIABLE, FakeMachine, render_data
from keepwell.testing.fake_gpu.others import list_amd_files, list_intel_files
from keepwell.testing.fake_gpu.programs import write_programs
from keepwell.testing.node import RecordedNode
from keepwell.transport.base import CALL_BYTES, CALL_SECONDS, Ran
from keepwell.transport.local import LocalTransport
from keepwell.transport.recorded.tape import Refusal, Tape, TapeFile

URL = "http://127.0.0.1:11434"
JOURNALS = (6000, 20000)


class GpuNode(RecordedNode):
    """A recorded node that really runs the interpreter and the stand-in programs, with the stand-in driver."""

    def __init__(self, tape: Tape, environment: Mapping[str, str], programs: Mapping[str, Path]) -> None:
        super().__init__(tape)
        self.environment = dict(environment)
        self._programs = dict(programs)
        self._local = LocalTransport(tape.name)

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_seconds: float = CALL_SECONDS,
        max_bytes: int = CALL_BYTES,
    ) -> Ran:
        """Really run what stands for something real; anything else is as recorded."""
        program = self._programs.get(argv[0])
        if self.python and argv[0] == self.python:
            program = Path(self.python)
        if program is None:
            return await super().run(argv, stdin=stdin, timeout_seconds=timeout_seconds, max_bytes=max_bytes)
        self.calls.append(f"run {' '.join(argv)}")
        pairs = [f"{name}={value}" for name, value in self.environment.items()]
        return await self._local.run(
            ["env", *pairs, str(program), *argv[1:]], timeout_seconds=timeout_seconds, max_bytes=max_bytes
        )

    async def close(self) -> None:
        """Let go of the threads that started processes."""
        await self._local.close()


@asynccontextmanager
async def open_node(machine: FakeMachine, folder: Path, cache: Path, name: str = "box") -> AsyncIterator[GpuNode]:
    """The machine as a node.

    `folder` is an empty one for its data and programs; `cache` keeps compiled libraries.

    Raises what `build_libraries` raises where there is no C compiler.
    """
    data = folder / "gpu.data"
    data.write_text(render_data(machine), encoding="utf-8")
    environment = {VARIABLE: str(data)}
    if machine.cards and machine.library:
        environment["LD_LIBRARY_PATH"] = str(build_libraries(cache, machine.without))
    programs = write_programs(folder / "bin", machine)
    python = sys.executable if machine.python else ""
    tape = Tape(name=name, python=python, recorded_at=NOW, files=list_files(machine), spaces=SPACES)
    node = GpuNode(tape, environment, programs)
    answer_programs(node, machine)
    try:
        yield node
    finally:
        await node.close()


def clock_of_made_nodes() -> FakeClock:
    """The instant at which every made node is looked at."""
    return FakeClock(NOW)


def list_files(machine: FakeMachine) -> dict[str, TapeFile]:
    """Every file of the machine by its path."""
    if machine.apple is not None:
        return {"/System/Library/CoreServices/SystemVersion.plist": TapeFile(pieces=((0, b"<plist/>"),))}
    found: dict[str, TapeFile | str] = list_host_files(machine)
    if machine.cards:
        found |= list_nvidia_files(machine)
    for card in machine.cards:
        found |= list_bus_files(card.pci, card.pci_id, card.pci_class, driver_of(card, machine))
    modules = str(found.get("/proc/modules", ""))
    for number, one in enumerate(machine.amd):
        found |= list_bus_files(one.pci, one.pci_id, one.pci_class, one.driver) | list_amd_files(one, number)
        found |= _render_nodes(one.pci, number, compute=bool(one.target))
        modules += "amdgpu 15000000 10 - Live 0x0\n" * (one.driver == "amdgpu" and number == 0)
    for number, gpu in enumerate(machine.intel):
        found |= list_bus_files(gpu.pci, gpu.pci_id, gpu.pci_class, gpu.driver) | list_intel_files(gpu, number)
        found |= _render_nodes(gpu.pci, number, compute=False)
        modules += f"{gpu.driver} 5000000 10 - Live 0x0\n" * (number == 0)
    found["/proc/modules"] = modules
    if machine.engine is not None:
        found |= list_engine_files(machine.engine)
    for path, content in machine.files.items():
        found.pop(path, None)
        if content is not None:
            found[path] = content
    return {path: _file(file) for path, file in found.items()}


def _render_nodes(pci: str, number: int, *, compute: bool) -> dict[str, TapeFile | str]:
    name = f"renderD{128 + number}"
    found: dict[str, TapeFile | str] = {
        f"/dev/dri/{name}": TapeFile(kind="character", device=f"226:{128 + number}", mode=0o660, gid=993),
        f"/sys/class/drm/{name}/device": TapeFile(kind="link", target=f"../../../{pci}"),
    }
    if compute:
        found["/dev/kfd"] = TapeFile(kind="character", device="235:0", mode=0o660, gid=993)
    return found


def _file(file: TapeFile | str) -> TapeFile:
    if isinstance(file, str):
        return TapeFile(pieces=((0, file.encode("utf-8")),))
    return file


def answer_programs(node: RecordedNode, machine: FakeMachine) -> None:
    """What the programs of the machine say that are not run for real."""
    if machine.apple is not None:
        node.answer(("uname", "-srm"), "Darwin 24.1.0 arm64\n")
        return
    node.answer(("uname", "-srm"), "Linux 6.8.0-49-generic x86_64\n")
    node.answer(("date", "+%z"), "+0000\n")
    paths = [path for path in ("libnvidia-ml.so.1", "libcuda.so.1") if machine.library and machine.cards]
    cache = "".join(f"\t{path} (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/{path}\n" for path in paths)
    node.answer(("/sbin/ldconfig", "-p"), f"{len(paths)} libs found in cache\n{cache}")
    first = "Linux version 6.8.0-49-generic"
    lines = [(NOW - BOOTED, first), *sorted(machine.kernel_lines, reverse=True)]
    journal = "".join(f"{NOW - ago:.6f} box kernel: {text}\n" for ago, text in lines)
    for count in JOURNALS:
        node.answer(("journalctl", "-k", "--no-pager", "-o", "short-unix", "-n", str(count)), journal)
    if machine.engine is not None:
        _answer_engine(node, machine)


def _answer_engine(node: RecordedNode, machine: FakeMachine) -> None:
    engine = machine.engine
    assert engine is not None
    loaded = []
    if engine.model_gpu_ratio is not None:
        on_gpu = int(engine.model_bytes * engine.model_gpu_ratio)
        loaded.append({"name": "small:8b", "model": "small:8b", "size": engine.model_bytes, "size_vram": on_gpu})
    for path, body in {
        "": "Ollama is running",
        "/": "Ollama is running",
        "/api/version": json.dumps({"version": "0.9.3"}),
        "/api/tags": json.dumps({"models": []}),
        "/api/ps": json.dumps({"models": loaded}),
    }.items():
        node.reply("GET", URL + path, body)
    node.open_port("127.0.0.1", 11434)


def refuse_kernel_log(node: GpuNode) -> None:
    """From now on the kernel's log may not be read, as by an ordinary user on many machines."""
    for count in JOURNALS:
        node.answer(
            ("journalctl", "-k", "--no-pager", "-o", "short-unix", "-n", str(count)), Refusal(kind="NotPermitted")
        )
    node.answer(("dmesg",), Ran(argv=("dmesg",), code=1, stdout=b"", stderr=b"dmesg: Operation not permitted"))
