"""From a compose file with a mistake to a plan that mends it: probe, check, step, and the check again."""

from __future__ import annotations

from pathlib import Path

from keepwell.checks.container_gpu import CHECK, judge_definitions
from keepwell.conform.actions import perform
from keepwell.conform.look import prepare
from keepwell.conform.plan import find_repairs
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing, Observation, Seen, Value
from keepwell.core.ref import Ref
from keepwell.plugins.place import Place
from keepwell.probes.container_files import PROBE
from keepwell.testing.clock import FakeClock
from keepwell.testing.rooted import RootedNode
from tests.container_gpu.kit import make_node, write

FILE = "/opt/llm/compose.yaml"
WRONG = """\
services:
  ollama:
    image: ollama/ollama
    ports: ["11434:11434"]
    deploy:
      resources:
        reservations:
          devices:
            - driver: nvidia
              count: all   # every one
"""
CONTAINERS: tuple[Value, ...] = (
    {
        "name": "llm-ollama-1",
        "state": "running",
        "compose_files": (FILE,),
        "compose_service": "ollama",
        "compose_project": "llm",
    },
)


async def see(node: RootedNode, containers: tuple[Value, ...] = CONTAINERS) -> Seen:
    """What the probe sees of a node with these containers."""
    subject = Ref("node", (node.name,))
    known = Observation(subject=subject, name="host.containers", value=containers, at=0.0, source="test")
    place = Place(node=subject, transport=node, clock=FakeClock(), seen=Seen([known]))
    return Seen([known, *await PROBE.observe(place)])


def bad(seen: Seen) -> list[Finding]:
    return [one for one in judge_definitions(seen) if one.bad]


async def test_a_mistake_is_told_with_file_and_line_mended_and_taken_back(tmp_path: Path) -> None:
    node = make_node(tmp_path, "nvidia")
    file = write(node, FILE, WRONG)
    seen = await see(node)
    (finding,) = bad(seen)
    assert finding.message.startswith(f"{FILE}:9: ollama: capabilities: [gpu] is missing")
    assert (finding.check, finding.facts["line"], finding.facts["container"]) == (CHECK, "9", "llm-ollama-1")
    (repair,) = find_repairs([finding])
    plan = await prepare(repair, seen, node, FakeClock())
    assert plan is not None
    assert plan.engine == Ref("engine", (node.name, "ollama"))
    for change in plan.changes:
        await perform(change.do, node)
    assert file.read_text() == WRONG + "              capabilities: [gpu]\n"
    assert [
        (one.subject, one.status) for one in judge_definitions(await see(node)) if one.subject == finding.subject
    ] == [(finding.subject, Status.OK)]
    assert plan.activate
    for change in plan.changes:
        assert change.undo is not None
        await perform(change.undo, node)
    assert file.read_text() == WRONG


async def test_files_of_every_kind_are_found_and_a_stale_specification(tmp_path: Path) -> None:
    node = make_node(tmp_path, "nvidia", release="8.2.4")
    write(node, FILE, WRONG.replace("count: all", "capabilities: [gpu]"))
    write(node, "/etc/docker/daemon.json", '{"default-runtime": "nvidia"}')
    write(node, "/etc/containers/systemd/tts.container", "[Container]\nImage=some/tts\nAddDevice=nvidia.com/gpu=all\n")
    write(node, "/etc/pve/lxc/101.conf", "hostname: a\ndev0: /dev/nvidia0\n")
    write(node, "/usr/lib/libcuda.so.570.1", "")
    specification = "cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ncontainerEdits:\n  mounts:\n"
    specification += "    - hostPath: /usr/lib/libcuda.so.570.1\n    - hostPath: /usr/lib/libcuda.so.560.3\n"
    write(node, "/etc/cdi/nvidia.yaml", specification)
    found = {one.subject.name: one.facts for one in bad(await see(node))}
    kinds = {name: (facts["kind"], facts["line"]) for name, facts in found.items()}
    assert kinds == {
        "/etc/docker/daemon.json": ("default-unknown", "1"),
        "/etc/pve/lxc/101.conf": ("half", "2"),
        "/etc/cdi/nvidia.yaml": ("stale", "6"),
    }


async def test_a_node_without_such_files_says_so(tmp_path: Path) -> None:
    node = make_node(tmp_path, "nvidia")
    seen = await see(node, ())
    value = seen.value(Ref("node", (node.name,)), "host.container_files")
    assert isinstance(value, Missing)
    assert value.kind == "absent"


async def test_without_a_gpu_nothing_is_asked_for(tmp_path: Path) -> None:
    node = make_node(tmp_path)
    write(node, FILE, "services:\n  ollama: {image: ollama/ollama}\n")
    assert bad(await see(node)) == []


async def test_secrets_of_a_compose_file_never_become_observations(tmp_path: Path) -> None:
    node = make_node(tmp_path, "nvidia")
    write(node, FILE, WRONG + "    environment: {API_KEY: sk-verysecret123456}\n")
    assert "verysecret" not in str(list(await see(node)))
