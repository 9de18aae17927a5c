"""Each known service is recognised by its wire, and no service for another one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from keepwell.core.observation import Missing
from keepwell.core.values import row_of, rows_of, text_of
from keepwell.plugins.services import ServiceKind, ServiceSite, load_services
from keepwell.plugins.visits import Asker, visit
from keepwell.plugins.whereabouts import Candidate
from keepwell.testing.fake_http import json_answer, text_answer
from keepwell.testing.node import RecordedNode
from keepwell.testing.services import KINDS, ServiceFake
from keepwell.transport.local import LocalTransport

VERSIONS = {
    "node_exporter": "1.5.0",
    "prometheus": "3.5.0",
    "grafana": "12.1.0",
    "filebrowser": "2.42.1",
    "plex": "1.42.1.10060-4e8b05daf",
    "deluge": "2.2.0",
    "netdata": "2.6.0",
    "glances": "4.3.3",
    "portainer": "2.33.1",
    "open_webui": "0.6.18",
    "chroma": "1.0.0",
    "ray": "2.49.0",
    "litellm": "1.75.3",
    "localai": "3.5.0",
    "nginx": "1.28.0",
}
SPEAKING = sorted(name for name, kind in load_services().items() if kind.signs)


def kind_of(fake: str) -> str:
    return fake.partition("-")[0]


@pytest.fixture
async def transport() -> AsyncIterator[LocalTransport]:
    made = LocalTransport("node")
    yield made
    await made.close()


def at(fake: ServiceFake, kind: str, *, sure: bool = False) -> Candidate:
    return Candidate(kind=kind, how="port", host=fake.host, port=fake.port, sure=sure)


async def test_every_service_that_speaks_http_has_a_fake() -> None:
    assert sorted({kind_of(one) for one in KINDS}) == SPEAKING
    assert len(load_services()) >= 17


@pytest.mark.parametrize("name", sorted(KINDS))
async def test_a_service_is_known_by_its_answers_and_for_no_other(name: str, transport: LocalTransport) -> None:
    async with ServiceFake(name) as fake:
        asker = Asker(transport)
        known = {kind for kind in SPEAKING if (await visit(asker, load_services(), at(fake, kind))).known}
        assert known - {"nginx"} == {kind_of(name)} - {"nginx"}
        assert "nginx" in known or name != "nginx"
        found = await visit(asker, load_services(), at(fake, kind_of(name)))
    assert text_of(row_of(found.health), "state") == "well"
    assert found.version == VERSIONS.get(name, "")


async def test_grafana_without_its_database_is_failing(transport: LocalTransport) -> None:
    async with ServiceFake("grafana") as fake:
        fake.answers["/api/health"] = json_answer({"database": "failing", "version": "12.1.0"}, 503)
        found = await visit(Asker(transport), load_services(), at(fake, "grafana"))
    assert found.known
    assert text_of(row_of(found.health), "state") == "failing"
    assert "failing" in text_of(row_of(found.health), "said")


async def test_a_litellm_that_tells_no_release_is_known_all_the_same(transport: LocalTransport) -> None:
    async with ServiceFake("litellm") as fake:
        fake.answers["/health/readiness"] = json_answer({"status": "healthy", "db": "Not connected"})  # as recorded
        found = await visit(Asker(transport), load_services(), at(fake, "litellm"))
    assert (found.known, found.version) == (True, "")
    assert text_of(row_of(found.health), "state") == "well"


async def test_what_is_gone_is_refused_and_what_is_sure_is_told_all_the_same(transport: LocalTransport) -> None:
    async with ServiceFake("grafana") as fake:
        pass
    looked = await visit(Asker(transport), load_services(), at(fake, "grafana", sure=True))
    assert looked.known
    assert text_of(row_of(looked.health), "state") == "refused"
    assert not (await visit(Asker(transport), load_services(), at(fake, "grafana"))).known


async def ask(kind: str, fake: ServiceFake, transport: LocalTransport, **more: str) -> dict[str, object]:
    chain = load_services()[kind].chain
    assert chain is not None
    told = await chain(ServiceSite(kind=kind, url=fake.url, api_key=more.get("api_key", "")), transport)
    return {name: value for name, value, _ in told}


async def test_prometheus_tells_its_targets_those_that_are_down_first(transport: LocalTransport) -> None:
    async with ServiceFake("prometheus") as fake:
        told = await ask("prometheus", fake, transport)
    rows = rows_of(told["service.targets"])  # type: ignore[arg-type]
    assert [(text_of(row, "job"), text_of(row, "health")) for row in rows] == [("gpu", "down"), ("node", "up")]
    assert "connection refused" in text_of(rows[0], "error")


async def test_grafana_is_asked_no_more_where_it_wants_a_login(transport: LocalTransport) -> None:
    async with ServiceFake("grafana") as fake:
        told = await ask("grafana", fake, transport)
        assert isinstance(told["service.datasources"], Missing)
        fake.answers["/api/datasources"] = json_answer(
            [{"uid": "a", "name": "metrics", "type": "prometheus", "url": "http://prometheus:9090"}]
        )
        fake.answers["/api/datasources/uid/a/health"] = json_answer({"status": "ERROR", "message": "no such host"}, 400)
        told = await ask("grafana", fake, transport, api_key="glsa_made")
    (row,) = rows_of(told["service.datasources"])  # type: ignore[arg-type]
    assert (text_of(row, "health"), text_of(row, "said")) == ("error", "no such host")


@pytest.mark.parametrize(
    ("fake", "offered", "version"), [("chroma", ("v2",), "1.0.0"), ("chroma-0", ("v1",), "0.4.24")]
)
async def test_chroma_tells_which_interface_it_has(
    fake: str, offered: tuple[str, ...], version: str, transport: LocalTransport
) -> None:
    async with ServiceFake(fake) as made:
        told = await ask("chroma", made, transport)
    assert told["service.interfaces"] == {"offered": offered, "version": version}


async def test_litellm_tells_its_routes_and_costs_no_tokens(transport: LocalTransport) -> None:
    async with ServiceFake("litellm") as fake:
        told = await ask("litellm", fake, transport)
        assert "/health" not in fake.requests
    (row,) = rows_of(told["service.routes"])  # type: ignore[arg-type]
    assert dict(row) == {"name": "small", "model": "openai/tiny-alpha", "api_base": "http://127.0.0.1:9/v1"}
    assert told["service.models"] == ("small",)


async def test_an_nginx_in_a_container_is_read_in_its_own_root() -> None:
    node = RecordedNode()
    node.files.put("/etc/nginx/nginx.conf", b"http { server { location / { proxy_pass http://wrong:1; } } }")
    root = "/proc/77/root"
    node.files.put(f"{root}/etc/nginx/nginx.conf", b"http { include conf.d/*.conf; }")
    node.files.put(f"{root}/etc/nginx/conf.d/a.conf", b"server { location / { proxy_pass http://right:1; } }")
    chain = load_services()["nginx"].chain
    assert chain is not None
    ((name, value, source),) = await chain(ServiceSite(kind="nginx", root=root), node)
    assert (name, source) == ("service.proxied", "/etc/nginx/nginx.conf")
    assert isinstance(value, tuple)
    assert [(text_of(row, "upstream"), text_of(row, "file")) for row in rows_of(value)] == [
        ("http://right:1", "/etc/nginx/conf.d/a.conf")
    ]


@pytest.mark.parametrize("name", sorted(KINDS))
async def test_garbage_and_refusals_raise_nothing(name: str, transport: LocalTransport) -> None:
    kind = load_services()[kind_of(name)]
    async with ServiceFake(name) as fake:
        for answer in (
            text_answer("{[\x00"),
            json_answer([1, None]),
            json_answer({"data": 3}, 500),
            text_answer("", 401),
        ):
            for path in fake.answers:
                fake.answers[path] = answer
            await visit(Asker(transport), load_services(), at(fake, kind_of(name), sure=True))
            if kind.chain is not None:
                await kind.chain(ServiceSite(kind=kind_of(name), url=fake.url), transport)


@pytest.mark.parametrize(
    ("kind", "argv"),
    [
        ("prometheus", ("/bin/prometheus", "--config.file=/etc/prometheus/prometheus.yml")),
        ("grafana", ("/usr/share/grafana/bin/grafana", "server")),
        ("nginx", ("nginx: master process /usr/sbin/nginx -g daemon on;",)),
        ("plex", ("/usr/lib/plexmediaserver/Plex Media Server",)),
        ("deluge", ("/usr/bin/python3", "/usr/bin/deluge-web", "-d")),
        ("open_webui", ("/venv/bin/python", "/venv/bin/open-webui", "serve")),
        ("chroma", ("/usr/local/bin/chroma", "run", "--path", "/data")),
        ("chroma", ("python", "-m", "uvicorn", "chromadb.app:app")),
        ("code_server", ("/usr/lib/code-server/lib/node", "/usr/lib/code-server")),
        ("litellm", ("/venv/bin/python3.12", "/venv/bin/litellm", "--config", "/etc/litellm.yaml")),
        ("glances", ("python3", "-m", "glances", "-w")),
        ("ray", ("/usr/bin/python3", "-u", "/x/ray/dashboard/dashboard.py", "--host=0.0.0.0")),
        ("wireguard", ("/usr/bin/wireguard-go", "wg0")),
        ("node_exporter", ("/usr/bin/prometheus-node-exporter", "--web.listen-address=:9100")),
        ("dcgm_exporter", ("/usr/bin/dcgm-exporter", "-a", ":9400")),
    ],
)
def test_a_service_is_told_by_its_command(kind: str, argv: tuple[str, ...]) -> None:
    assert [name for name, one in load_services().items() if one.resembles(argv)] == [kind]


@pytest.mark.parametrize(
    "argv",
    [
        ("tail", "-f", "/var/log/prometheus"),
        ("vim", "/etc/grafana"),
        ("apt", "install", "nginx"),
        ("curl", "http://litellm:4000"),
        ("less", "chroma"),
        (),
    ],
)
def test_who_only_speaks_of_a_service_is_none(argv: tuple[str, ...]) -> None:
    assert [name for name, one in load_services().items() if one.resembles(argv)] == []


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        ("grafana/grafana:12.1.0", "grafana"),
        ("docker.io/grafana/grafana-oss@sha256:00", "grafana"),
        ("ghcr.io/open-webui/open-webui:main", "open_webui"),
        ("lscr.io/linuxserver/wireguard:latest", "wireguard"),
        ("nginx", "nginx"),
        ("docker.io/library/nginx:1.28", "nginx"),
        ("localhost:5000/prom/prometheus:v3", "prometheus"),
        ("ghcr.io/berriai/litellm:main-stable", "litellm"),
        ("nginx/nginx-prometheus-exporter", ""),
        ("grafana/grafana-image-renderer", ""),
        ("prom/node-exporter", "node_exporter"),
        ("example.org/k8s/dcgm-exporter:4.5.0", "dcgm_exporter"),
        ("prom/blackbox-exporter", ""),
    ],
)
def test_a_service_is_told_by_its_image(image: str, kind: str) -> None:
    assert "".join(name for name, one in load_services().items() if one.is_image(image)) == kind


def test_what_is_declared_of_each_service_is_whole() -> None:
    for name, one in load_services().items():
        assert isinstance(one, ServiceKind), name
        assert one.title, name
        assert one.signs or one.find, name
        assert one.ports or one.find, name
