"""The fake container engine speaks the wire that the real ones speak."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from keepwell.formats.inspect import parse_inspect
from keepwell.testing.container_daemon import ContainerDaemon, FakeContainer
from keepwell.testing.namespaced import run_namespaced, why_not
from keepwell.transport.local import LocalTransport
from keepwell.transport.web import unix_url

namespaces = pytest.mark.skipif(bool(why_not()), reason=why_not() or "namespaces can be made")


@pytest.fixture
async def host() -> AsyncIterator[LocalTransport]:
    made = LocalTransport()
    yield made
    await made.close()


async def test_versions_lists_events_and_errors(host: LocalTransport, tmp_path: Path) -> None:
    daemon = ContainerDaemon([FakeContainer(name="old", status="exited", exit_code=3, environment={"A": "b"})])
    daemon.events.append({"Type": "container", "Action": "die", "time": 1})

    async def get(target: str) -> tuple[int, object]:
        reply = await host.http("GET", unix_url(str(tmp_path / "s"), target))
        return reply.status, [json.loads(line) for line in reply.body.splitlines()]

    async with daemon.listen(tmp_path / "s"):
        version = await host.http("GET", unix_url(str(tmp_path / "s"), "/version"))
        assert (version.status, json.loads(version.body)["ApiVersion"]) == (200, "1.51")
        assert await get("/v1.43/containers/json") == (200, [[]])
        assert await get("/v1.43/containers/json?all=1") == await get("/containers/json?all=true")
        assert await get("/events?since=0&until=9") == (200, [daemon.events[0]])
        assert (await get("/containers/nobody/json"))[0] == 404
        assert (await get("/no/such/page"))[0] == 404
        reply = await host.http("GET", unix_url(str(tmp_path / "s"), "/containers/old/json"))
        (row,) = parse_inspect(b"[" + reply.body + b"]", "docker")
        assert (row["state"], row["exit_code"], row["environment"]) == ("exited", 3, {"A": "b"})
        body = json.dumps({"Cmd": ["true"]}).encode()
        refused = await host.http("POST", unix_url(str(tmp_path / "s"), "/containers/old/exec"), body=body)
        assert refused.status == 409


@namespaces
async def test_execs_and_archives_are_those_of_the_process(host: LocalTransport, tmp_path: Path) -> None:
    with run_namespaced(tmp_path, "llm", ["sleep", "100"], files={"/etc/one": b"1"}) as inner:
        daemon = ContainerDaemon([FakeContainer(name="llm", inner=inner)])
        async with daemon.listen(tmp_path / "s"):
            url = unix_url(str(tmp_path / "s"), "/containers/llm/exec")
            made = await host.http("POST", url, body=json.dumps({"Cmd": ["sh", "-c", "hostname; exit 3"]}).encode())
            number = json.loads(made.body)["Id"]
            stream = await host.http("POST", unix_url(str(tmp_path / "s"), f"/exec/{number}/start"), body=b"{}")
            assert stream.body == b"\1\0\0\0\0\0\0\4llm\n"
            ended = await host.http("GET", unix_url(str(tmp_path / "s"), f"/exec/{number}/json"))
            assert (json.loads(ended.body)["Running"], json.loads(ended.body)["ExitCode"]) == (False, 3)
            copied = await host.http("HEAD", unix_url(str(tmp_path / "s"), "/containers/llm/archive?path=/etc/one"))
            told = json.loads(base64.b64decode(copied.headers["x-docker-container-path-stat"]))
            assert (told["name"], told["size"]) == ("one", 1)
            gone = await host.http("GET", unix_url(str(tmp_path / "s"), "/containers/llm/archive?path=/none"))
            assert gone.status == 404
