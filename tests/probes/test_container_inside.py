"""host.container_reach and engine.container: asked from inside real namespaces, and judged."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.checks.container import judge_driver, judge_reaches
from keepwell.core.finding import Status
from keepwell.core.observation import Missing, Seen, Value
from keepwell.core.ref import Ref, engine, node
from keepwell.core.values import row_of, rows_of
from keepwell.diagnose.catalogue import load_catalogue
from keepwell.diagnose.diagnosis import diagnose
from keepwell.plugins.place import Place, Site
from keepwell.probes import container_reach, engine_container
from keepwell.probes.container_reach import find_addresses, is_local
from keepwell.survey.survey import survey
from keepwell.testing.clock import FakeClock
from keepwell.testing.container_daemon import ContainerDaemon, FakeContainer
from keepwell.testing.engine import FakeEngine
from keepwell.testing.namespaced import run_namespaced, why_not
from keepwell.testing.node import RecordedNode
from keepwell.transport.base import CALL_BYTES, CALL_SECONDS, Reply, Stat, Transport
from keepwell.transport.clock import SystemClock
from keepwell.transport.container.sockets import CONTAINER_ENGINES
from keepwell.transport.local import LocalTransport
from keepwell.transport.recorded.record import Recording
from keepwell.transport.recorded.tape_file import parse_tape, render_tape
from tests.machines import about
from tests.support import free_port

namespaces = pytest.mark.skipif(bool(why_not()), reason=why_not() or "namespaces can be made")
SOCKET = CONTAINER_ENGINES[0].sockets[0]
ABSENT = Missing(kind="absent", reason="not looked at")


class Moved(LocalTransport):
    """This machine, whose Docker socket lies elsewhere."""

    def __init__(self, place: Path) -> None:
        super().__init__("here")
        self._place = str(place)

    async def stat(self, path: str, *, follow: bool = True) -> Stat:
        return await super().stat(path.replace(SOCKET, self._place), follow=follow)

    async def http(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_seconds: float = CALL_SECONDS,
        max_bytes: int = CALL_BYTES,
    ) -> Reply:
        moved = url.replace(SOCKET.replace("/", "%2F"), self._place.replace("/", "%2F"))
        return await super().http(
            method, moved, headers=headers, body=body, timeout_seconds=timeout_seconds, max_bytes=max_bytes
        )


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """A node with one container, in which the GPU library of another release lies."""
    files = {"/run/opengl-driver/lib/libcuda.so.550.54.14": b"ELF"}
    with run_namespaced(tmp_path, "llm", ["sleep", "100"], files=files, shm_bytes=1 << 21) as inner:
        (inner.root / "run/opengl-driver/lib/libcuda.so.1").symlink_to("libcuda.so.550.54.14")
        daemon = ContainerDaemon([FakeContainer(name="llm", inner=inner)])
        host = Moved(tmp_path / "s")
        async with daemon.listen(tmp_path / "s"):
            yield Place(node=node("here"), transport=host, clock=FakeClock())
        await host.close()


def containers(**environment: str) -> Value:
    row: dict[str, Value] = {"name": "llm", "id": "llm", "state": "running", "runtime": "docker", "gpus": "all"}
    return (
        row | {"environment": environment},
        {"name": "off", "id": "x", "state": "exited", "environment": environment},
    )


@namespaces
async def test_addresses_are_asked_from_inside(place: Place) -> None:
    port = free_port()
    listed = containers(
        OLLAMA_BASE_URL=f"http://localhost:{port}",
        OPENAI_API_BASE_URLS=f"http://me:***@nowhere:{port}/v1;https://api.example.com/v1",
        BIND="http://0.0.0.0:80",
    )
    seen = Seen([about("host.containers", listed, subject=node("here"))])
    (found,) = await container_reach.PROBE.observe(replace(place, seen=seen))
    rows = rows_of(found.value)
    assert [(row["variable"], row["host"], row["result"]) for row in rows] == [
        ("OLLAMA_BASE_URL", "localhost", "refused"),
        ("OPENAI_API_BASE_URLS", "nowhere", "unknown-name"),
    ]
    site = {"port": port, "title": "Some Engine"}
    ref = engine("here", "one")
    more = [about("engine.site", site, subject=ref), about("engine.health", {"state": "well"}, subject=ref)]
    (verdict,) = judge_reaches(Seen([found, *more]))
    assert (verdict.status, verdict.facts["kind"]) == (Status.CRITICAL, "own-loopback")
    assert verdict.facts["wished"] == f"http://host.docker.internal:{port}"
    assert "the container itself" in verdict.message
    assert list(judge_reaches(Seen([found]))) == []


@namespaces
async def test_a_recording_gives_the_same_answers(place: Place) -> None:
    listed = containers(A=f"http://localhost:{free_port()}", B="http://nowhere:1")
    driver: Value = ({"vendor": "NVIDIA", "module": "560.1"},)
    seen = [about("host.containers", listed, subject=node("here"))]
    seen.append(about("device.driver", driver, subject=node("here")))
    site = Site(
        ref=engine("here", "one"), engine="one", url="http://x", process=ABSENT, supervisor="container", unit="llm"
    )
    recording = Recording(place.transport)

    async def look(transport: Transport) -> list[object]:
        here = replace(place, transport=transport, seen=Seen(seen))
        found = [
            *await container_reach.PROBE.observe(here),
            *await engine_container.PROBE.observe(replace(here, site=site)),
        ]
        return [one.value for one in found]

    told = await look(recording)
    assert not any(isinstance(one, Missing) for one in told)
    assert await look(RecordedNode(parse_tape(render_tape(recording.tape(7.0))))) == told


@namespaces
async def test_a_container_that_is_gone_is_told_as_not_asked(place: Place) -> None:
    listed = containers(URL="http://127.0.0.1:1")
    gone = tuple(dict(row, id="gone") for row in rows_of(listed))
    seen = Seen([about("host.containers", gone, subject=node("here"))])
    (found,) = await container_reach.PROBE.observe(replace(place, seen=seen))
    (row,) = rows_of(found.value)
    assert row["result"] == "not-asked"
    assert "no container is called gone" in str(row["said"])
    assert list(judge_reaches(Seen([found]))) == []


@namespaces
async def test_an_engines_container_is_looked_at_from_inside(place: Place) -> None:
    ref = engine("here", "one")
    site = Site(ref=ref, engine="one", url="http://x", process=ABSENT, supervisor="container", unit="llm")
    driver: Value = ({"vendor": "NVIDIA", "module": "560.1"},)
    seen = [about("host.containers", containers(), subject=node("here"))]
    seen.append(about("device.driver", driver, subject=node("here")))
    (found,) = await engine_container.PROBE.observe(replace(place, seen=Seen(seen), site=site))
    value = row_of(found.value)
    assert (value["container"], value["runtime"], value["gpus"]) == ("llm", "docker", "all")
    assert value["shm_total_bytes"] == 1 << 21
    (row,) = rows_of(value["drivers"])
    assert row["libraries"] == {"/run/opengl-driver/lib/libcuda.so.1": "550.54.14"}
    plain = replace(place, seen=Seen(seen), site=replace(site, supervisor="systemd"))
    (other,) = await engine_container.PROBE.observe(plain)
    assert isinstance(other.value, Missing)
    assert other.value.kind == "absent"


@pytest.mark.parametrize(
    ("library", "module", "gpus", "told"),
    [
        ("550.1", "560.1", "all", (Status.CRITICAL, "mismatch")),
        ("560.1", "560.1", "none", (Status.OK, "fits")),
        ("", "560.1", "all", (Status.WARNING, "no-library")),
        ("", "560.1", "none", None),
        ("550.1", "", "all", None),
    ],
)
def test_the_library_inside_is_compared_with_the_nodes_module(
    library: str, module: str, gpus: str, told: tuple[Status, str] | None
) -> None:
    row: Value = {"vendor": "V", "module": module, "library": library}
    value: Value = {"container": "llm", "runtime": "docker", "gpus": gpus, "drivers": (row,)}
    found = [
        (one.status, one.facts["kind"])
        for one in judge_driver(Seen([about("engine.container", value, subject=engine("here", "one"))]))
    ]
    assert found == [told] * (told is not None)


def test_another_nodes_address_is_no_matter_of_this_one() -> None:
    row: Value = {"container": "a", "host": "gpu02", "port": 11434, "url": "http://gpu02:11434", "result": "refused"}
    ref = engine("node", "one")
    seen = [about("host.container_reach", (row,)), about("engine.site", {"port": 11434, "title": "E"}, subject=ref)]
    seen.append(about("engine.health", {"state": "well"}, subject=ref))
    assert list(judge_reaches(Seen(seen))) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "192.168.1.5", "ollama", "host.docker.internal", "fd00::1"])
def test_local_addresses_are_known(host: str) -> None:
    assert is_local(host)


@pytest.mark.parametrize("host", ["api.openai.com", "8.8.8.8", "0.0.0.0", "2606:4700::1", "::"])
def test_the_internet_is_left_alone(host: str) -> None:
    assert not is_local(host)


@given(
    st.dictionaries(st.text(max_size=8), st.text(max_size=40) | st.just("http://[::bad/ http://a:99999/"), max_size=3)
)
def test_any_environment_can_be_read(environment: dict[str, str]) -> None:
    for one in find_addresses({"environment": environment}):
        assert is_local(one.host)


@namespaces
async def test_a_survey_names_the_container_that_calls_itself(tmp_path: Path) -> None:
    """A web interface in a container is told to find the engine at localhost, where nothing listens in there."""
    async with FakeEngine("ollama") as served:
        port = str(urlsplit(served.url).port)
        environment = {"OLLAMA_BASE_URL": f"http://localhost:{port}"}
        with run_namespaced(tmp_path, "chat", ["sleep", "100"]) as inner:
            daemon = ContainerDaemon([FakeContainer(name="chat", inner=inner, environment=environment)])
            host = Moved(tmp_path / "s")
            async with daemon.listen(tmp_path / "s"):
                result = await survey(host, SystemClock(), level=2)
            await host.close()
    (found,) = [one for one in result.findings if one.check == "container.reaches"]
    assert (found.subject, found.facts["kind"]) == (Ref("container", ("here", "chat")), "own-loopback")
    assert found.facts["wished"] == f"http://host.docker.internal:{port}"
    told = diagnose(Seen(), [found], (), load_catalogue())
    assert told.hypotheses[0].issue == "localhost-address-wrong"
    assert told.hypotheses[0].confidence > 0.8
