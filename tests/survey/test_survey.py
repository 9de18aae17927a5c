"""The survey of this machine with real and fake engines: found, timed, and judged."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from keepwell.core.finding import Finding
from keepwell.core.observation import Missing
from keepwell.core.values import row_of, texts_of
from keepwell.plugins.place import Site
from keepwell.survey.expected import Expected
from keepwell.survey.survey import SurveyResult, survey
from keepwell.testing.engine import FLAVOURS, FakeEngine, Fault
from keepwell.testing.waiting import eventually
from keepwell.transport.clock import SystemClock
from keepwell.transport.local import LocalTransport
from tests.support import free_port

#: Seconds in which everything must be found on a machine where nothing hangs; tests of others run beside.
FOUND_SECONDS = 3.0


@pytest.fixture
async def transport() -> AsyncIterator[LocalTransport]:
    made = LocalTransport("node")
    yield made
    await made.close()


async def look(transport: LocalTransport, *expected: Expected) -> SurveyResult:
    return await survey(transport, SystemClock(), expected)


def at(result: SurveyResult, port: int) -> Site:
    return next(site for site in result.sites if site.url.endswith(f":{port}"))


def bad(result: SurveyResult, site: Site) -> list[Finding]:
    return [one for one in result.findings if one.bad and one.subject == site.ref]


class Running:
    """A real llama-server process."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.port = free_port()
        self.log = folder / "server.log"
        self.argv = [sys.executable, "-m", "keepwell.testing.llama_server", model.name, "--port", str(self.port)]
        self._folder = folder
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.child = subprocess.Popen(
                [*self.argv, "--metrics"], cwd=self._folder, stdout=output, stderr=output, stdin=subprocess.DEVNULL
            )
        eventually(lambda: b"listening" in self.log.read_bytes(), 20.0, "the server to listen")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def llama(tmp_path: Path) -> Iterator[Running]:
    pytest.importorskip("xllamacpp", reason="needs a real llama-server (the demo extra)")
    from keepwell.testing.tiny_model import TinyModel, write_tiny_model

    model = write_tiny_model(tmp_path / "alpha.gguf", TinyModel(tag="alpha"))
    running = Running(tmp_path, model)
    yield running
    running.child.send_signal(signal.SIGCONT)
    running.child.kill()
    running.child.wait()


@pytest.mark.real
async def test_a_healthy_llama_server_is_found_in_time_and_has_no_fault(
    transport: LocalTransport, llama: Running
) -> None:
    result = await look(transport)
    site = at(result, llama.port)
    assert (str(site.ref), site.engine) == (f"engine:node/llamacpp:{llama.port}", "llamacpp")
    assert bad(result, site) == []
    assert result.seconds < FOUND_SECONDS
    assert row_of(result.seen.value(site.ref, "engine.health"))["state"] == "well"
    assert row_of(result.seen.value(site.ref, "engine.log"))["where"] == str(llama.log)
    assert [one.where for one in site.logs] == [str(llama.log)]
    assert result.seen.value(site.ref, "engine.listening") == (f"127.0.0.1:{llama.port}",)


@pytest.mark.real
async def test_the_start_command_starts_the_same_server_from_anywhere(
    transport: LocalTransport, llama: Running
) -> None:
    start = at(await look(transport), llama.port).start
    llama.child.kill()
    llama.child.wait()
    llama.log.unlink()
    with llama.log.open("wb") as output:
        llama.child = subprocess.Popen(start, cwd="/", stdout=output, stderr=output, env={"PATH": os.environ["PATH"]})
    eventually(lambda: b"listening" in llama.log.read_bytes(), 20.0, "the server to listen again")
    again = at(await look(transport), llama.port)
    assert again.start == start


@pytest.mark.real
async def test_a_stopped_a_killed_and_a_moved_server_are_told_apart(transport: LocalTransport, llama: Running) -> None:
    known = at(await look(transport), llama.port)
    expected = Expected(engine="llamacpp", url=known.url, declared=False, start=known.start, logs=known.logs)
    llama.child.send_signal(signal.SIGSTOP)
    eventually(lambda: "T" in Path(f"/proc/{llama.child.pid}/stat").read_text().rpartition(")")[2][:3])
    stopped = await look(transport, expected)
    assert [one.check for one in bad(stopped, at(stopped, llama.port))] == ["engine.responding"]
    assert stopped.seconds < FOUND_SECONDS
    llama.child.send_signal(signal.SIGCONT)
    llama.child.kill()
    llama.child.wait()
    killed = await look(transport, expected)
    site = at(killed, llama.port)
    assert isinstance(site.process, Missing)
    assert "engine.running" in [one.check for one in bad(killed, site)]
    assert texts_of(row_of(killed.seen.value(site.ref, "log.text"))["lines"])
    llama.argv[-1] = str(free_port())
    llama.log.unlink()
    llama.start()
    moved = await look(transport, expected)
    checks = {one.check: one.facts.get("kind") for one in bad(moved, at(moved, llama.port))}
    assert checks.get("address.reachable") == "other-port"
    assert "engine.running" not in checks


@pytest.mark.parametrize("flavour", sorted(FLAVOURS))
async def test_every_engine_is_recognised_by_what_it_answers(transport: LocalTransport, flavour: str) -> None:
    async with FakeEngine(flavour) as engine:
        result = await look(transport)
        site = at(result, engine.port)
        assert site.engine == flavour
        health = row_of(result.seen.value(site.ref, "engine.health"))
        assert health["state"] == "well", health
        served = ("engine.running", "engine.responding", "engine.healthy", "address.")
        assert [one for one in bad(result, site) if one.check.startswith(served)] == []


async def test_an_engine_that_hangs_does_not_hold_up_the_rest(transport: LocalTransport) -> None:
    async with FakeEngine("ollama") as hanging, FakeEngine("vllm") as well:
        await hanging.set_fault(Fault.HANG)
        known = Expected(engine="ollama", url=hanging.url, declared=True)
        result = await look(transport, known)
        assert at(result, well.port).engine == "vllm"
        assert result.seconds < 8.0
        assert at(result, hanging.port).declared


async def test_every_probe_tells_its_cost_and_progress_its_part(transport: LocalTransport) -> None:
    told: list[tuple[str, int, int]] = []
    result = await survey(transport, SystemClock(), progress=lambda text, done, total: told.append((text, done, total)))
    assert all(one.seconds > 0 for one in result.seen if one.name == "host.processes")
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert all(0 < done <= total for _, done, total in told)
    assert told[-1][0].startswith("judging")


async def test_two_surveys_at_once_do_not_disturb_each_other(transport: LocalTransport) -> None:
    async with FakeEngine("ollama") as engine:
        first, second = await asyncio.gather(look(transport), look(transport))
    assert at(first, engine.port).engine == at(second, engine.port).engine == "ollama"


async def test_what_loads_a_model_waits_for_a_yes(transport: LocalTransport) -> None:
    async with FakeEngine("ollama") as engine:
        result = await survey(transport, SystemClock(), level=3)
        site = at(result, engine.port)
        assert not [one for one in engine.requests if one.method == "POST"]
    for name in ("engine.answers", "engine.promises", "engine.streams", "engine.crowd"):
        value = result.seen.value(site.ref, name)
        assert isinstance(value, Missing)
        assert (value.kind, value.reason) == ("unknown", "not asked for")
    assert row_of(result.seen.value(site.ref, "engine.key_check"))["bare_status"] == 200
