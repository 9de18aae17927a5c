"""Discovery on machines of every kind, from data alone."""

from __future__ import annotations

import json
import plistlib
from dataclasses import replace

import pytest

from keepwell.core.observation import Missing
from keepwell.core.values import row_of
from keepwell.plugins.place import LogSource
from keepwell.probes.processes import PS
from keepwell.probes.sockets import LSOF
from keepwell.probes.units import LAUNCHCTL, LIST_FILES, PROPERTIES
from keepwell.survey.discover import is_own
from keepwell.survey.expected import Expected
from keepwell.survey.survey import SurveyResult, survey
from keepwell.testing.clock import FakeClock
from keepwell.testing.node import RecordedNode
from keepwell.transport.recorded.tape import Refusal, TapeFile
from tests.machines import Machine, container, unit_block
from tests.probes.test_units import usual

OLLAMA = ("/usr/local/bin/ollama", "serve")


def speaks_ollama(machine: Machine, url: str = "http://127.0.0.1:11434", version: str = "0.12.3") -> None:
    """Answers of an Ollama without models, as a real one gives them."""
    reply = machine.node.reply
    reply("GET", url, "Ollama is running")
    reply("GET", f"{url}/", "Ollama is running")
    reply("GET", f"{url}/api/version", json.dumps({"version": version}))
    reply("GET", f"{url}/api/tags", json.dumps({"models": []}))
    reply("GET", f"{url}/api/ps", json.dumps({"models": []}))


def with_systemd(machine: Machine, blocks: str, *running: str) -> None:
    machine.files.put("/run/systemd/system", TapeFile(kind="directory"))
    machine.node.answer(("systemctl", *LIST_FILES), "ollama.service enabled enabled\n")
    wanted = list(dict.fromkeys([*running, *usual()]))
    machine.node.answer(("systemctl", "show", "--no-pager", "-p", PROPERTIES, *wanted), blocks)


async def look(machine: Machine, *expected: Expected) -> SurveyResult:
    return await survey(machine.ready(), machine.clock, expected)


async def test_an_empty_machine_has_no_engine_and_says_where_it_looked() -> None:
    result = await look(Machine())
    assert result.sites == ()
    assert not [one for one in result.findings if one.bad and one.check.startswith("engine.")]
    units = result.seen.named("host.units")[0].value
    assert isinstance(units, Missing)


async def test_a_systemd_machine() -> None:
    machine = Machine()
    machine.process(700, OLLAMA, uid=997, gid=996, cgroup="0::/system.slice/ollama.service")
    machine.listen(700, 11434, uid=997)
    speaks_ollama(machine)
    drop_in = "/etc/systemd/system/ollama.service.d/override.conf"
    machine.files.put(drop_in, '[Service]\nEnvironment="OLLAMA_KEEP_ALIVE=10m"\n')
    with_systemd(
        machine, unit_block("ollama.service", " ".join(OLLAMA), MainPID="700", DropInPaths=drop_in), "ollama.service"
    )
    (site,) = (result := await look(machine)).sites
    assert (str(site.ref), site.url, site.supervisor) == ("engine:node/ollama", "http://127.0.0.1:11434", "systemd")
    assert (site.unit, site.start) == ("ollama.service", ("systemctl", "start", "ollama.service"))
    assert drop_in in site.files
    wished = row_of(result.seen.value(site.ref, "engine.wished_settings"))
    assert row_of(wished["OLLAMA_KEEP_ALIVE"])["line"] == 2
    assert result.seen.value(site.ref, "engine.version") == "0.12.3"


async def test_a_failed_unit_is_an_engine_that_ought_to_run() -> None:
    machine = Machine()
    block = unit_block(
        "ollama.service",
        " ".join(OLLAMA),
        ActiveState="failed",
        SubState="failed",
        Result="exit-code",
        ExecMainCode="1",
        ExecMainStatus="2",
        Environment="OLLAMA_HOST=0.0.0.0:11500",
    )
    with_systemd(machine, block)
    (site,) = (result := await look(machine)).sites
    assert isinstance(site.process, Missing)
    assert (str(site.ref), site.url, site.unit) == (
        "engine:node/ollama:11500",
        "http://127.0.0.1:11500",
        "ollama.service",
    )
    assert row_of(result.seen.value(site.ref, "engine.supervisor"))["exit_code"] == 2
    running = [one for one in result.findings if one.check == "engine.running"]
    assert [one.bad for one in running] == [True]


async def test_a_disabled_unit_that_does_not_run_is_no_engine() -> None:
    machine = Machine()
    block = unit_block("ollama.service", " ".join(OLLAMA), ActiveState="inactive", UnitFileState="disabled")
    with_systemd(machine, block)
    assert (await look(machine)).sites == ()


async def test_a_docker_machine() -> None:
    machine = Machine()
    machine.process(600, ("/usr/bin/docker-proxy", "-host-port", "11434"))
    machine.process(700, ("/bin/ollama", "serve"), environment={"OLLAMA_HOST": "0.0.0.0:11434"}, cgroup="0::/x")
    machine.listen(600, 11434, "0.0.0.0")
    speaks_ollama(machine)
    machine.containers(container("llm", "ollama/ollama", state={"Pid": 700}))
    (site,) = (await look(machine)).sites
    assert not isinstance(site.process, Missing)
    assert (site.process.pid, site.supervisor, site.unit) == (700, "container", "llm")
    assert site.start == ("docker", "start", "llm")


async def test_a_container_that_died_is_an_engine_that_ought_to_run_and_a_stopped_one_is_not() -> None:
    machine = Machine()
    died = container("llm", "ollama/ollama", state={"Status": "exited", "ExitCode": 1})
    stopped = container("old", "ollama/ollama", state={"Status": "exited", "ExitCode": 0}, ports={})
    machine.containers(died, stopped)
    assert [site.unit for site in (await look(machine)).sites] == ["llm"]


async def test_a_stopped_process_is_known_by_its_command_line() -> None:
    machine = Machine()
    machine.process(700, OLLAMA, state="T", environment={"OLLAMA_HOST": "127.0.0.1:11434"})
    machine.listen(700, 11434)
    machine.node.reply("GET", "http://127.0.0.1:11434/api/version", Refusal(kind="TimedOut", what="late"))
    (site,) = (result := await look(machine)).sites
    assert str(site.ref) == "engine:node/ollama"
    assert not any(call.startswith("http") for call in machine.node.calls)
    bad = [one.check for one in result.findings if one.bad]
    assert "engine.responding" in bad
    assert "engine.running" not in bad


async def test_a_process_without_a_port_is_asked_where_its_environment_says() -> None:
    machine = Machine()
    machine.process(700, OLLAMA, environment={"OLLAMA_HOST": "0.0.0.0:11777"})
    (site,) = (await look(machine)).sites
    assert site.url == "http://127.0.0.1:11777"


async def test_what_is_remembered_and_gone_stays_a_site_with_its_log_and_start() -> None:
    machine = Machine()
    machine.files.put("/var/log/made.log", "panic: it broke\n")
    known = Expected(
        engine="ollama",
        url="http://127.0.0.1:11434",
        declared=False,
        start=("ollama", "serve"),
        logs=(LogSource(kind="file", where="/var/log/made.log"),),
    )
    (site,) = (result := await look(machine, known)).sites
    assert isinstance(site.process, Missing)
    assert site.start == ("ollama", "serve")
    assert row_of(result.seen.value(site.ref, "engine.log"))["last_error"] == "panic: it broke"
    assert row_of(result.seen.value(site.ref, "engine.site"))["remembered"] is True


async def test_a_remembered_engine_whose_port_another_program_holds() -> None:
    machine = Machine()
    machine.process(800, ("python3", "-m", "http.server"))
    machine.listen(800, 11434)
    known = Expected(engine="ollama", url="http://127.0.0.1:11434", declared=False, start=("ollama", "serve"))
    (site,) = (result := await look(machine, known)).sites
    assert isinstance(site.process, Missing)
    assert "800" in site.process.reason
    assert "address.port_free" in [one.check for one in result.findings if one.bad]


async def test_an_engine_that_moved_is_still_that_engine() -> None:
    machine = Machine()
    machine.process(700, OLLAMA, environment={"OLLAMA_HOST": "127.0.0.1:11999"})
    machine.listen(700, 11999)
    speaks_ollama(machine, "http://127.0.0.1:11999")
    known = Expected(
        engine="ollama",
        url="http://127.0.0.1:11434",
        declared=False,
        start=("env", "OLLAMA_HOST=127.0.0.1:11434", "/usr/local/bin/ollama", "serve"),
    )
    (site,) = (result := await look(machine, known)).sites
    assert site.url == "http://127.0.0.1:11434"
    assert not isinstance(site.process, Missing)
    reachable = [one for one in result.findings if one.check == "address.reachable"]
    assert [(one.bad, one.facts["kind"]) for one in reachable] == [(True, "other-port")]
    stranger = replace(known, start=("/opt/other/ollama", "serve"))
    assert len((await look(machine, stranger)).sites) == 2


async def test_a_declared_engine_without_a_command_is_the_only_one_of_its_kind() -> None:
    machine = Machine()
    machine.process(700, OLLAMA)
    machine.listen(700, 11434)
    speaks_ollama(machine)
    lan = Expected(engine="ollama", url="http://192.168.1.9:11434", declared=True)
    (site,) = (result := await look(machine, lan)).sites
    assert site.declared
    reachable = [one for one in result.findings if one.check == "address.reachable"]
    assert [one.facts["kind"] for one in reachable] == ["loopback-only"]


async def test_a_declared_unit_is_found_by_its_name() -> None:
    machine = Machine()
    with_systemd(
        machine, unit_block("ollama.service", " ".join(OLLAMA), ActiveState="inactive", UnitFileState="enabled")
    )
    declared = Expected(engine="ollama", url="http://127.0.0.1:12000", declared=True, unit="ollama")
    (site,) = (await look(machine, declared)).sites
    assert (site.supervisor, site.unit, site.url) == ("systemd", "ollama.service", "http://127.0.0.1:12000")


async def test_two_engines_of_a_kind_have_names_of_their_own() -> None:
    machine = Machine()
    for pid, port in ((700, 11434), (701, 11435)):
        machine.process(pid, OLLAMA)
        machine.listen(pid, port)
        speaks_ollama(machine, f"http://127.0.0.1:{port}")
    refs = [str(site.ref) for site in (await look(machine)).sites]
    assert refs == ["engine:node/ollama", "engine:node/ollama:11435"]


async def test_an_engine_behind_a_hidden_process_is_found_by_its_answer() -> None:
    machine = Machine()
    machine.listen(700, 11434, hidden=True)
    speaks_ollama(machine)
    (site,) = (result := await look(machine)).sites
    assert isinstance(site.process, Missing)
    assert site.process.kind == "failed"
    assert "engine.running" not in [one.check for one in result.findings if one.bad]


async def test_an_ordinary_user_sees_each_engine_once_though_its_sockets_are_hidden() -> None:
    machine = Machine()
    machine.process(700, OLLAMA, uid=997)
    machine.listen(700, 11434, hidden=True)
    speaks_ollama(machine)
    (site,) = (result := await look(machine)).sites
    assert not isinstance(site.process, Missing)
    assert site.process.pid == 700
    assert [one for one in result.findings if one.bad] == []


async def test_two_engines_of_a_kind_with_hidden_sockets_are_two() -> None:
    machine = Machine()
    for pid, port in ((700, 11434), (701, 11500)):
        machine.process(pid, OLLAMA, uid=997)
        machine.listen(pid, port, hidden=True)
        speaks_ollama(machine, f"http://127.0.0.1:{port}")
    result = await look(machine)
    assert sorted(site.url for site in result.sites) == ["http://127.0.0.1:11434", "http://127.0.0.1:11500"]
    assert [one for one in result.findings if one.bad and one.check.startswith("engine.")] == []


async def test_a_stopped_engine_beside_one_that_answers_is_still_missed_where_sockets_are_hidden() -> None:
    machine = Machine()
    machine.process(700, OLLAMA, uid=997)
    machine.listen(700, 11434, hidden=True)
    speaks_ollama(machine)
    machine.process(701, OLLAMA, uid=997, state="T", environment={"OLLAMA_HOST": "127.0.0.1:11500"})
    result = await look(machine)
    assert [one.check for one in result.findings if one.bad and "11500" in str(one.subject)] == ["engine.responding"]


async def test_a_probe_that_hangs_costs_only_its_own_answer() -> None:
    machine = Machine()
    machine.node.answer(("dmesg",), Refusal(kind="TimedOut", what="not done within 5 s"))
    result = await look(machine)
    value = result.seen.named("log.kernel")[0].value
    assert isinstance(value, Missing)
    assert value.kind == "failed"
    assert result.seen.named("host.processes")


def in_container(machine: Machine, pid: int, *, network: str) -> None:
    """Let a process lie in a Docker container and a network of its own."""
    machine.files.put(f"/proc/{pid}/cgroup", f"0::/system.slice/docker-{'ab' * 32}.scope\n")
    machine.files.put(f"/proc/{pid}/ns/net", TapeFile(kind="link", target=network))
    machine.files.put("/proc/self/ns/net", TapeFile(kind="link", target="net:[1]"))


async def test_a_container_is_known_without_its_client() -> None:
    machine = Machine()
    machine.process(600, ("/usr/bin/docker-proxy", "-host-port", "11434"))
    machine.process(700, ("/bin/ollama", "serve"))
    machine.listen(600, 11434, "0.0.0.0")
    speaks_ollama(machine)
    in_container(machine, 700, network="net:[2]")
    (site,) = (await look(machine)).sites
    assert not isinstance(site.process, Missing)
    assert (site.process.pid, site.supervisor, site.unit) == (700, "container", "abababababab")


async def test_a_server_in_a_network_of_its_own_that_nothing_leads_to_is_no_fault() -> None:
    machine = Machine()
    machine.process(700, ("/bin/ollama", "serve"))
    in_container(machine, 700, network="net:[2]")
    assert (await look(machine)).sites == ()


async def test_inside_the_container_itself_the_engine_is_a_plain_process() -> None:
    machine = Machine()
    machine.process(700, ("/bin/ollama", "serve"))
    machine.listen(700, 11434)
    speaks_ollama(machine)
    in_container(machine, 700, network="net:[1]")
    machine.files.put("/proc/self/cgroup", f"0::/system.slice/docker-{'ab' * 32}.scope\n")
    (site,) = (await look(machine)).sites
    assert site.supervisor == "process"


async def test_a_container_that_publishes_nothing_is_asked_at_its_own_address() -> None:
    machine = Machine()
    machine.process(700, ("/bin/ollama", "serve"))
    speaks_ollama(machine, "http://172.17.0.2:11434")
    machine.containers(container("llm", "ollama/ollama", state={"Pid": 700}, ports={}))
    (site,) = (await look(machine)).sites
    assert (site.url, site.supervisor, site.unit) == ("http://172.17.0.2:11434", "container", "llm")


async def test_a_mac_with_a_brewed_engine() -> None:
    mac = RecordedNode()
    lines = (
        "    1     0     0 root             Ss   04-02:11:09 /sbin/launchd\n"
        "  512     1   501 mia              S       01:02:03 /opt/homebrew/opt/ollama/bin/ollama serve\n"
    )
    mac.answer(PS, lines)
    mac.answer(LSOF, "p512\nu501\nf5\nn127.0.0.1:11434\n")
    mac.answer(LAUNCHCTL, "PID\tStatus\tLabel\n512\t0\thomebrew.mxcl.ollama\n")
    mac.answer(("id", "-u"), "501\n")
    mac.answer(("printenv", "HOME"), "/Users/mia\n")
    mac.files.put("/bin/launchctl", b"")
    mac.files.put("/System/Library", TapeFile(kind="directory"))
    job = {"ProgramArguments": ["/opt/homebrew/opt/ollama/bin/ollama", "serve"], "KeepAlive": True}
    mac.files.put("/Users/mia/Library/LaunchAgents/homebrew.mxcl.ollama.plist", plistlib.dumps(job))
    mac.files.put("/opt/homebrew/var/log/ollama.log", "Listening on 127.0.0.1:11434 (version 0.12.3)\n")
    for path, body in (("/", "Ollama is running"), ("/api/version", '{"version":"0.12.3"}')):
        mac.reply("GET", f"http://127.0.0.1:11434{path}", body)
    for path in ("/api/tags", "/api/ps"):
        mac.reply("GET", f"http://127.0.0.1:11434{path}", '{"models":[]}')
    (site,) = (result := await survey(mac, FakeClock())).sites
    assert (site.supervisor, site.unit) == ("launchd", "homebrew.mxcl.ollama")
    assert site.start == ("launchctl", "kickstart", "gui/501/homebrew.mxcl.ollama")
    log = row_of(result.seen.value(site.ref, "engine.log"))
    assert log["where"] == "/opt/homebrew/var/log/ollama.log"
    assert result.seen.value(site.ref, "engine.listening") == ("127.0.0.1:11434",)
    assert [one.check for one in result.findings if one.bad] == []


@pytest.mark.parametrize(
    ("command", "own"),
    [
        ("/usr/bin/python -m keepwell.gateway.serve /var/lib/keepwell 7", True),
        ("python3 -m keepwell.daemon /var/lib/keepwell  8", True),
        ("/opt/venv/bin/python /opt/venv/bin/keepwell up --listen 127.0.0.1:4000", True),
        ("python -m keepwell gateway", True),
        ("keepwell diagnose", False),
        ("vllm serve up --served-model-name keepwell", False),
        ("", False),
    ],
)
def test_keepwell_itself_is_not_asked_as_an_engine(command: str, own: bool) -> None:
    assert is_own(command.split()) == own
