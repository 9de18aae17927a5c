"""`keepwell ready` and `keepwell audit` on real engines, made nodes and recordings."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from keepwell.app.collecting import Wanted, collect
from keepwell.app.inspecting import InspectionReport, inspect_node
from keepwell.app.operation import Caller
from keepwell.app.plain import document
from keepwell.app.replaying import inspect_bundle
from keepwell.core.errors import ConfigurationError
from keepwell.core.finding import Finding, Status
from keepwell.survey.survey import survey
from keepwell.survey.timetable import Purpose
from keepwell.testing.tiny_model import TinyModel
from keepwell.testing.waiting import eventually
from keepwell.transport.recorded.bundle import open_bundle, save_bundle
from keepwell.transport.recorded.tape import TapeFile
from tests.engines.real import PATIENCE, llama_server, make_model
from tests.machines import Machine, container, unit_block
from tests.probes.test_units import systemd


def by_check(findings: tuple[Finding, ...], part: str = "") -> dict[str, Finding]:
    """The worst finding of each check that speaks of `part`."""
    told = [one for one in findings if part in f"{one.message} {one.facts.get('where', '')} {one.facts.get('pid', '')}"]
    return {one.check: one for one in reversed(told)}


async def test_a_real_server_for_everybody_without_a_key_is_found(tmp_path: Path) -> None:
    model = make_model(tmp_path / "tiny.gguf", TinyModel())
    model.chmod(0o666)
    tmp_path.chmod(0o755)
    with llama_server(tmp_path, "--model", str(model), "--host", "0.0.0.0") as engine:
        eventually(lambda: engine.ask("/health")[0] == 200, what="the server to be ready", seconds=PATIENCE)
        port = engine.url.rpartition(":")[2]
        report = await inspect_node(Caller(state=tmp_path / "state"), "", "audit")
    found = by_check(report.findings, port)
    assert found["audit.key"].bad
    assert f"0.0.0.0:{port}" in found["audit.key"].facts["where"]
    assert found["audit.plain"].status is Status.WARNING
    assert found["audit.origin"].status is Status.WARNING
    assert report.exit_code >= 1
    told: dict[str, Any] = json.loads(json.dumps(document(report)))
    assert told["schema"] == "keepwell.audit/1"


async def test_a_real_server_with_a_key_on_loopback_is_closed_but_for_its_command_line(tmp_path: Path) -> None:
    model = make_model(tmp_path / "tiny.gguf", TinyModel())
    with llama_server(tmp_path, "--model", str(model), "--api-key", "a-key-of-this-test") as engine:
        eventually(lambda: engine.ask("/health")[0] == 200, what="the server to be ready", seconds=PATIENCE)
        pid, port = engine.process.pid, engine.url.rpartition(":")[2]
        report = await inspect_node(Caller(state=tmp_path / "state"), "", "audit")
    own = tuple(one for one in report.findings if f":{port}" in str(one.subject))
    found = by_check(own)
    assert found["audit.key"].status is Status.OK
    assert "audit.plain" not in found
    assert found["audit.told_secrets"].facts["flag"] == "--api-key"
    assert found["audit.told_secrets"].facts["pid"] == str(pid)
    assert "a-key-of-this-test" not in repr(report)


def made_node() -> Machine:
    """A node whose unit is open: a key in its environment file for all, a program that all may replace."""
    machine = Machine()
    for path in ("/", "/etc", "/etc/default", "/usr", "/usr/local", "/opt"):
        machine.files.put(path, TapeFile(kind="directory", mode=0o755))
    machine.process(700, ("/opt/open/ollama", "serve"), cgroup="0::/system.slice/ollama.service")
    machine.files.put("/opt/open", TapeFile(kind="directory", mode=0o777))
    machine.files.put("/opt/open/ollama", TapeFile(pieces=((0, b"\x7fELF"),), mode=0o6755))
    machine.files.put("/etc/default/ollama", TapeFile(pieces=((0, b"OLLAMA_API_KEY=hush-hush\n"),), mode=0o644))
    machine.listen(700, 11434, "0.0.0.0")
    block = unit_block(
        "ollama.service",
        "/opt/open/ollama serve",
        MainPID="700",
        EnvironmentFiles="/etc/default/ollama (ignore_errors=no)",
        Environment="HF_TOKEN=hf_aaaaaaaaaaaaaaaaaaaa",
    )
    systemd(machine, block, running=("ollama.service",))
    url = "http://127.0.0.1:11434"
    machine.node.reply("GET", f"{url}/", "Ollama is running")
    machine.node.reply("GET", f"{url}/api/version", '{"version":"0.12.0"}')
    machine.node.reply("GET", f"{url}/api/tags", '{"models":[]}')
    machine.node.reply("GET", f"{url}/api/ps", '{"models":[]}')
    for query in ("key", "cors", "origin"):
        machine.node.reply("GET", f"{url}/v1/models?keepwell={query}", '{"object":"list","data":[]}')
    host = {"Privileged": True}
    mounts = [{"Type": "bind", "Source": "/var/run/docker.sock"}]
    machine.containers({**container("ollama-two", "ollama/ollama:0.12", host=host), "Mounts": mounts})
    machine.ready()
    return machine


async def test_a_made_node_is_told_of_all_that_is_open_there_and_its_recording_the_same(tmp_path: Path) -> None:
    machine = made_node()
    live = await survey(machine.node, machine.clock, level=Purpose("audit"))
    bad = {one.check: one for one in live.findings if one.bad}
    assert {"audit.key", "audit.plain", "audit.writable", "audit.setuid", "audit.secrets"} <= set(bad)
    assert {"audit.told_secrets", "audit.account", "audit.containers"} <= set(bad)
    assert "privileged" in bad["audit.containers"].message
    assert "/var/run/docker.sock" in bad["audit.containers"].message
    assert bad["audit.secrets"].facts["path"] == "/etc/default/ollama"
    assert "hush-hush" not in repr(live.seen)
    collected = await collect(machine.node, machine.clock, Wanted(level=2))
    assert [one.check for one in collected.result.findings if one.check.startswith(("audit.", "ready."))] == []
    path = tmp_path / "node.kwb"
    save_bundle(collected.archive, path)
    again = await inspect_bundle(open_bundle(path), "audit")
    assert [(one.check, one.status) for one in again.findings] == [(one.check, one.status) for one in live.findings]
    report = await inspect_node(Caller(state=tmp_path / "state"), str(path), "audit")
    assert report.exit_code == 2


async def test_a_recording_without_that_look_says_so_instead_of_calling_all_absent(tmp_path: Path) -> None:
    machine = made_node()
    collected = await collect(machine.node, machine.clock, Wanted(level=1))
    path = tmp_path / "old.kwb"
    save_bundle(collected.archive, path)
    bundle = open_bundle(path)
    bundle.manifest.purposes = []
    with pytest.raises(ConfigurationError, match="made without"):
        await inspect_bundle(bundle, "audit")


async def test_this_machine_is_judged_for_an_engine_by_that_engine_s_needs(tmp_path: Path) -> None:
    caller = Caller(state=tmp_path / "state")
    report = await inspect_node(caller, "", "ready", engine="vllm")
    checks = {one.check for one in report.findings}
    assert {"ready.gpu", "ready.memory", "ready.disk", "ready.ports", "ready.clock", "ready.containers"} <= checks
    assert report.wanted == "vLLM"
    assert dataclasses.replace(report, findings=()).exit_code == 0
    assert isinstance(report, InspectionReport)
    with pytest.raises(ConfigurationError, match="no engine whose needs"):
        await inspect_node(caller, "", "ready", engine="nothing")
