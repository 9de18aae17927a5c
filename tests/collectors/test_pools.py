"""Pools by a program that answers as zpool does, and by the kernel's file where that hangs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from keepwell.core.observation import Missing
from keepwell.plugins.collector import Collector, Looker, Moment
from keepwell.plugins.registry import load
from keepwell.testing.made_sight import MadeSight
from keepwell.testing.waiting import eventually
from tests.formats.test_zpool import LIST, STATUS

STATES = {"/proc/spl/kstat/zfs/tank/state": "DEGRADED\n", "/proc/spl/kstat/zfs/arcstats": "13 1 0x01\n"}


@pytest.fixture
def looker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Looker]:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    made = cast(Collector, load("collectors", "pools")).open("box")
    yield made
    made.close()


def install(folder: Path, program: str) -> None:
    (folder / "list").write_text(LIST)
    (folder / "status").write_text(STATUS)
    path = folder / "zpool"
    path.write_text(f"#!/bin/sh\necho $1 >> {folder}/asked\n{program}\n")
    path.chmod(0o755)


def look(looker: Looker, clock: float) -> dict[str, float | Missing]:
    found = {}
    for key, value in looker.look(MadeSight(STATES), Moment(clock, clock)):
        labels = dict(key.labels)
        found[f"{labels['pool']} {key.metric.removeprefix('host.pool_')} {labels.get('kind', '')}".strip()] = value
    return found


def test_state_room_and_errors(tmp_path: Path, looker: Looker) -> None:
    install(tmp_path, f"exec cat {tmp_path}/$1")
    assert isinstance(look(looker, 0)["tank total_bytes"], Missing)
    eventually(lambda: look(looker, 0)["tank errors write"] == 117)
    assert look(looker, 1) == {
        "tank healthy": 0,
        "tank total_bytes": 1000,
        "tank free_bytes": 250,
        "tank used_ratio": 0.75,
        "tank fragmented_ratio": 0.31,
        "tank data_errors": 2,
        "tank errors read": 3,
        "tank errors write": 117,
        "tank errors checksum": 12,
    }
    for clock in range(2, 60):
        look(looker, clock)
    assert (tmp_path / "asked").read_text() == "list\nstatus\n"
    eventually(lambda: look(looker, 61) and (tmp_path / "asked").read_text() == "list\nstatus\nlist\nstatus\n")


def test_a_zpool_that_hangs_hides_no_state_and_is_not_started_twice(tmp_path: Path, looker: Looker) -> None:
    install(tmp_path, "exec sleep 600")
    look(looker, 0)
    eventually(lambda: (tmp_path / "asked").exists())
    for clock in range(1, 9):
        assert look(looker, clock)["tank healthy"] == 0
    assert (tmp_path / "asked").read_text() == "list\n"
    eventually(lambda: "ended" in str(look(looker, 12)["tank total_bytes"]))


def test_a_zpool_that_refuses_or_is_not_there(tmp_path: Path, looker: Looker) -> None:
    install(tmp_path, "echo 'Permission denied the ZFS utilities must be run as root.' >&2; exit 1")
    eventually(lambda: "must be run as root" in str(look(looker, 0)["tank total_bytes"]))
    (tmp_path / "zpool").unlink()
    eventually(lambda: str(look(looker, 100)["tank total_bytes"]) == "absent: zpool is not installed")


def test_without_pools_nothing_is_told_and_nothing_started(tmp_path: Path, looker: Looker) -> None:
    install(tmp_path, "exit 0")
    assert list(looker.look(MadeSight({"/proc/spl/kstat/zfs/arcstats": "x"}), Moment(0, 0))) == []
    assert not (tmp_path / "asked").exists()
