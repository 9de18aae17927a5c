"""Checks of services and of the chain from client to engine."""

from __future__ import annotations

import pytest

from keepwell.core.finding import Status
from keepwell.core.observation import Observation, Value, unknown
from keepwell.core.ref import engine, service
from tests.checks.judging import findings, only, status
from tests.machines import about

REF = service("node", "made")
SITE: dict[str, Value] = {
    "kind": "made",
    "title": "Made",
    "url": "http://127.0.0.1:3000",
    "host": "127.0.0.1",
    "port": 3000,
    "state": "running",
    "declared": False,
    "needs": (),
}
WELL: dict[str, Value] = {"state": "well", "http_status": 200, "seconds": 0.01, "said": ""}
ENGINE = about("engine.site", {"host": "127.0.0.1", "port": 11434, "title": "E"}, subject=engine("node", "made"))


def of(name: str, value: Value) -> Observation:
    return about(f"service.{name}", value, subject=REF)


def made(site: dict[str, Value] | None = None, health: dict[str, Value] | None = None) -> list[Observation]:
    return [of("site", SITE | (site or {})), of("health", WELL | (health or {}))]


@pytest.mark.parametrize(
    ("site", "health", "expected"),
    [
        ({}, {}, Status.OK),
        ({"state": "stopped"}, {"state": "stopped"}, Status.WARNING),
        ({"state": "stopped", "declared": True}, {"state": "stopped"}, Status.CRITICAL),
        ({"state": "unknown", "declared": True}, {"state": "refused"}, Status.CRITICAL),
    ],
)
def test_running(site: dict[str, Value], health: dict[str, Value], expected: Status) -> None:
    assert status("services.running", *made(site, health)) is expected


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        ({}, Status.OK),
        ({"seconds": 2.9}, Status.WARNING),
        ({"state": "failing", "said": "503: database"}, Status.WARNING),
        ({"state": "silent"}, Status.WARNING),
        ({"state": "refused"}, Status.WARNING),
    ],
)
def test_responding(health: dict[str, Value], expected: Status) -> None:
    assert status("services.responding", *made(None, health)) is expected


def test_what_is_stopped_is_told_once() -> None:
    assert findings("services.responding", *made({"state": "stopped"}, {"state": "stopped"})) == []


def link(**more: str) -> Observation:
    row: dict[str, Value] = {
        "setting": "OLLAMA_BASE_URL",
        "url": "http://localhost:11434",
        "target": "engine:node/made",
        "reach": "yes",
        "why": "",
    }
    return of("links", (row | more,))


def test_an_address_that_leads_nowhere_is_named_with_its_reason() -> None:
    found = only("services.needs", *made(), link(reach="no", why="own-loopback"))
    assert found.status is Status.WARNING
    assert found.facts["kind"] == "own-loopback"
    assert found.facts["setting"] == "OLLAMA_BASE_URL"
    assert "the container itself" in found.message


def test_one_dead_backend_among_several_is_told_apart() -> None:
    good: Value = {"setting": "URLS", "url": "http://a:1", "target": "", "reach": "yes", "why": ""}
    dead: Value = {"setting": "URLS", "url": "http://b:2", "target": "", "reach": "no", "why": "nothing-listens"}
    assert only("services.needs", *made(), of("links", (good, dead))).facts["backends"] == "several"
    assert "backends" not in only("services.needs", *made(), of("links", (dead,))).facts


def test_what_it_depends_on_is_down() -> None:
    silent = about("engine.health", {"state": "silent"}, subject=engine("node", "made"))
    assert only("services.needs", *made(), link(), silent).facts["kind"] == "down"
    assert status("services.needs", *made(), link()) is Status.OK


def test_a_declared_need_is_found_by_name() -> None:
    database = [
        about("service.site", SITE, subject=service("node", "db")),
        about("service.health", {"state": "refused"}, subject=service("node", "db")),
    ]
    needs = made({"needs": ("db",)})
    assert [one.facts["kind"] for one in findings("services.needs", *needs, *database) if one.bad] == ["down"]
    assert only("services.needs", *needs).facts["kind"] == "not-seen"


def test_targets_of_prometheus() -> None:
    down: Value = {"job": "gpu", "url": "http://a:9400/metrics", "health": "down", "error": "connection refused"}
    up: Value = {"job": "node", "url": "http://a:9100/metrics", "health": "up", "error": ""}
    found = only("services.targets", *made(), of("targets", (down, up)))
    assert "1 of 2" in found.message
    assert found.facts["job"] == "gpu"
    assert status("services.targets", *made(), of("targets", (up,))) is Status.OK


def routes(model: str, base: str = "http://127.0.0.1:11434") -> Observation:
    return of("routes", ({"name": "small", "model": model, "api_base": base},))


@pytest.mark.parametrize(
    ("model", "base", "expected"),
    [
        ("ollama_chat/tiny", "http://127.0.0.1:11434", Status.OK),
        ("openai/tiny:latest", "http://localhost:11434/v1", Status.OK),
        ("ollama_chat/large", "http://127.0.0.1:11434", Status.WARNING),
        ("openai/large", "http://far.example:11434", Status.OK),
    ],
)
def test_a_gateway_names_models_that_are_there(model: str, base: str, expected: Status) -> None:
    models = about("engine.models", ({"name": "tiny:latest"},), subject=engine("node", "made"))
    assert status("chain.routes", *made(), ENGINE, models, routes(model, base)) is expected


def proxied(**more: Value) -> Observation:
    row: dict[str, Value] = {
        "server": "chat.lan",
        "location": "/",
        "upstream": "http://127.0.0.1:11434",
        "buffering": False,
        "read_timeout_seconds": 600.0,
        "file": "/etc/nginx/x",
        "line": 3,
    }
    return of("proxied", (row | more,))


def test_a_proxy_that_collects_streams_or_gives_up_early() -> None:
    assert status("chain.buffering", *made(), ENGINE, proxied()) is Status.OK
    found = only("chain.buffering", *made(), ENGINE, proxied(buffering=True))
    assert (found.status, found.facts["file"], found.facts["line"]) == (Status.WARNING, "/etc/nginx/x", "3")
    assert status("chain.patience", *made(), ENGINE, proxied()) is Status.OK
    assert only("chain.patience", *made(), ENGINE, proxied(read_timeout_seconds=60.0)).facts["limit"] == "60"


def test_what_a_proxy_does_for_others_is_its_own_affair() -> None:
    assert findings("chain.buffering", *made(), ENGINE, proxied(upstream="http://127.0.0.1:1", buffering=True)) == []


def test_grafana_that_wants_a_login_is_unknown_not_bad() -> None:
    seen = about("service.datasources", unknown("wants a login"), subject=REF)
    assert status("chain.datasources", *made(), seen) is Status.UNKNOWN
    row: Value = {"name": "metrics", "url": "http://p:9090", "health": "error", "said": "no such host"}
    assert only("chain.datasources", *made(), of("datasources", (row,))).facts["name"] == "metrics"


@pytest.mark.parametrize(
    ("server", "offered", "client", "expected"),
    [
        ("1.0.15", ("v2",), "0.4.24", Status.WARNING),
        ("0.4.24", ("v1",), "1.0.15", Status.WARNING),
        ("1.0.15", ("v2",), "1.1.0", Status.OK),
        ("0.6.3", ("v2", "v1"), "0.5.0", Status.OK),
        ("0.6.3", ("v2", "v1"), "1.0.0", Status.OK),
    ],
)
def test_chromas_clients_fit(server: str, offered: tuple[str, ...], client: str, expected: Status) -> None:
    seen = of("interfaces", {"offered": offered, "version": server})
    clients = of("clients", ({"package": "chromadb", "version": client, "where": "/venv", "pid": "7"},))
    assert status("chain.chroma", *made(), seen, clients) is expected
