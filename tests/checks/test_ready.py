"""What checks of readiness say of what was seen."""

from __future__ import annotations

import pytest

from keepwell.core.finding import Status
from keepwell.core.observation import Observation, Value, absent, failed
from tests.checks.judging import engine_seen, findings, only
from tests.machines import about

GIB = 1024**3
NEED: dict[str, Value] = {
    "plug_in": "made",
    "title": "Made",
    "account": "made",
    "ports": (7000,),
    "memory_bytes": 8 * GIB,
    "disk_bytes": 10 * GIB,
    "gpu": "helps",
    "api": {"Maker": "12.4"},
}
CARD: dict[str, Value] = {
    "index": 0,
    "pci": "0000:01:00.0",
    "vendor": "Maker",
    "name": "Card 9",
    "kind": "discrete",
    "driver": "maker",
    "driver_wished": "maker",
    "computes": True,
}


def wanted(**more: Value) -> Observation:
    return about("ready.wanted", {**NEED, **more})


def cards(**more: Value) -> Observation:
    return about("device.list", ({**CARD, **more},))


def test_a_card_needs_a_driver_that_computes() -> None:
    assert only("ready.gpu", cards(), wanted()).status is Status.OK
    found = only("ready.gpu", cards(computes=False, driver="opens"), wanted())
    assert (found.status, found.facts["wished"]) == (Status.CRITICAL, "maker")
    assert found.facts["command"] == "lspci -nnk -s 0000:01:00.0"


def test_no_card_weighs_as_much_as_the_engine_says() -> None:
    none = about("device.list", absent("no GPU is here"))
    assert only("ready.gpu", none, wanted()).status is Status.WARNING
    assert only("ready.gpu", none, wanted(gpu="needed")).status is Status.CRITICAL
    assert only("ready.gpu", cards(kind="integrated", computes=False), wanted()).status is Status.WARNING
    assert only("ready.gpu", about("device.list", failed("no")), wanted()).status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ({"module": "550.1", "library": "550.1"}, Status.OK),
        ({"module": "550.1", "library": "535.2"}, Status.CRITICAL),
        ({"module": "550.1", "library": ""}, Status.CRITICAL),
        ({"module": "", "library": ""}, Status.OK),
        ({"module": "1", "library": "1", "problem": "parts of two systems"}, Status.CRITICAL),
    ],
)
def test_a_driver_is_of_one_version(row: dict[str, Value], status: Status) -> None:
    driver = about("device.driver", ({"vendor": "Maker", **row}, {"vendor": "Other", "module": "1", "library": "2"}))
    assert only("ready.driver", driver, cards()).status is status


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ({"code": 0, "version": "12.4"}, Status.OK),
        ({"code": 0, "version": "12.10"}, Status.OK),
        ({"code": 0, "version": "11.8"}, Status.CRITICAL),
        ({"code": 999, "name": "unknown", "version": ""}, Status.CRITICAL),
        ({"missing": "unknown", "reason": "it sleeps"}, Status.UNKNOWN),
    ],
)
def test_the_runtime_starts_and_is_new_enough(row: dict[str, Value], status: Status) -> None:
    found = only("ready.api", about("device.runtime", ({"vendor": "Maker", **row},)), wanted())
    assert found.status is status


def support(**more: Value) -> Observation:
    runtime = {"name": "docker", "version": "27.1", "problem": ""}
    usual: dict[str, Value] = {"runtimes": (runtime,), "wanted": ("Maker",), "tools": (), "specifications": ()}
    return about("host.container_support", {**usual, **more})


def test_containers_get_gpus_by_a_tool_or_a_specification() -> None:
    assert only("ready.containers", support(), cards()).facts["kind"] == "no-gpu"
    assert only("ready.containers", support(tools=({"vendor": "Maker"},)), cards()).status is Status.OK
    assert only("ready.containers", support(specifications=("/etc/cdi/a.yaml",)), cards()).status is Status.OK
    assert only("ready.containers", support(), cards(vendor="Other")).status is Status.OK


def test_a_silent_runtime_is_told_and_none_is_no_fault() -> None:
    silent = {"name": "docker", "version": "", "problem": "permission denied"}
    found = only("ready.containers", support(runtimes=(silent,)))
    assert (found.status, "permission denied" in found.message) == (Status.WARNING, True)
    assert only("ready.containers", support(runtimes=()), cards()).status is Status.OK


@pytest.mark.parametrize(("free", "status"), [(20, Status.OK), (8, Status.WARNING), (4, Status.CRITICAL)])
def test_room_is_that_of_the_roomiest_file_system_that_lasts(free: int, status: Status) -> None:
    rows: Value = (
        {"path": "/", "kind": "ext4", "free_bytes": GIB},
        {"path": "/srv", "kind": "xfs", "free_bytes": free * GIB},
        {"path": "/dev/shm", "kind": "tmpfs", "free_bytes": 900 * GIB},
        {"path": "/mnt", "kind": "ext4", "free_bytes": 900 * GIB, "read_only": True},
    )
    found = only("ready.disk", about("host.mounts", rows), wanted())
    assert (found.status, found.facts["path"]) == (status, "/srv")


@pytest.mark.parametrize(("total", "status"), [(7.7, Status.OK), (6.0, Status.WARNING), (2.0, Status.CRITICAL)])
def test_memory_of_a_machine_of_eight_gigabytes_is_enough_for_eight(total: float, status: Status) -> None:
    assert only("ready.memory", about("host.memory_total_bytes", total * GIB), wanted()).status is status


def accounts(**more: Value) -> Observation:
    row: dict[str, Value] = {"name": "made", "uid": 990, "shell": "/usr/sbin/nologin", "groups": ("made", "render")}
    return about(
        "host.accounts", ({"name": "root", "uid": 0, "shell": "/bin/sh", "groups": ("root",)}, {**row, **more})
    )


@pytest.mark.parametrize(
    ("more", "following"),
    [
        ({}, ""),
        ({"groups": ("made",)}, "usermod --append --groups render made"),
        ({"shell": "/bin/bash"}, "usermod --shell /usr/sbin/nologin made"),
        (
            {"name": "other"},
            "useradd --system --create-home --shell /usr/sbin/nologin --groups render made",
        ),
    ],
)
def test_the_account_may_use_the_gpu_and_not_log_in(more: dict[str, Value], following: str) -> None:
    nodes = about(
        "device.nodes",
        ({"there": True, "mode": 0o660, "group": "render"}, {"there": True, "mode": 0o666, "group": "video"}),
    )
    found = only("ready.account", accounts(**more), nodes, wanted())
    assert found.facts.get("next", "") == following
    assert found.bad is bool(following)
    assert not findings("ready.account", accounts(), wanted(account=""))


def test_a_port_is_free_held_or_the_engine_s_own() -> None:
    sockets = about("host.sockets", ({"address": "0.0.0.0", "port": 7000, "pid": 9},))
    processes = about("host.processes", ({"pid": 9, "argv": ("/usr/bin/other", "-x")},))
    assert only("ready.ports", about("host.sockets", ()), wanted()).status is Status.OK
    held = only("ready.ports", sockets, processes, wanted())
    assert (held.status, "other (process 9)" in held.message) == (Status.CRITICAL, True)
    site: Value = {"title": "Made", "url": "http://127.0.0.1:7000", "port": 7000, "plug_in": "made"}
    assert only("ready.ports", sockets, wanted(), *engine_seen(engine_site=site)).status is Status.OK
    other = engine_seen(engine_site={**site, "title": "Rival", "plug_in": "rival"})
    assert "held by Rival" in only("ready.ports", sockets, wanted(), *other).message


@pytest.mark.parametrize(
    ("clock", "status"),
    [
        ({"ahead_seconds": 0.3, "synchronised": True, "by": "chronyc"}, Status.OK),
        ({"ahead_seconds": -1.0}, Status.UNKNOWN),
        ({"ahead_seconds": 0.3, "synchronised": False, "by": "timedatectl"}, Status.WARNING),
        ({"ahead_seconds": -30.0, "synchronised": True, "by": "chronyc"}, Status.WARNING),
        ({"ahead_seconds": 90.0, "synchronised": True, "by": "chronyc"}, Status.CRITICAL),
    ],
)
def test_a_clock_is_right_and_kept_right(clock: Value, status: Status) -> None:
    assert only("ready.clock", about("host.clock", clock)).status is status


def test_a_clock_that_cannot_be_read_is_not_known() -> None:
    assert only("ready.clock", about("host.clock", failed("no date"))).status is Status.UNKNOWN
