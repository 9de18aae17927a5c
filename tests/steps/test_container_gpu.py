"""A container is given its GPU where it is defined; taken back, no byte, mode or time is other than before."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest
import yaml

from keepwell.conform.desired.look import look
from keepwell.core.observation import Missing, Observation, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.step import RunCommand
from keepwell.plugins.container_gpu.seen import row_of_ground
from keepwell.plugins.wish import Drift, Wish
from keepwell.steps.container_gpu import STEP
from keepwell.testing.rooted import RootedNode
from tests.conform.kit import NODE
from tests.container_gpu.kit import make_ground, make_node, write
from tests.steps.keeping import find_drift, prove
from tests.steps.kit import finding, plan_of, round_trip

FILE = "/opt/llm/compose.yaml"
COMPOSE = """\
# what serves our models
services:
  ollama:
    image: ollama/ollama:0.9.3   # pinned
    ports: ["11434:11434"]
    volumes:
      - models:/root/.ollama
  web:
    image: nginx   # no GPU for this one
volumes:
  models: {}
"""
WISH: Wish = {"file": FILE, "service": "ollama"}
RUNNING = f"llm\t{FILE},/opt/llm/more.yaml\tollama\t\trunning\n"


async def compare(wish: Wish, node: RootedNode) -> Drift | Missing:
    return STEP.compare(wish, await look([partial(STEP.needs, wish)], node))


async def test_a_service_gets_every_gpu_and_all_else_keeps_its_bytes(tmp_path: Path) -> None:
    node = make_node(tmp_path, "nvidia", containers=RUNNING)
    file = write(node, FILE, COMPOSE)
    drift = await prove(STEP, WISH, node)
    assert (drift.before, drift.after) == ("asks for no GPU", "asks for all devices of NVIDIA")
    (change,) = drift.changes
    assert change.before == "(no such lines)"
    assert "driver: nvidia" in change.after
    lines = file.read_text().splitlines()
    assert [line for line in lines if line in COMPOSE.splitlines()] == COMPOSE.splitlines()
    found = yaml.safe_load(file.read_text())
    reserved = found["services"]["ollama"].pop("deploy")["resources"]["reservations"]["devices"]
    assert reserved == [{"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}]
    assert found == yaml.safe_load(COMPOSE)


async def test_its_container_is_made_anew_in_its_own_project_and_gets_no_traffic_meanwhile(tmp_path: Path) -> None:
    node = make_node(tmp_path, "nvidia", containers=RUNNING)
    write(node, FILE, COMPOSE)
    drift = await find_drift(STEP, WISH, node)
    (command,) = drift.activate
    assert isinstance(command, RunCommand)
    files = ("--file", FILE, "--file", "/opt/llm/more.yaml")
    assert command.argv == (
        "docker",
        "compose",
        "--project-name",
        "llm",
        *files,
        "up",
        "--detach",
        "--no-deps",
        "ollama",
    )
    assert drift.engine == Ref("engine", ("made", "ollama"))
    assert "loaded model is gone" in drift.changes[0].interrupts


async def test_what_does_not_run_is_not_started(tmp_path: Path) -> None:
    node = make_node(tmp_path, "nvidia", containers=RUNNING.replace("running", "exited"))
    write(node, FILE, COMPOSE)
    drift = await find_drift(STEP, WISH, node)
    assert drift.activate == ()
    assert drift.kept == ("its container does not run: make it anew with docker compose up",)


async def test_where_nobody_can_tell_what_runs_that_is_said(tmp_path: Path) -> None:
    node = make_node(tmp_path, "nvidia")
    del node.programs["docker"]
    write(node, FILE, COMPOSE)
    drift = await find_drift(STEP, WISH, node)
    assert drift.changes
    assert drift.activate == ()
    assert "could not be told" in drift.kept[0]


async def test_a_repair_is_journalled_and_taken_back_byte_for_byte(tmp_path: Path) -> None:
    world = tmp_path / "world"
    world.mkdir()
    path = str(world / "compose.yaml")
    Path(path).write_bytes(COMPOSE.replace("\n", "\r\n").encode())
    row: dict[str, Value] = {"path": path, "kind": "compose", "service": "ollama"}
    value: Value = {"ground": row_of_ground(make_ground("nvidia")), "files": (row,)}
    known = Observation(subject=Ref("node", (NODE,)), name="host.container_files", value=value, at=0.0, source="test")
    found = finding("container_gpu.definition", file=path, file_kind="compose", service="ollama")
    plan = await plan_of("container_gpu", found, Seen([known]))
    assert plan is not None
    assert "no container of this service" in plan.note
    await round_trip(plan, world, tmp_path / "state")
    other = finding("container_gpu.definition", file=path, file_kind="compose", service="web")
    assert await plan_of("container_gpu", other, Seen([known])) is None


async def test_what_asks_is_proposed_and_copied(tmp_path: Path) -> None:
    node = make_node(tmp_path, "nvidia")
    text = COMPOSE.replace("    volumes:\n", "    gpus: all\n    volumes:\n", 1)
    write(node, FILE, text)
    rows: tuple[Value, ...] = (
        {"path": FILE, "kind": "compose", "service": "ollama", "asks": True},
        {"path": FILE, "kind": "compose", "service": "", "asks": False},
    )
    subject = Ref("node", ("made",))
    known = Observation(subject=subject, name="host.container_files", value={"files": rows}, at=0.0, source="test")
    (proposed,) = STEP.propose(Seen([known]), "made")
    assert proposed == {"file": FILE, "kind": "compose", "service": "ollama"}
    copied = STEP.copy(proposed, await look([partial(STEP.needs, proposed)], node))
    assert copied == {**proposed, "devices": ("all",)}
    assert isinstance(copied, dict)
    assert (await find_drift(STEP, copied, node)).same
    nothing = STEP.copy({**proposed, "service": "web"}, await look([partial(STEP.needs, proposed)], node))
    assert isinstance(nothing, Missing)


async def test_chosen_devices_take_the_place_of_a_count(tmp_path: Path) -> None:
    node = make_node(tmp_path, "nvidia")
    text = COMPOSE.replace("    volumes:\n", "    gpus: all  # for now\n    volumes:\n", 1)
    file = write(node, FILE, text)
    await prove(STEP, {**WISH, "devices": ("1",)}, node)
    found = yaml.safe_load(file.read_text())["services"]["ollama"]
    assert found["gpus"] == [{"driver": "nvidia", "device_ids": ["1"], "capabilities": ["gpu"]}]
    assert "# for now" in file.read_text()


async def test_nodes_and_groups_are_handed_in_where_there_is_no_driver_for_it(tmp_path: Path) -> None:
    node = make_node(tmp_path, "amd")
    for name in ("kfd", "dri/renderD128"):
        (tmp_path / "dev" / name).chmod(0o660)
    gid = (tmp_path / "dev/kfd").stat().st_gid
    file = write(node, FILE, COMPOSE)
    await prove(STEP, WISH, node)
    found = yaml.safe_load(file.read_text())["services"]["ollama"]
    assert found["devices"] == ["/dev/kfd:/dev/kfd", "/dev/dri:/dev/dri"]
    assert found.get("group_add", []) == [str(gid)] * (gid > 0)


async def test_a_daemon_learns_the_runtime_without_a_stop(tmp_path: Path) -> None:
    node = make_node(tmp_path, "nvidia")
    wish: Wish = {"file": "/etc/docker/daemon.json", "kind": "docker"}
    drift = await prove(STEP, wish, node)  # there was no such file, nor its folder
    assert [change.interrupts for change in drift.changes] == ["", "", ""][: len(drift.changes)]
    assert drift.activate == (RunCommand(argv=("systemctl", "reload", "docker.service")),)


async def test_a_quadlet_names_devices_of_the_specification(tmp_path: Path) -> None:
    node = make_node(tmp_path, "nvidia")
    text = "[Unit]\nDescription=x\n\n[Container]\nImage=docker.io/ollama/ollama\nPublishPort=11500:11434\n\n[Install]\n"
    file = write(node, "/etc/containers/systemd/llm.container", text)
    drift = await prove(STEP, {"file": "/etc/containers/systemd/llm.container", "kind": "podman"}, node)
    assert file.read_text() == text.replace("ollama\n", "ollama\nAddDevice=nvidia.com/gpu=all\n", 1)
    assert drift.engine == Ref("engine", ("made", "ollama:11500"))


@pytest.mark.parametrize(("release", "key"), [("8.2.4", "dev0: "), ("7.4", "lxc.mount.entry: ")])
async def test_a_system_container_is_let_in_as_its_release_does_it(tmp_path: Path, release: str, key: str) -> None:
    node = make_node(tmp_path, "nvidia", release=release)
    text = "arch: amd64\nhostname: llm\nunprivileged: 1\n\n[before]\nmemory: 512\n"
    file = write(node, "/etc/pve/lxc/101.conf", text)
    drift = await prove(STEP, {"file": "/etc/pve/lxc/101.conf", "kind": "lxc"}, node)
    after = file.read_text()
    assert re.sub(r"dev\d", "dev0", after).count(key + "/dev/nvidia") == 5
    assert after.endswith("\n\n[before]\nmemory: 512\n")
    assert drift.activate[0] == RunCommand(argv=("pct", "reboot", "101"), timeout_seconds=300.0)


async def test_two_makers_and_none_are_not_guessed(tmp_path: Path) -> None:
    (tmp_path / "both").mkdir()
    both = make_node(tmp_path / "both", "nvidia", "amd")
    write(both, FILE, COMPOSE)
    told = await compare(WISH, both)
    assert isinstance(told, Missing)
    assert 'gpu = "nvidia"' in told.reason
    assert (await find_drift(STEP, {**WISH, "gpu": "amd"}, both)).changes
    (tmp_path / "none").mkdir()
    none = make_node(tmp_path / "none")
    write(none, FILE, COMPOSE)
    assert isinstance(await compare(WISH, none), Missing)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("services:\n  web: {image: nginx}\n", "it has no service ollama"),
        ("services:\n  ollama:\n  image: [\n", "line"),
        ("x: &gpu {a: 1}\nservices:\n  ollama: *gpu\n", "anchor"),
    ],
)
async def test_what_cannot_be_changed_is_said(tmp_path: Path, text: str, words: str) -> None:
    node = make_node(tmp_path, "nvidia")
    write(node, FILE, text)
    drift = await find_drift(STEP, WISH, node)
    assert drift.changes == ()
    assert words in drift.problem


@pytest.mark.parametrize(
    ("kind", "text", "devices"),
    [
        ("compose", "services: {a: {gpus: [{device_ids: ['1']}]}}", ("1",)),
        ("compose", "services: {a: {devices: ['nvidia.com/gpu=GPU-1']}}", ("GPU-1",)),
        ("compose", "services: {a: {devices: ['nvidia.com/gpu=all']}}", ("all",)),
        ("podman", "[Container]\nAddDevice=nvidia.com/gpu=0\n", ("0",)),
        ("lxc", "dev0: /dev/nvidia1\ndev1: /dev/nvidiactl\n", ("/dev/nvidia1",)),
        ("lxc", "dev0: /dev/nvidia1\ndev1: /dev/nvidia0\n", ("all",)),
        ("docker", '{"runtimes": {"nvidia": {"path": "nvidia-container-runtime"}}}', ("all",)),
    ],
)
async def test_the_chosen_devices_are_copied_and_asked_for_again(
    tmp_path: Path, kind: str, text: str, devices: tuple[str, ...]
) -> None:
    node = make_node(tmp_path, "nvidia")
    write(node, "/etc/a.container", text)
    wish: Wish = {"file": "/etc/a.container", "kind": kind, "service": "a"}
    copied = STEP.copy(wish, await look([partial(STEP.needs, wish)], node))
    assert copied == {**wish, "devices": devices}
