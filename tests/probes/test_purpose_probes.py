"""What only readiness and security ask: clock, accounts, runtimes, files, origins, confinement."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.observation import Missing, Observation, Value
from keepwell.core.ref import node
from keepwell.core.values import row_of, rows_of
from keepwell.plugins.place import Place
from keepwell.plugins.probe import Probe
from keepwell.probes import (
    container_support,
    engine_confinement,
    engine_cors,
    host_accounts,
    host_clock,
    served_files,
)
from keepwell.survey.timetable import Beside, Purpose, load_probes, order_probes, probes_for
from keepwell.testing.node import RecordedNode
from keepwell.transport.base import Reply
from keepwell.transport.clock import SystemClock
from keepwell.transport.local import LocalTransport
from keepwell.transport.recorded.tape import Exchange, Tape, TapeFile
from tests.machines import Machine, about
from tests.probes.engines import REF, PlainEngine, place_of


async def seen_by(probe: Probe, place: Place) -> Observation:
    (found,) = await probe.observe(place)
    return found


@pytest.mark.parametrize("purpose", ["audit", "ready"])
def test_a_purpose_has_what_its_checks_need_and_only_reads(purpose: str) -> None:
    probes = probes_for(Purpose(purpose))
    assert set(order_probes(probes)) == set(probes)
    assert {one.effect for one in probes.values()} == {"none"}
    assert {"sockets", "processes"} <= set(probes)
    other = {"audit": "host_clock", "ready": "served_files"}[purpose]
    assert other not in probes


def test_a_diagnosis_looks_at_nothing_of_them_but_a_recording_does() -> None:
    own = {"host_clock", "host_accounts", "container_support", "served_files", "engine_cors", "engine_confinement"}
    assert own.isdisjoint(load_probes(4))
    assert own <= set(probes_for(Beside(2, ("audit", "ready"))))
    assert set(load_probes(2)) <= set(probes_for(Beside(2, ("audit",))))


async def test_a_clock_that_is_behind_is_told_with_what_keeps_it() -> None:
    machine = Machine()
    machine.node.answer(host_clock.DATE, f"{int(machine.clock.now()) - 90}\n")
    machine.node.answer(host_clock.TIMEDATECTL, "NTP=no\nNTPSynchronized=no\n")
    row = row_of((await seen_by(host_clock.PROBE, machine.place())).value)
    assert row["ahead_seconds"] == pytest.approx(-90, abs=1)
    assert (row["synchronised"], row["by"]) == (False, "timedatectl")


async def test_a_clock_that_only_chrony_tells_of() -> None:
    machine = Machine()
    machine.node.answer(host_clock.DATE, f"{int(machine.clock.now())}\n")
    machine.node.answer(host_clock.CHRONYC, "A1,ntp.example,2,1.0,0.1,0,0,0,0,0,0.01,0.1,64.0,Normal\n")
    row = row_of((await seen_by(host_clock.PROBE, machine.place())).value)
    assert (row["synchronised"], row["by"]) == (True, "chronyc")
    silent = Machine()
    assert isinstance((await seen_by(host_clock.PROBE, silent.place())).value, Missing)


@settings(max_examples=40)
@given(st.text(max_size=200))
def test_any_text_is_read_without_an_error(text: str) -> None:
    host_clock.parse_timedatectl(text)
    host_clock.parse_chronyc(text)
    host_accounts.parse_accounts(text, text)
    assert len(served_files.find_secrets(text)) <= served_files.NAMES


async def test_accounts_of_the_system_are_told_and_those_of_people_are_not() -> None:
    rows = {row["name"]: row for row in rows_of((await seen_by(host_accounts.PROBE, Machine().place())).value)}
    assert rows["ollama"]["groups"] == ("ollama", "render")
    assert "mia" not in rows


async def test_runtimes_are_told_with_why_one_does_not_answer() -> None:
    machine = Machine()
    machine.fails(("docker", "version", "--format", container_support.FORMATS["docker"]), 1, "permission denied\x1b[2J")
    machine.node.answer(("podman", "version", "--format", container_support.FORMATS["podman"]), "5.4.2\n")
    machine.files.put("/etc/cdi/made.yaml", "cdiVersion: 0.6.0\n")
    row = row_of((await seen_by(container_support.PROBE, machine.place())).value)
    docker, podman = rows_of(row["runtimes"])
    assert (docker["problem"], podman["version"]) == ("permission denied\\x1b[2J", "5.4.2")
    assert row["specifications"] == ("/etc/cdi/made.yaml",)


def unit(**more: Value) -> Observation:
    return about("host.units", ({"manager": "systemd", "unit": "made.service", **more},))


async def test_modes_and_names_of_secrets_are_told_and_no_value() -> None:
    machine = Machine()
    for path, mode in (("/", 0o755), ("/etc", 0o755), ("/etc/made", 0o777), ("/root", 0o700)):
        machine.files.put(path, TapeFile(kind="directory", mode=mode))
    text = 'MADE_API_KEY="topsecret"\nHF_TOKEN=${OTHER}\n# OLD_TOKEN=gone\nMADE_PORT=7000\npassword: "hush"\n'
    machine.files.put("/etc/made/env", TapeFile(pieces=((0, text.encode()),), mode=0o644))
    machine.files.put("/root/env", TapeFile(pieces=((0, b"A_TOKEN=abc\n"),), mode=0o644))
    found = await seen_by(served_files.PROBE, machine.place(unit(environment_files=("-/etc/made/env", "/root/env"))))
    shown, hidden = rows_of(found.value)
    assert shown["secrets"] == ("MADE_API_KEY", "password")
    assert (shown["mode"], shown["loose_above"], shown["open_way"]) == ("0644", "/etc/made", True)
    assert (hidden["secrets"], hidden["open_way"]) == (("A_TOKEN",), False)
    assert "topsecret" not in repr(found)
    assert "hush" not in repr(found)


async def test_real_files_with_bad_modes_are_seen(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    program, store = tmp_path / "made", tmp_path / "models"
    program.write_bytes(b"\x7fELF")
    program.chmod(0o4755)
    store.mkdir()
    (store / "open.gguf").write_bytes(b"GGUF")
    (store / "open.gguf").chmod(0o666)
    (store / "closed.gguf").write_bytes(b"GGUF")
    seen = (
        about("engine.supervisor", {"kind": "process"}, subject=REF),
        about("engine.process", {"exe": str(program), "argv": ("made", "--api-key-file", str(program))}, subject=REF),
        about("engine.store", {"path": str(store)}, subject=REF),
    )
    local = replace(Machine().place(*seen), transport=LocalTransport(), clock=SystemClock(), node=node("node"))
    rows = {row["path"]: row for row in rows_of((await seen_by(served_files.PROBE, local)).value)}
    assert rows[str(program)]["mode"] == "4755"
    assert rows[str(store / "open.gguf")]["mode"] == "0666"
    assert str(store / "closed.gguf") not in rows


def test_a_file_of_keys_is_found_in_both_spellings() -> None:
    argv = ("made", "--api-key-file", "/a", "--ssl-key-file=/b", "--file", "/c", "--token-count", "4")
    assert served_files.key_files(argv) == ("/a", "/b")


async def test_what_an_engine_allows_a_foreign_page_is_told() -> None:
    url = f"http://127.0.0.1:7000{engine_cors.PATH}"
    headers = {"access-control-allow-origin": "*", "access-control-allow-credentials": "true"}
    exchange = Exchange(method="GET", url=url, answer=Reply(status=200, headers=headers))
    made = place_of(Machine(), PlainEngine())
    place = replace(made, transport=RecordedNode(Tape(name="node", exchanges=(exchange,))))
    row = row_of((await seen_by(engine_cors.PROBE, place)).value)
    assert (row["allowed"], row["credentials"], row["status"]) == ("*", True, 200)
    assert isinstance((await seen_by(engine_cors.PROBE, made)).value, Missing)


async def test_what_a_process_may_do_is_told_with_its_unit() -> None:
    machine = Machine()
    machine.process(700, ("made",), uid=997, gid=996)
    supervisor = about("engine.supervisor", {"kind": "systemd", "unit": "made.service", "scope": "user"}, subject=REF)
    answer = "NoNewPrivileges=yes\nProtectSystem=no\n"
    machine.node.answer(("systemctl", "--user", *engine_confinement.SHOW, "made.service"), answer)
    found = await seen_by(engine_confinement.PROBE, place_of(machine, PlainEngine(), supervisor))
    assert row_of(row_of(found.value)["unit"]) == {"NoNewPrivileges": "yes", "ProtectSystem": "no"}
