"""host.containers: Docker's and Podman's, by argument lists alone."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from keepwell.core.observation import Missing, Observation
from keepwell.core.values import rows_of
from keepwell.formats.inspect import parse_inspect
from keepwell.probes.containers import PROBE
from keepwell.transport.recorded.tape import TapeFile
from keepwell.transport.web import unix_url
from tests.machines import Machine, container


async def look(machine: Machine) -> Observation:
    (found,) = await PROBE.observe(machine.place())
    return found


async def test_a_container_is_told_with_its_engine_ports_and_last_exit() -> None:
    machine = Machine()
    one = container(
        "llm",
        "docker.io/ollama/ollama:0.12",
        state={"Status": "exited", "ExitCode": 137, "OOMKilled": True},
        host={"Memory": 4 << 30},
        config={"Env": ["OLLAMA_HOST=0.0.0.0", "API_TOKEN=abcdefgh12345"]},
        restarts=2,
    )
    machine.containers(one)
    (row,) = rows_of((await look(machine)).value)
    assert (row["name"], row["engine"], row["state"], row["exit_code"]) == ("llm", "ollama", "exited", 137)
    assert (row["oom_killed"], row["restarts"], row["memory_max_bytes"]) == (True, 2, 4 << 30)
    assert row["ports"] == ({"address": "0.0.0.0", "port": 11434, "inner_port": 11434},)
    assert row["environment"] == {"OLLAMA_HOST": "0.0.0.0", "API_TOKEN": "***"}
    assert row["gpus"] == "none"


async def test_every_way_to_ask_for_a_gpu_is_told() -> None:
    machine = Machine()
    requests = {"DeviceRequests": [{"Count": -1, "Capabilities": [["gpu"]]}]}
    named = {"DeviceRequests": [{"Count": 0, "DeviceIDs": ["0", "GPU-1"]}]}
    nodes = {"Devices": [{"PathOnHost": "/dev/kfd"}, {"PathOnHost": "/dev/dri"}]}
    machine.containers(
        container("a", "ollama/ollama", host=requests),
        container("b", "ollama/ollama", host=named),
        container("c", "ollama/ollama", host=nodes),
        container("d", "ollama/ollama", host={"Runtime": "nvidia"}),
    )
    rows = rows_of((await look(machine)).value)
    assert [row["gpus"] for row in rows] == ["all", "0,GPU-1", "/dev/kfd /dev/dri", "runtime nvidia"]


async def test_other_containers_are_listed_without_an_engine() -> None:
    machine = Machine()
    one = container("db", "postgres:17", ports={}) | {"Path": "docker-entrypoint.sh", "Args": ["postgres"]}
    machine.containers(one)
    (row,) = rows_of((await look(machine)).value)
    assert row["engine"] == ""


async def test_podman_answers_where_docker_is_not_installed() -> None:
    machine = Machine()
    machine.containers(container("llm", "ollama/ollama"), runtime="podman")
    (row,) = rows_of((await look(machine)).value)
    assert row["runtime"] == "podman"


async def test_no_client_is_absent_and_no_daemon_is_failed() -> None:
    machine = Machine()
    nothing = (await look(machine)).value
    machine.fails(("docker", "ps", "-aq", "--no-trunc"), 1, "Cannot connect to the Docker daemon")
    silent = (await look(machine)).value
    assert isinstance(nothing, Missing)
    assert nothing.kind == "absent"
    assert isinstance(silent, Missing)
    assert silent.kind == "failed"
    assert "Cannot connect" in silent.reason


async def test_what_no_client_tells_of_is_asked_at_the_sockets() -> None:
    machine = Machine()
    known, other = container("llm", "ollama/ollama"), container("mine", "ollama/ollama")
    machine.containers(known)
    path = "/run/user/1000/podman/podman.sock"
    machine.files.put(path, TapeFile(kind="socket", inode=7))
    machine.node.reply("GET", unix_url(path, "/containers/json?all=1"), json.dumps([known, other]))
    machine.node.reply("GET", unix_url(path, f"/containers/{other['Id']}/json"), json.dumps(other))
    rows = rows_of((await look(machine)).value)
    assert [(row["name"], row["runtime"], row.get("socket", "")) for row in rows] == [
        ("llm", "docker", ""),
        ("mine", "podman", path),
    ]
    machine.node.reply("GET", unix_url(path, "/containers/json?all=1"), "<html>")
    assert len(rows_of((await look(machine)).value)) == 1


async def test_a_daemon_without_containers_is_an_empty_list() -> None:
    machine = Machine()
    machine.node.answer(("docker", "ps", "-aq", "--no-trunc"), "")
    assert (await look(machine)).value == ()


async def test_an_answer_that_is_no_json_is_failed() -> None:
    machine = Machine()
    machine.node.answer(("docker", "ps", "-aq", "--no-trunc"), "abc\n")
    machine.node.answer(("docker", "inspect", "abc"), "<html>")
    value = (await look(machine)).value
    assert isinstance(value, Missing)
    assert value.kind == "failed"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
NAMES = st.sampled_from(["State", "Config", "HostConfig", "NetworkSettings", "Ports", "80/tcp", "Devices", "Env"])


@given(st.lists(st.dictionaries(NAMES, JSON | st.dictionaries(NAMES, JSON, max_size=3), max_size=6), max_size=3))
def test_any_json_list_reads_as_rows_of_one_shape(found: list[object]) -> None:
    rows = parse_inspect(json.dumps(found).encode(), "docker")
    assert len(rows) == len(found)
    assert len({frozenset(row) for row in rows}) <= 1
