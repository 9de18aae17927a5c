"""What checks of security say of what was seen."""

from __future__ import annotations

import pytest

from keepwell.checks.audit.confinement import ADVISED
from keepwell.core.finding import Status
from keepwell.core.observation import Observation, Value, failed
from keepwell.core.secret import MASK
from keepwell.plugins.advice import TOLD
from keepwell.survey.judge import checks_for, load_checks
from tests.checks.judging import PROCESS, REF, engine_seen, findings, only
from tests.machines import about

OPEN = {"bare_status": 200, "wrong_status": 200, "open_to": "network", "known": False, "configured": False}
KEYED = {**OPEN, "bare_status": 401, "wrong_status": 401}


def interfaces(*addresses: str) -> Observation:
    return about("host.interfaces", ({"name": "eth0", "addresses": addresses},))


@pytest.mark.parametrize(
    ("check", "listening", "address", "status", "kind"),
    [
        (OPEN, "0.0.0.0:7000", "192.168.1.5/24", Status.WARNING, "network"),
        (OPEN, "0.0.0.0:7000", "203.0.114.5/24", Status.CRITICAL, "internet"),
        (OPEN, "[::]:7000", "2a00:1450:4001::5/64", Status.WARNING, "network"),
        ({**OPEN, "open_to": "internet"}, "203.0.114.5:7000", "203.0.114.5/24", Status.CRITICAL, "internet"),
        ({**OPEN, "open_to": "local"}, "127.0.0.1:7000", "203.0.114.5/24", Status.OK, "local"),
        (KEYED, "0.0.0.0:7000", "203.0.114.5/24", Status.OK, "internet"),
        ({**OPEN, "open_to": ""}, "", "192.168.1.5/24", Status.UNKNOWN, "unknown"),
    ],
)
def test_who_reaches_an_engine_without_a_key_decides(
    check: dict[str, Value], listening: str, address: str, status: Status, kind: str
) -> None:
    seen = engine_seen(engine_key_check=check, engine_listening=(listening,))
    found = only("audit.key", *seen, interfaces(address))
    assert (found.status, found.facts["kind"]) == (status, kind)
    assert found.facts["command"] == "curl -si http://127.0.0.1:7000/v1/models"


def test_plain_http_is_told_where_other_machines_come_and_of_a_key_that_goes_with_it() -> None:
    assert "its key" in only("audit.plain", *engine_seen(engine_key_check=KEYED)).message
    assert "its key" not in only("audit.plain", *engine_seen(engine_key_check=OPEN)).message
    assert not findings("audit.plain", *engine_seen(engine_key_check={**OPEN, "open_to": "local"}))
    site = {"title": "Made", "url": "https://10.0.0.1:7000"}
    assert not findings("audit.plain", *engine_seen(engine_key_check=OPEN, engine_site=site))


@pytest.mark.parametrize(
    ("allowed", "keys", "status"),
    [
        ("*", OPEN, Status.WARNING),
        ("https://keepwell.example", OPEN, Status.WARNING),
        ("*", KEYED, Status.OK),
        ("", OPEN, Status.OK),
        ("http://localhost", OPEN, Status.OK),
    ],
)
def test_pages_of_everybody_may_read_only_what_asks_for_a_key(
    allowed: str, keys: dict[str, Value], status: Status
) -> None:
    cors: Value = {"origin": "https://keepwell.example", "allowed": allowed, "credentials": False, "status": 200}
    assert only("audit.origin", *engine_seen(engine_cors=cors, engine_key_check=keys)).status is status


def test_what_could_not_be_looked_at_is_not_known() -> None:
    for name, check in (("engine_key_check", "audit.key"), ("engine_cors", "audit.origin")):
        found = only(check, *engine_seen(**{name: failed("late")}))
        assert (found.status, "late" in found.message) == (Status.UNKNOWN, True)


def test_a_service_that_other_machines_reach_is_told_without_a_verdict() -> None:
    site = about("service.site", {"title": "Chroma", "port": 8000, "url": "http://127.0.0.1:8000"})
    sockets = about("host.sockets", ({"address": "0.0.0.0", "port": 8000}, {"address": "127.0.0.1", "port": 9000}))
    found = only("audit.services", site, sockets)
    assert (found.status, "Chroma on port 8000" in found.message) == (Status.UNKNOWN, True)
    inside = about("host.sockets", ({"address": "127.0.0.1", "port": 8000},))
    assert not findings("audit.services", site, inside)


def test_a_container_runtime_on_the_network_is_critical() -> None:
    assert only("audit.runtime", about("host.sockets", ({"address": "0.0.0.0", "port": 2375},))).status is (
        Status.CRITICAL
    )
    assert not findings("audit.runtime", about("host.sockets", ({"address": "127.0.0.1", "port": 2375},)))


def file(**more: Value) -> Observation:
    usual: dict[str, Value] = {
        "path": "/etc/default/made",
        "kind": "environment",
        "of": "made.service",
        "entry": "file",
        "mode": "0644",
        "open_way": True,
        "loose_above": "",
        "secrets": (),
    }
    return about("host.served_files", ({**usual, **more},))


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"mode": "0666"}, Status.CRITICAL),
        ({"mode": "0777", "kind": "store", "entry": "directory"}, Status.WARNING),
        ({"loose_above": "/opt/open"}, Status.CRITICAL),
    ],
)
def test_what_any_user_can_change_is_told_with_the_way_to_close_it(more: dict[str, Value], status: Status) -> None:
    found = only("audit.writable", file(**more))
    assert found.status is status
    assert found.facts["next"] == f"chmod o-w {found.facts['path']}"
    assert found.facts["path"] == (more.get("loose_above") or "/etc/default/made")


@pytest.mark.parametrize(
    "more",
    [{}, {"mode": "1777", "kind": "store", "entry": "directory"}, {"mode": "0666", "open_way": False}, {"mode": "odd"}],
)
def test_what_others_cannot_change_is_well(more: dict[str, Value]) -> None:
    assert not findings("audit.writable", file(**more))


def test_a_setuid_program_is_critical_and_a_setgid_folder_is_not() -> None:
    assert only("audit.setuid", file(mode="4755", kind="program")).status is Status.CRITICAL
    assert not findings("audit.setuid", file(mode="2755", entry="directory", kind="store"))


def test_secrets_that_any_user_can_read_are_told_by_name() -> None:
    found = only("audit.secrets", file(secrets=("MADE_API_KEY",)))
    assert "MADE_API_KEY" in found.message
    assert only("audit.secrets", file(kind="key")).status is Status.WARNING
    for closed in ({"mode": "0640"}, {"open_way": False}, {"secrets": ()}):
        assert not findings("audit.secrets", file(**{"secrets": ("MADE_API_KEY",), **closed}))


@pytest.mark.parametrize("argv", [("made", "--api-key", MASK), ("made", f"--api-key={MASK}")])
def test_a_secret_in_a_command_line_is_told(argv: tuple[str, ...]) -> None:
    found = only("audit.told_secrets", *engine_seen(engine_process={**PROCESS, "argv": argv}))
    assert found.facts["flag"] == "--api-key"
    assert found.facts["command"] == "ps -o args= -p 700"


def test_a_secret_in_a_unit_is_told_and_one_in_a_file_is_not() -> None:
    unit: dict[str, Value] = {"manager": "systemd", "unit": "made.service", "environment": {"API_KEY": MASK, "A": "1"}}
    assert only("audit.told_secrets", about("host.units", (unit,))).facts["names"] == "API_KEY"
    assert not findings("audit.told_secrets", about("host.units", ({**unit, "environment": {"A": "1"}},)))


def test_root_is_told_but_not_of_a_container() -> None:
    process = {**PROCESS, "uid": 0, "user": "root"}
    assert only("audit.account", *engine_seen(engine_process=process)).status is Status.WARNING
    assert only("audit.account", *engine_seen(engine_process={**process, "uid": 997})).status is Status.OK
    contained = engine_seen(engine_process=process, engine_supervisor={"kind": "container", "unit": "box"})
    assert not findings("audit.account", *contained)


def test_a_unit_that_confines_nothing_gets_the_lines_that_would() -> None:
    supervisor: Value = {"kind": "systemd", "unit": "made.service", "scope": "system"}
    bare = dict.fromkeys(ADVISED, "no")
    found = only("audit.confinement", *engine_seen(engine_supervisor=supervisor, engine_confinement={"unit": bare}))
    assert found.status is Status.WARNING
    assert all(f"{name}={value}" in found.facts["next"] for name, value in ADVISED.items())
    good = {**bare, "NoNewPrivileges": "yes", "ProtectSystem": "strict"}
    found = only("audit.confinement", *engine_seen(engine_supervisor=supervisor, engine_confinement={"unit": good}))
    assert (found.status, "PrivateTmp" in found.message) == (Status.OK, True)
    assert not findings("audit.confinement", *engine_seen(engine_confinement={"pid": 1}))


def test_a_container_that_is_as_good_as_root_is_told_with_all_reasons() -> None:
    row: dict[str, Value] = {
        "name": "box",
        "runtime": "docker",
        "engine": "made",
        "state": "running",
        "image": "made:1",
    }
    bad: dict[str, Value] = {
        "privileged": True,
        "rights_added": ("CAP_SYS_ADMIN", "CHOWN"),
        "binds": ("/var/run/docker.sock", "/", "/srv/models"),
    }
    found = only("audit.containers", about("host.containers", ({**row, **bad},)))
    assert found.status is Status.CRITICAL
    for part in ("privileged", "CAP_SYS_ADMIN", "/var/run/docker.sock", "the node's /"):
        assert part in found.message
    assert "CHOWN" not in found.message
    assert "/srv/models" not in found.message
    assert only("audit.containers", about("host.containers", (row,))).status is Status.OK
    assert not findings("audit.containers", about("host.containers", ({**row, **bad, "engine": ""},)))


def test_a_bad_finding_says_where_how_to_see_it_why_and_what_next() -> None:
    for found in (
        only("audit.key", *engine_seen(engine_key_check=OPEN, engine_listening=("0.0.0.0:7000",))),
        only("audit.writable", file(mode="0666")),
        only("audit.told_secrets", *engine_seen(engine_process={**PROCESS, "argv": ("a", "--token", MASK)})),
    ):
        assert found.subject == REF or found.subject.kind == "path"
        assert [name for name in TOLD if not found.facts.get(name)] == []


def test_a_diagnosis_asks_none_of_them() -> None:
    asked = {one.id for one in load_checks(4)}
    for purpose in ("audit", "ready"):
        assert len(checks_for(purpose)) > 5
        assert asked.isdisjoint(one.id for one in checks_for(purpose))
