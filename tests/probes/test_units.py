"""host.units: systemd's units of engines, whatever they are called, and launchd jobs."""

from __future__ import annotations

import plistlib

from hypothesis import given
from hypothesis import strategies as st

from keepwell.core.observation import Missing, Observation
from keepwell.core.ref import node
from keepwell.core.values import rows_of
from keepwell.formats.launchd import parse_launchctl
from keepwell.plugins.place import Place
from keepwell.plugins.recognise import load_engines
from keepwell.probes.units import LAUNCHCTL, LIST_FILES, PROBE, PROPERTIES
from keepwell.testing.clock import FakeClock
from keepwell.testing.node import RecordedNode
from keepwell.transport.recorded.tape import TapeFile
from tests.machines import Machine, about, unit_block

LISTED = "ollama.service enabled enabled\nmy-models.service enabled enabled\nssh.service enabled enabled\n"


def usual() -> list[str]:
    return sorted({f"{name}.service" for one in load_engines().values() for name in one.service_names})


def systemd(machine: Machine, blocks: str, *, running: tuple[str, ...] = (), listed: str = LISTED) -> None:
    machine.files.put("/run/systemd/system", TapeFile(kind="directory"))
    machine.node.answer(("systemctl", *LIST_FILES), listed)
    named = [name for name in listed.split() if name == "ollama.service"]
    wanted = list(dict.fromkeys([*running, *usual(), *named]))
    machine.node.answer(("systemctl", "show", "--no-pager", "-p", PROPERTIES, *wanted), blocks)


async def look(machine: Machine, *seen: Observation) -> Observation:
    (found,) = await PROBE.observe(machine.place(*seen))
    return found


async def test_a_unit_is_told_with_its_state_files_and_environment() -> None:
    machine = Machine()
    block = unit_block(
        "ollama.service",
        "/usr/local/bin/ollama serve",
        MainPID="700",
        User="ollama",
        NRestarts="3",
        NeedDaemonReload="yes",
        DropInPaths="/etc/systemd/system/ollama.service.d/override.conf",
        Environment='PATH=/usr/bin "OLLAMA_HOST=0.0.0.0:11434" OLLAMA_API_KEY=topsecretvalue',
        EnvironmentFiles="/etc/default/ollama (ignore_errors=yes)",
    )
    systemd(machine, block + "\n" + "Id=vllm.service\nLoadState=not-found\nActiveState=inactive\n")
    seen = await look(machine)
    (row,) = rows_of(seen.value)
    assert (row["unit"], row["engine"], row["scope"], row["main_pid"]) == ("ollama.service", "ollama", "system", 700)
    assert (row["restarts"], row["need_reload"], row["user"]) == (3, True, "ollama")
    assert row["drop_ins"] == ("/etc/systemd/system/ollama.service.d/override.conf",)
    assert row["environment_files"] == ("/etc/default/ollama",)
    assert row["environment"] == {"PATH": "/usr/bin", "OLLAMA_HOST": "0.0.0.0:11434", "OLLAMA_API_KEY": "***"}


async def test_a_unit_of_any_name_is_found_by_the_process_that_runs_in_it() -> None:
    machine = Machine()
    machine.process(700, ("/opt/bin/ollama", "serve"), cgroup="0::/system.slice/my-models.service")
    block = unit_block("my-models.service", "/opt/bin/ollama serve", MainPID="700")
    systemd(machine, block, running=("my-models.service",))
    seen = await look(machine, about("host.processes", ({"pid": 700, "argv": ("/opt/bin/ollama", "serve")},)))
    assert [row["unit"] for row in rows_of(seen.value)] == ["my-models.service"]


async def test_a_failed_unit_tells_how_it_ended() -> None:
    machine = Machine()
    block = unit_block(
        "ollama.service",
        "/usr/local/bin/ollama serve",
        ActiveState="failed",
        SubState="failed",
        Result="signal",
        ExecMainCode="2",
        ExecMainStatus="9",
    )
    systemd(machine, block)
    (row,) = rows_of((await look(machine)).value)
    assert (row["active"], row["result"], row["exit_kind"], row["exit_code"]) == ("failed", "signal", "killed", 9)


async def test_a_unit_that_only_speaks_of_an_engine_is_not_one() -> None:
    machine = Machine()
    block = unit_block("ollama-backup.service", "/usr/bin/rsync -a /usr/share/ollama /backup")
    systemd(machine, block)
    seen = await look(machine)
    assert isinstance(seen.value, Missing)
    assert seen.value.kind == "absent"
    assert "ollama.service" in seen.value.reason


async def test_the_users_own_units_count_too() -> None:
    machine = Machine()
    systemd(machine, "Id=ollama.service\nLoadState=not-found\n")
    machine.node.answer(("systemctl", "--user", *LIST_FILES), "")
    own = ("systemctl", "--user", "show", "--no-pager", "-p", PROPERTIES, *usual())
    machine.node.answer(own, unit_block("ollama.service", "/home/mia/bin/ollama serve"))
    (row,) = rows_of((await look(machine)).value)
    assert row["scope"] == "user"


async def test_without_any_service_manager_the_reason_is_told() -> None:
    seen = await look(Machine())
    assert isinstance(seen.value, Missing)
    assert seen.value.kind == "absent"


async def test_a_systemd_that_does_not_answer_is_failed() -> None:
    machine = Machine()
    machine.files.put("/run/systemd/system", TapeFile(kind="directory"))
    machine.node.answer(("systemctl", *LIST_FILES), "")
    machine.fails(("systemctl", "show", "--no-pager", "-p", PROPERTIES, *usual()), 1, "Failed to connect to bus")
    seen = await look(machine)
    assert isinstance(seen.value, Missing)
    assert "Failed to connect to bus" in seen.value.reason


async def test_a_launchd_job_is_told_with_its_logs() -> None:
    mac = RecordedNode()
    mac.files.put("/bin/launchctl", b"")
    mac.answer(LAUNCHCTL, "PID\tStatus\tLabel\n-\t0\tcom.apple.x\n512\t-9\thomebrew.mxcl.ollama\n")
    mac.answer(("id", "-u"), "501\n")
    mac.answer(("printenv", "HOME"), "/Users/mia\n")
    job = {
        "Label": "homebrew.mxcl.ollama",
        "ProgramArguments": ["/opt/homebrew/opt/ollama/bin/ollama", "serve"],
        "EnvironmentVariables": {"OLLAMA_FLASH_ATTENTION": "1"},
        "StandardErrorPath": "/opt/homebrew/var/log/ollama.log",
    }
    path = "/Users/mia/Library/LaunchAgents/homebrew.mxcl.ollama.plist"
    mac.files.put(path, plistlib.dumps(job))
    (seen,) = await PROBE.observe(Place(node=node("mac"), transport=mac, clock=FakeClock()))
    (row,) = rows_of(seen.value)
    assert (row["manager"], row["unit"], row["scope"]) == ("launchd", "homebrew.mxcl.ollama", "gui/501")
    assert (row["engine"], row["main_pid"], row["exit_code"], row["exit_kind"]) == ("ollama", 512, 9, "killed")
    assert (row["fragment"], row["logs"]) == (path, ("/opt/homebrew/var/log/ollama.log",))
    assert row["environment"] == {"OLLAMA_FLASH_ATTENTION": "1"}


@given(st.text())
def test_any_text_reads_as_launchctl_without_an_error(text: str) -> None:
    assert all(job.pid >= 0 for job in parse_launchctl(text))
