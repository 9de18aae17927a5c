"""Arrays of the kernel, from made files of sysfs."""

from __future__ import annotations

from typing import cast

from keepwell.core.observation import Missing
from keepwell.plugins.collector import Collector, Moment
from keepwell.plugins.registry import load
from keepwell.testing.made_sight import MadeSight


def look(sight: MadeSight) -> dict[str, float | Missing]:
    looker = cast(Collector, load("collectors", "arrays")).open("box")
    readings = looker.look(sight, Moment(0.0, 0.0))
    return {f"{key.labels[0][1]} {key.metric.removeprefix('host.array_')}": value for key, value in readings}


def made(**files: str) -> dict[str, str]:
    return {f"/sys/block/md0/md/{name}": f"{content}\n" for name, content in files.items()}


def test_a_mirror_that_is_rebuilt() -> None:
    files = made(level="raid1", raid_disks="2", degraded="1", mismatch_cnt="128", sync_completed="250 / 1000")
    assert look(MadeSight(files)) == {
        "md0 disks": 2,
        "md0 missing_disks": 1,
        "md0 mismatches": 128,
        "md0 sync_ratio": 0.25,
    }


def test_one_at_rest_and_one_that_waits_for_another() -> None:
    files = made(level="raid5", raid_disks="3", degraded="0", mismatch_cnt="0", sync_completed="none")
    assert look(MadeSight(files))["md0 sync_ratio"] == 1
    assert look(MadeSight(files | made(sync_completed="delayed")))["md0 sync_ratio"] == 0


def test_a_striped_one_has_no_disk_to_lack() -> None:
    found = look(MadeSight(made(level="raid0", raid_disks="2", degraded="0")))
    assert str(found["md0 missing_disks"]) == "absent: raid0 has no disk to spare"
    assert str(found["md0 sync_ratio"]) == "absent: it is never rebuilt or checked"


def test_a_file_without_a_number_is_failed_and_no_array_gives_nothing() -> None:
    found = look(MadeSight(made(level="raid1", raid_disks="many")))
    assert str(found["md0 disks"]).startswith("failed: ")
    assert look(MadeSight({"/sys/block/sda/size": "1"})) == {}
    assert look(MadeSight({"/sys/block/md0/md/array_state": "clear"})) == {}
