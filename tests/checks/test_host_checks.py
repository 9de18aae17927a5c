"""Judgements about the host at their edges: room, read-only roots, memory, quota, instructions, what changed."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from keepwell.checks.clock import judge_timeline
from keepwell.checks.cpu import judge_flags, judge_quota
from keepwell.checks.disk import judge_executable, judge_inodes, judge_pools, judge_space, judge_writable
from keepwell.checks.limits import judge_inotify
from keepwell.checks.memory import judge_available, judge_pressure, judge_swap
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing, Observation, Seen, Value, absent
from keepwell.core.ref import Ref, engine, node

NODE, ENGINE = node("box"), engine("box", "some")
GIB = 1024**3


def _seen(*observations: tuple[Ref, str, Value | Missing]) -> Seen:
    return Seen(
        Observation(subject=ref, name=name, value=value, at=1000.0, source="t") for ref, name, value in observations
    )


def _only(findings: Iterable[Finding]) -> Finding:
    (found,) = findings
    return found


def _mounts(*rows: dict[str, Value]) -> tuple[Ref, str, Value]:
    base: dict[str, Value] = {
        "path": "/", "device": "/dev/a", "kind": "ext4", "options": ("rw",), "read_only": False,
        "total_bytes": 500 * GIB, "free_bytes": 200 * GIB, "inodes": 1000, "inodes_free": 900,
    }  # fmt: skip
    return NODE, "host.mounts", tuple({**base, **row} for row in rows)


STORE = (ENGINE, "engine.store", {"path": "/srv/models"})


@pytest.mark.parametrize(
    ("total", "free", "status"),
    [
        (500 * GIB, 200 * GIB, Status.OK),
        (8000 * GIB, 100 * GIB, Status.OK),
        (500 * GIB, 9 * GIB, Status.WARNING),
        (60 * GIB, GIB - 1, Status.WARNING),
        (4 * GIB, 2 * GIB, Status.OK),
        (64 * 1024**2, 32 * 1024**2, Status.OK),
        (64 * 1024**2, 0, Status.CRITICAL),
    ],
)
def test_room_for_models(total: int, free: int, status: Status) -> None:
    seen = _seen(_mounts({}, {"path": "/srv", "total_bytes": total, "free_bytes": free}), STORE)
    found = _only(judge_space(seen))
    assert (found.status, found.facts["path"], found.facts["mount"]) == (status, "/srv/models", "/srv")


def test_room_elsewhere_is_told_only_when_it_is_short() -> None:
    assert not list(judge_space(_seen(_mounts({}))))
    found = _only(judge_space(_seen(_mounts({"free_bytes": 0}))))
    assert (found.facts["kind"], found.facts["mount"]) == ("root", "/")


def test_a_mount_that_was_not_asked_is_not_judged() -> None:
    row: dict[str, Value] = {"path": "/srv", "kind": "nfs4", "options": (), "read_only": False, "not_asked": "network"}
    assert not list(judge_space(_seen((NODE, "host.mounts", (row,)), STORE)))


def test_inodes() -> None:
    assert _only(judge_inodes(_seen(_mounts({"inodes_free": 0}), STORE))).status is Status.CRITICAL
    assert _only(judge_inodes(_seen(_mounts({"inodes_free": 5}), STORE))).status is Status.WARNING
    assert _only(judge_inodes(_seen(_mounts({}), STORE))).status is Status.OK
    assert not list(judge_inodes(_seen(_mounts({"inodes": 0, "inodes_free": 0}), STORE))), "btrfs counts none"


@pytest.mark.parametrize(
    ("path", "kind", "store", "bad"),
    [("/", "ext4", False, True), ("/", "apfs", False, False), ("/", "overlay", False, False), ("/", "apfs", True, True),
     ("/srv", "zfs", True, True), ("/tmp", "tmpfs", False, True), ("/other", "ext4", False, False)],
)  # fmt: skip
def test_read_only(path: str, kind: str, store: bool, bad: bool) -> None:
    seen = [_mounts({"path": path, "kind": kind, "read_only": True})]
    if store:
        seen.append(STORE)
    assert any(one.bad for one in judge_writable(_seen(*seen))) is bad


def test_executable() -> None:
    assert _only(judge_executable(_seen(_mounts({})))).status is Status.OK
    found = _only(judge_executable(_seen(_mounts({}, {"path": "/tmp", "options": ("rw", "noexec")}))))
    assert (found.status, found.facts["path"], found.facts["mount"]) == (Status.WARNING, "/tmp", "/tmp")


@pytest.mark.parametrize(
    ("state", "free", "status"),
    [
        ("ONLINE", 50, Status.OK),
        ("ONLINE", 3, Status.WARNING),
        ("DEGRADED", 50, Status.WARNING),
        ("FAULTED", 50, Status.CRITICAL),
    ],
)
def test_pools(state: str, free: int, status: Status) -> None:
    rows: Value = ({"name": "tank", "state": state, "total_bytes": 100, "free_bytes": free},)
    assert _only(judge_pools(_seen((NODE, "host.pools", rows)))).status is status


@pytest.mark.parametrize(("available", "status"), [(50, Status.OK), (4, Status.WARNING), (1, Status.CRITICAL)])
def test_available_memory(available: int, status: Status) -> None:
    seen = _seen((NODE, "host.memory_available_bytes", available), (NODE, "host.memory_total_bytes", 100))
    assert _only(judge_available(seen)).status is status


@pytest.mark.parametrize(
    ("swap", "used", "available", "bad"), [(0, 0, 5, None), (10, 10, 50, False), (10, 10, 5, True), (10, 5, 5, False)]
)
def test_swap(swap: int, used: int, available: int, bad: bool | None) -> None:
    seen = _seen(
        (NODE, "host.swap_used_bytes", used),
        (NODE, "host.swap_total_bytes", swap),
        (NODE, "host.memory_total_bytes", 100),
        (NODE, "host.memory_available_bytes", available),
    )
    assert [one.bad for one in judge_swap(seen)] == [bad] * (bad is not None)


def test_an_engine_on_swap() -> None:
    seen = _seen((ENGINE, "engine.swap_bytes", 2 * GIB), (ENGINE, "engine.resident_bytes", 4 * GIB))
    assert _only(judge_swap(seen)).bad
    seen = _seen((ENGINE, "engine.swap_bytes", GIB // 8), (ENGINE, "engine.resident_bytes", 0))
    assert not _only(judge_swap(seen)).bad


@pytest.mark.parametrize(
    ("some", "full", "status"), [(0.1, 0.01, Status.OK), (0.3, 0.0, Status.WARNING), (0.5, 0.3, Status.CRITICAL)]
)
def test_pressure(some: float, full: float, status: Status) -> None:
    value: Value = {"memory": {"some_10_ratio": some, "full_10_ratio": full}}
    assert _only(judge_pressure(_seen((NODE, "host.pressure", value)))).status is status
    assert not list(judge_pressure(_seen((NODE, "host.pressure", absent("not kept")))))


@pytest.mark.parametrize(
    ("row", "bad"),
    [
        ({}, False),
        ({"cpu_quota_cores": 2.0, "periods": 1000, "throttled_periods": 500}, True),
        ({"cpu_quota_cores": 2.0, "periods": 1000, "throttled_periods": 10}, False),
        ({"cpu_quota_cores": 2.0, "periods": 10, "throttled_periods": 10}, False),
        ({"cpu_quota_cores": 16.0, "periods": 1000, "throttled_periods": 500}, False),
    ],
)
def test_quota(row: dict[str, Value], bad: bool) -> None:
    seen = _seen((ENGINE, "engine.cgroup", {"version": 2, **row}), (NODE, "host.cpu", {"cores": 8}))
    assert _only(judge_quota(seen)).bad is bad


def test_the_quota_of_our_own_group_counts_in_a_container_only() -> None:
    row: Value = {"version": 2, "cpu_quota_cores": 0.5, "periods": 1000, "throttled_periods": 900}
    assert not list(judge_quota(_seen((NODE, "host.cgroup", row))))
    found = _only(judge_quota(_seen((NODE, "host.cgroup", row), (NODE, "host.system", {"container": "docker"}))))
    assert found.bad
    assert found.facts["wished"] == "1"


@pytest.mark.parametrize(
    ("machine", "flags", "kind"),
    [
        ("x86_64", ("avx", "avx2", "fma", "f16c"), "complete"),
        ("x86_64", ("avx",), "some"),
        ("x86_64", ("sse2",), "no-avx"),
        ("aarch64", ("asimd",), ""),
        ("x86_64", (), ""),
    ],
)
def test_instructions(machine: str, flags: tuple[str, ...], kind: str) -> None:
    found = list(judge_flags(_seen((NODE, "host.cpu", {"flags": flags}), (NODE, "host.system", {"machine": machine}))))
    assert [one.facts["kind"] for one in found] == [kind] * bool(kind)


@pytest.mark.parametrize(("used", "status"), [(10, Status.OK), (110, Status.WARNING), (128, Status.CRITICAL)])
def test_inotify(used: int, status: Status) -> None:
    value: Value = {"inotify_instances": 128, "inotify_instances_used": {"0": 3, "1000": used}}
    found = _only(judge_inotify(_seen((NODE, "host.limits", value))))
    assert (found.status, found.facts["uid"]) == (status, "1000")


EVENT: dict[str, Value] = {
    "at": 500.0,
    "kind": "package",
    "topic": "engine",
    "what": "engine was upgraded",
    "version": "2",
}


def _changed(event: dict[str, Value], *more: tuple[Ref, str, Value], started: float = 100.0) -> Finding:
    seen = _seen(
        (NODE, "host.timeline", ({**EVENT, **event},)), (ENGINE, "engine.process", {"started_at": started}), *more
    )
    return _only(judge_timeline(seen))


def test_what_changed_under_an_engine() -> None:
    assert _changed({}).facts["kind"] == "engine-changed"
    assert _changed({}).bad
    assert not _changed({}, started=600.0).bad
    assert not _changed({"topic": "kernel"}).bad
    assert _changed({"topic": "kernel"}).facts["kind"] == "none"


def test_a_change_that_did_no_harm_is_told_and_not_held_against() -> None:
    fits: Value = ({"module": "1", "library": "1"},)
    found = _changed({"topic": "driver"}, (NODE, "device.driver", fits))
    assert (found.status, found.facts["kind"]) == (Status.OK, "driver-changed")
    differs: Value = ({"module": "1", "library": "2"},)
    assert _changed({"topic": "driver"}, (NODE, "device.driver", differs)).bad


def test_a_suspend_harms_when_the_gpu_does_not_work_after() -> None:
    event: dict[str, Value] = {"kind": "resume", "topic": ""}
    assert not _changed(event, (NODE, "device.runtime", ({"code": 0},))).bad
    assert _changed(event, (NODE, "device.runtime", ({"code": 999},))).bad


@pytest.mark.parametrize(
    ("supervisor", "ratio", "bad"), [("container", 0.0, True), ("container", 1.0, False), ("systemd", 0.0, False)]
)
def test_a_reload_harms_containers_that_lost_the_gpu(supervisor: str, ratio: float, bad: bool) -> None:
    found = _changed(
        {"kind": "reload", "topic": ""},
        (ENGINE, "engine.supervisor", {"kind": supervisor}),
        (ENGINE, "engine.loaded", ({"name": "m", "gpu_ratio": ratio},)),
        (NODE, "device.list", ({"index": 0},)),
    )
    assert found.bad is bad
