"""Services are found without configuration, and declared ones that are missing are named."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

import pytest

from keepwell.core.observation import Missing, Observation, Value
from keepwell.core.ref import engine, service
from keepwell.core.values import row_of, rows_of, text_of
from keepwell.formats.inspect import parse_inspect
from keepwell.plugins.place import Place
from keepwell.plugins.services import ServiceWish
from keepwell.probes.services import PROBE, SHOW
from keepwell.probes.services_chain import PROBE as CHAIN
from keepwell.transport.base import Reply
from keepwell.transport.recorded.tape import Refusal
from tests.machines import Machine, about, container, unit_block

HEALTHY = '{"commit":"a","database":"ok","version":"12.1.0"}'


def row(pid: int, *argv: str, parent: int = 1) -> Mapping[str, Value]:
    return {"pid": pid, "parent_pid": parent, "argv": argv, "state": "S", "exe": argv[0]}


def socket(pid: int, port: int, address: str = "127.0.0.1") -> Mapping[str, Value]:
    return {"address": address, "port": port, "pid": pid, "uid": 0, "inode": port}


def seen(
    processes: tuple[Value, ...] = (), sockets: tuple[Value, ...] = (), containers: tuple[Value, ...] = ()
) -> tuple[Observation, ...]:
    return (
        about("host.processes", processes),
        about("host.sockets", sockets),
        about("host.containers", containers),
    )


def place_of(machine: Machine, *observations: Observation, wishes: tuple[ServiceWish, ...] = ()) -> Place:
    place = machine.place(*observations)
    return Place(node=place.node, transport=place.transport, clock=place.clock, seen=place.seen, services=wishes)


async def look(place: Place) -> dict[tuple[str, str], Value | Missing]:
    return {(str(one.subject), one.name): one.value for one in await PROBE.observe(place)}


def site(found: Mapping[tuple[str, str], Value | Missing], name: str) -> Mapping[str, Value]:
    return row_of(found[f"service:node/{name}", "service.site"])


def state(found: Mapping[tuple[str, str], Value | Missing], name: str) -> str:
    return text_of(row_of(found[f"service:node/{name}", "service.health"]), "state")


async def test_a_process_at_a_port_of_its_own_choice_is_found() -> None:
    machine = Machine()
    machine.node.reply("GET", "http://127.0.0.1:3100/api/health", HEALTHY)
    processes = (row(50, "/usr/share/grafana/bin/grafana", "server"),)
    found = await look(place_of(machine, *seen(processes, (socket(50, 3100),))))
    assert text_of(site(found, "grafana:3100"), "url") == "http://127.0.0.1:3100"
    assert state(found, "grafana:3100") == "well"
    assert found["service:node/grafana:3100", "service.version"] == "12.1.0"
    assert [one for one in machine.node.calls if one.startswith("http ")] == [
        "http GET http://127.0.0.1:3100/api/health"
    ]


async def test_workers_are_not_services_of_their_own() -> None:
    processes = (row(50, "nginx: master process nginx"), row(51, "nginx: master process nginx", parent=50))
    found = await look(place_of(Machine(), *seen(processes, (socket(51, 80, "0.0.0.0"),))))
    assert [name for _, name in found].count("service.site") == 1
    assert text_of(site(found, "nginx"), "url") == "http://127.0.0.1:80"
    assert state(found, "nginx") == "refused"


async def test_only_usual_ports_are_asked_and_what_answers_otherwise_is_none() -> None:
    machine = Machine()
    machine.node.reply("GET", "http://127.0.0.1:9090/-/healthy", "hello")
    machine.node.reply("GET", "http://127.0.0.1:9091/", "hello")
    found = await look(place_of(machine, *seen((row(7, "/bin/thing"),), (socket(7, 9090), socket(7, 9091)))))
    assert found == {}
    assert "http GET http://127.0.0.1:9091/" not in machine.node.calls


async def test_each_path_of_an_address_is_asked_once_whoever_wants_to_know() -> None:
    machine = Machine()
    for path in ("", "/", "/api/health", "/api/config", "/api/healthcheck"):
        machine.node.reply("GET", f"http://127.0.0.1:3000{path}", "something else")
    assert await look(place_of(machine, *seen((), (socket(9, 3000),)))) == {}
    asked = [one for one in machine.node.calls if one.startswith("http ")]
    assert 3 <= len(asked) == len(set(asked)) <= 5


async def test_an_engines_port_is_left_alone() -> None:
    machine = Machine()
    ref = engine("node", "llamacpp")
    sites = about("engine.site", {"plug_in": "llamacpp", "port": 8080}, subject=ref)
    await look(place_of(machine, *seen((), (socket(9, 8080),)), sites))
    assert not [one for one in machine.node.calls if one.startswith("http ")]


def chat(**more: object) -> dict[str, object]:
    published = {"8080/tcp": [{"HostIp": "0.0.0.0", "HostPort": "3005"}]}
    config = {"Env": ["OLLAMA_BASE_URL=http://localhost:11434"]}
    return container("chat", "ghcr.io/open-webui/open-webui:main", ports=published, config=config, **more)


def inspected(*containers: dict[str, object]) -> tuple[Value, ...]:
    return tuple(parse_inspect(json.dumps(containers).encode(), "docker"))


async def test_a_container_is_found_at_its_published_port_and_its_address_of_the_engine_is_followed() -> None:
    machine = Machine()
    url = "http://127.0.0.1:3005"
    machine.node.reply("GET", f"{url}/api/config", '{"name":"Open WebUI","version":"0.6.18"}')
    machine.node.reply("GET", f"{url}/health", '{"status":true}')
    machine.files.put("/proc/900/net/tcp", "  0: 00000000:1F90 00000000:0000 0A 00000000:00000000\n")
    machine.files.put("/proc/900/net/tcp6", "")
    boxes = inspected(chat(state={"Pid": 900}))
    engine_site = about("engine.site", {"plug_in": "x", "port": 11434}, subject=engine("node", "ollama"))
    before = (*seen((), (socket(1, 11434),), boxes), engine_site)
    found = list(await PROBE.observe(place_of(machine, *before)))
    told = {one.name: one for one in await CHAIN.observe(place_of(machine, *before, *found))}
    (link,) = rows_of(told["service.links"].value)
    assert told["service.links"].subject == service("node", "open_webui:3005")
    assert (text_of(link, "setting"), text_of(link, "reach"), text_of(link, "why")) == (
        "OLLAMA_BASE_URL",
        "no",
        "own-loopback",
    )
    assert text_of(link, "target") == "engine:node/ollama"


async def test_a_stopped_container_is_not_asked() -> None:
    machine = Machine()
    found = await look(place_of(machine, *seen((), (), inspected(chat(state={"Status": "exited"})))))
    assert state(found, "open_webui") == "stopped"
    assert not [one for one in machine.node.calls if one.startswith("http ")]


async def test_a_unit_that_is_enabled_and_failed_is_found() -> None:
    machine = Machine()
    machine.files.put("/run/systemd/system/x", "")
    blocks = unit_block("prometheus.service", "/bin/prometheus", ActiveState="failed") + "\n"
    blocks += unit_block("grafana-server.service", "/bin/grafana", ActiveState="inactive", UnitFileState="disabled")
    asked = await calls_of_systemctl(machine)
    machine.node.answer(asked, blocks)
    found = await look(place_of(machine, *seen()))
    assert [name for name, what in found if what == "service.site"] == ["service:node/prometheus"]
    assert state(found, "prometheus") == "stopped"


async def calls_of_systemctl(machine: Machine) -> tuple[str, ...]:
    await look(place_of(machine, *seen()))
    (command,) = [one for one in machine.node.calls if one.startswith("run systemctl show")]
    words = tuple(shlex.split(command.removeprefix("run ")))
    assert words[: len(SHOW)] == SHOW
    return words


async def test_wireguard_is_found_by_its_interface() -> None:
    machine = Machine()
    machine.files.put("/sys/class/net/wg0/uevent", "DEVTYPE=wireguard\nINTERFACE=wg0\n")
    machine.files.put("/sys/class/net/eth0/uevent", "INTERFACE=eth0\n")
    found = await look(place_of(machine, *seen()))
    assert text_of(site(found, "wireguard"), "state") == "running"
    assert isinstance(found["service:node/wireguard", "service.health"], Missing)


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (ServiceWish(name="nas", url="http://127.0.0.1:5000"), "refused"),
        (ServiceWish(name="db", tcp="127.0.0.1:5432"), "refused"),
        (ServiceWish(name="box", container="box"), "stopped"),
        (ServiceWish(name="sync", process="syncthing"), "stopped"),
        (ServiceWish(name="unit", unit="backup.service"), "stopped"),
        (ServiceWish(name="graphs", kind="grafana"), "stopped"),
    ],
)
async def test_a_declared_service_that_is_missing_is_named(wish: ServiceWish, expected: str) -> None:
    found = await look(place_of(Machine(), *seen(), wishes=(wish,)))
    assert state(found, wish.name) == expected
    assert site(found, wish.name)["declared"] is True


async def test_a_declared_service_is_told_once_and_by_its_own_name() -> None:
    machine = Machine()
    machine.node.reply("GET", "http://127.0.0.1:3000/api/health", HEALTHY)
    machine.node.open_port("127.0.0.1", 5432)
    machine.node.reply("GET", "http://127.0.0.1:5000", Reply(status=404))
    wishes = (
        ServiceWish(name="graphs", kind="grafana", url="http://127.0.0.1:3000", needs=("db",)),
        ServiceWish(name="db", tcp="127.0.0.1:5432"),
        ServiceWish(name="nas", url="http://127.0.0.1:5000"),
        ServiceWish(name="thing", process="thing"),
    )
    processes = (row(50, "/bin/grafana", "server"), row(60, "/opt/thing", "-d"))
    found = await look(place_of(machine, *seen(processes, (socket(50, 3000),)), wishes=wishes))
    assert [name for name, what in found if what == "service.site"] == [
        f"service:node/{name}" for name in ("graphs", "db", "nas", "thing")
    ]
    assert [state(found, name) for name in ("graphs", "db", "nas")] == ["well", "well", "well"]
    assert text_of(site(found, "thing"), "state") == "running"


async def test_what_a_gateway_hands_requests_on_to_is_followed_too() -> None:
    machine = Machine()
    url = "http://127.0.0.1:4000"
    machine.node.reply("GET", f"{url}/health/readiness", '{"status":"healthy","litellm_version":"1.75.3"}')
    models = "model_list:\n  - model_name: small\n    litellm_params:\n      model: openai/x\n"
    machine.files.put("/etc/litellm.yaml", models + "      api_base: http://127.0.0.1:8001/v1\n")
    argv = ("/venv/bin/python", "/venv/bin/litellm", "--config", "/etc/litellm.yaml")
    machine.process(70, argv)
    before = seen((row(70, *argv),), (socket(70, 4000),))
    found = list(await PROBE.observe(place_of(machine, *before)))
    told = {one.name: one for one in await CHAIN.observe(place_of(machine, *before, *found))}
    (route,) = rows_of(told["service.routes"].value)
    assert text_of(route, "api_base") == "http://127.0.0.1:8001/v1"
    (link,) = rows_of(told["service.links"].value)
    assert (text_of(link, "setting"), text_of(link, "reach"), text_of(link, "why")) == (
        "model small",
        "no",
        "nothing-listens",
    )


async def test_a_port_of_its_own_that_speaks_no_http_is_no_fault() -> None:
    processes = (row(50, "/usr/bin/prometheus"),)
    found = await look(place_of(Machine(), *seen(processes, (socket(50, 9999),))))
    assert isinstance(found["service:node/prometheus:9999", "service.health"], Missing)


async def test_a_certificate_of_its_own_is_no_refusal() -> None:
    machine = Machine()
    refusal = Refusal(kind="Unreachable", what="certificate verify failed: self-signed certificate")
    machine.node.reply("GET", "https://127.0.0.1:9443/api/system/status", refusal)
    ports = {
        "8000/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8000"}],
        "9443/tcp": [{"HostIp": "0.0.0.0", "HostPort": "9443"}],
    }
    boxes = inspected(container("portainer", "portainer/portainer-ce:lts", ports=ports))
    found = await look(place_of(machine, *seen((), (), boxes)))
    assert text_of(site(found, "portainer"), "url") == "https://127.0.0.1:9443"
    assert state(found, "portainer") == "unverified"


async def test_an_interface_and_its_unit_are_one_service() -> None:
    machine = Machine()
    machine.files.put("/run/systemd/system/x", "")
    machine.files.put("/sys/class/net/wg0/uevent", "DEVTYPE=wireguard\n")
    machine.node.answer(
        await calls_of_systemctl(machine), unit_block("wg-quick@wg0.service", "/usr/bin/wg-quick up wg0")
    )
    found = await look(place_of(machine, *seen()))
    assert [text_of(row_of(value), "unit") for (_, name), value in found.items() if name == "service.site"] == [
        "wg-quick@wg0.service"
    ]
