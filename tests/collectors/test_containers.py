"""Containers found by their control groups, of every kind that people run, without asking a container engine."""

from __future__ import annotations

import pytest

from keepwell.core.observation import Missing
from keepwell.testing.made_sight import MadeSight
from tests.collectors.looks import begin, look

ROOT = "/sys/fs/cgroup"
ID = "ab" * 32
GROUP = {
    "cpu.stat": "usage_usec 2000000\nthrottled_usec 500000\n",
    "memory.current": "5000\n",
    "memory.max": "max\n",
    "memory.stat": "anon 1\ninactive_file 1000\n",
    "memory.swap.current": "7\n",
    "memory.events": "oom 1\noom_kill 1\n",
    "pids.current": "12\n",
    "io.stat": "8:0 rbytes=100 wbytes=200 rios=1\n8:16 rbytes=1 wbytes=2\n",
    "memory.pressure": "some avg10=50.00 avg60=0 avg300=0 total=9\nfull avg10=1.00 avg60=0 avg300=0 total=1\n",
    "cgroup.procs": "1\n",
}


def machine(*paths: str) -> MadeSight:
    sight = MadeSight({f"{ROOT}/cgroup.controllers": "cpu memory"})
    for path in paths:
        sight.files |= {f"{ROOT}/{path}/{name}": text for name, text in GROUP.items()}
    return sight


def told(sight: MadeSight) -> dict[str, dict[str, float | Missing]]:
    found: dict[str, dict[str, float | Missing]] = {}
    for name, value in look(begin("containers"), sight).items():
        own, _, metric = name.partition(" container.")
        found.setdefault(own, {})[metric] = value
    return found


def test_all_that_is_told_of_one() -> None:
    (found,) = told(machine(f"system.slice/docker-{ID}.scope")).values()
    assert {name: value for name, value in found.items() if not isinstance(value, Missing)} == {
        "cpu_seconds_total": 2.0,
        "throttled_seconds_total": 0.5,
        "memory_bytes": 5000,
        "memory_working_bytes": 4000,
        "swap_bytes": 7,
        "oom_kills_total": 1,
        "processes": 12,
        "read_bytes_total": 101,
        "written_bytes_total": 202,
        "pressure_ratio memory": 0.5,
    }
    assert "no limit" in str(found["memory_limit_bytes"])


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"system.slice/docker-{ID}.scope", ID[:12]),
        (f"docker/{ID}", ID[:12]),
        (f"machine.slice/libpod-{ID}.scope", ID[:12]),
        (f"machine.slice/libpod-{ID}.scope/container", ID[:12]),
        (f"user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope", ID[:12]),
        (f"kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-{ID}.scope", ID[:12]),
        ("lxc/101", "101"),
        ("lxc.payload.web", "web"),
        ("machine.slice/machine-deb.scope", "deb"),
    ],
)
def test_where_containers_are(path: str, name: str) -> None:
    sight = machine(path)
    if path.endswith("/container"):
        sight.files |= {f"{ROOT}/{path.rpartition('/')[0]}/{one}": text for one, text in GROUP.items()}
    assert list(told(sight)) == [name]


def test_what_is_no_container() -> None:
    sight = machine(
        "system.slice/ssh.service", "init.scope", "user.slice/user-0.slice/session-1.scope", "lxc.monitor.a"
    )
    sight.files |= {f"{ROOT}/machine.slice/libpod-conmon-{ID}.scope/{one}": text for one, text in GROUP.items()}
    assert told(sight) == {}


def test_a_name_comes_from_who_knows_it() -> None:
    sight = machine(f"docker/{ID}")
    sight.files[f"/var/lib/docker/containers/{ID}/config.v2.json"] = '{"Args":["secret"],"Name":"/web-1","Driver":"x"}'
    assert list(told(sight)) == ["web-1"]
    sight.files["/proc/77/cgroup"] = f"0::/docker/{ID}\n"
    sight.watched = {77: "container:box/chosen", 78: "engine:box/one"}
    assert list(told(sight)) == ["chosen"]


def test_one_that_has_ended_is_told_no_more() -> None:
    sight = machine(f"docker/{ID}", "lxc/101")
    looker = begin("containers")
    look(looker, sight)
    sight.files = {path: text for path, text in sight.files.items() if "101" not in path}
    found = look(looker, sight)
    assert {name.partition(" ")[0] for name in found} == {ID[:12]}


def test_version_1() -> None:
    sight = MadeSight(
        {
            f"{ROOT}/memory/docker/{ID}/memory.usage_in_bytes": "900\n",
            f"{ROOT}/memory/docker/{ID}/memory.limit_in_bytes": "1000\n",
            f"{ROOT}/memory/docker/{ID}/memory.stat": "total_inactive_file 100\ntotal_swap 5\n",
            f"{ROOT}/cpuacct/docker/{ID}/cpuacct.usage": "3000000000\n",
            f"{ROOT}/pids/docker/{ID}/pids.current": "4\n",
        }
    )
    (found,) = told(sight).values()
    assert (found["cpu_seconds_total"], found["memory_working_bytes"], found["memory_limit_bytes"]) == (3.0, 800, 1000)
    assert "version 1" in str(found["pressure_ratio cpu"])
