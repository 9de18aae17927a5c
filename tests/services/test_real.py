"""A real nginx in front of a fake engine: found by its process, its configuration read, its faults named."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepwell.core.finding import Finding, Status
from keepwell.core.values import row_of, text_of
from keepwell.plugins.services import ServiceWish
from keepwell.survey.survey import SurveyResult, survey
from keepwell.testing.engine import FakeEngine
from keepwell.testing.services import ServiceFake
from keepwell.testing.waiting import eventually
from keepwell.transport.clock import SystemClock
from keepwell.transport.local import LocalTransport
from tests.support import free_port

PROGRAM = shutil.which("nginx", path="/usr/sbin:/sbin:/usr/bin:/usr/local/sbin")
CONFIG = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 16; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fast;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/sites/*.conf;
}}
"""
SITE = "server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{engine}; {more} }} }}\n"


class Proxy:
    """A real nginx with a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        (folder / "sites").mkdir()
        (folder / "nginx.conf").write_text(CONFIG.format(folder=folder))

    def start(self, engine: int, more: str = "") -> None:
        (self.folder / "sites" / "chat.conf").write_text(SITE.format(port=self.port, engine=engine, more=more))
        assert PROGRAM is not None
        self.child = subprocess.Popen(
            [PROGRAM, "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")], stdin=subprocess.DEVNULL
        )
        eventually(lambda: (self.folder / "nginx.pid").exists(), 10.0, "nginx to start")


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    if PROGRAM is None:
        pytest.skip("needs nginx")
    made = Proxy(tmp_path)
    yield made
    made.child.terminate()
    made.child.wait(10)


async def look(*wishes: ServiceWish, level: int = 2) -> SurveyResult:
    transport = LocalTransport("node")
    try:
        return await survey(transport, SystemClock(), wishes, level=level)
    finally:
        await transport.close()


def about(result: SurveyResult, name: str) -> dict[str, Finding]:
    return {one.check: one for one in result.findings if one.subject.kind == "service" and one.subject.name == name}


@pytest.mark.real
async def test_a_real_nginx_that_buffers_and_gives_up_is_named(proxy: Proxy) -> None:
    async with FakeEngine("llamacpp") as engine:
        proxy.start(engine.port)
        result = await look(level=3)
    assert not [site.url for site in result.sites if site.url.endswith(f":{proxy.port}")], "no second engine"
    found = about(result, f"nginx:{proxy.port}")
    assert found["services.running"].status is Status.OK
    assert found["services.responding"].status is Status.OK
    assert found["chain.buffering"].status is Status.WARNING
    assert found["chain.buffering"].facts["file"] == str(proxy.folder / "sites" / "chat.conf")
    assert found["chain.patience"].facts["limit"] == "60"


@pytest.mark.real
async def test_a_real_nginx_that_is_set_up_for_streams_has_no_fault(proxy: Proxy) -> None:
    async with FakeEngine("llamacpp") as engine:
        proxy.start(engine.port, "proxy_buffering off; proxy_read_timeout 10m; proxy_http_version 1.1;")
        result = await look(level=3)
    assert [one.check for one in about(result, f"nginx:{proxy.port}").values() if one.bad] == []


async def test_declared_services_are_looked_at_and_a_missing_one_is_critical() -> None:
    async with ServiceFake("grafana") as grafana:
        wishes = (
            ServiceWish(name="graphs", kind="grafana", url=grafana.url, needs=("database",)),
            ServiceWish(name="database", tcp=f"127.0.0.1:{free_port()}"),
        )
        result = await look(*wishes)
    assert about(result, "database")["services.running"].status is Status.CRITICAL
    graphs = about(result, "graphs")
    assert graphs["services.running"].status is Status.OK
    assert graphs["services.needs"].facts["target"] == "service:node/database"
    (site,) = [one for one in result.seen.named("service.site") if one.subject.name == "graphs"]
    assert text_of(row_of(site.value), "title") == "Grafana"
