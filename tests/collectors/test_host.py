"""The node's own numbers: from made files with known answers, and from this machine's real ones."""

from __future__ import annotations

import os
import shutil
import time
from typing import cast

import pytest

from keepwell.core.errors import NotPermitted
from keepwell.core.metric import Metric
from keepwell.core.observation import Missing
from keepwell.formats.mounts import Mount, parse_mountinfo
from keepwell.metrics import declared
from keepwell.plugins.collector import Collector, Moment
from keepwell.plugins.registry import load
from keepwell.telemetry.held import HeldSight
from keepwell.testing.made_sight import MadeSight
from tests.collectors.looks import begin, given, look

ALL = (
    "host_cpu",
    "host_memory",
    "host_pressure",
    "host_network",
    "host_disks",
    "host_space",
    "host_limits",
    "processes",
    "containers",
)
MEMORY = """MemTotal:       1000 kB
MemFree:         100 kB
MemAvailable:    300 kB
Buffers:          10 kB
Cached:          200 kB
SwapTotal:        50 kB
SwapFree:         20 kB
Dirty:             3 kB
Shmem:            20 kB
SReclaimable:      5 kB
Mlocked:           7 kB
HugePages_Total:       0
Hugetlb:           0 kB
"""
VMSTAT = "nr_free_pages 1\npswpin 2\npswpout 3\npgmajfault 4\noom_kill 5\n"
ARC = "13 1 0x01 147\nname type data\nsize 4 {size}\nc_min 4 {least}\nc_max 4 900000\nmfu_size 4 77\n"
STAT = "cpu  {user} 10 20 {idle} 30 1 2 {steal} 5 5\ncpu0 1 2 3\ncpu1 1 2 3\nintr 5 1 2\nctxt 99\nbtime 999999000\n"
STAT += "processes 7\nprocs_running 3\nprocs_blocked 2\nsoftirq 1 2\n"


@pytest.mark.parametrize("name", ALL)
def test_what_is_told_here_is_declared_with_its_labels(name: str) -> None:
    sight = HeldSight()
    sight.watched = {os.getpid(): "engine:box/one"}
    looker = begin(name)
    seen = set()
    for clock in (0.0, 60.0):
        for key, value in looker.look(sight, Moment(time.time() + clock, clock)):
            metric = declared()[key.metric]
            assert isinstance(metric, Metric)
            assert tuple(label for label, _ in key.labels) == tuple(sorted(metric.labels))
            assert isinstance(value, Missing | float | int)
            assert isinstance(value, Missing) or value >= 0
            seen.add(key.metric)
    assert seen <= given(name)
    looker.close()
    sight.close()


@pytest.mark.parametrize("name", ALL)
def test_where_nothing_can_be_read_nothing_breaks(name: str) -> None:
    sight = MadeSight()
    sight.watched = {1: "engine:box/one", 2: "container:box/two"}
    found = look(begin(name), sight)
    assert all(isinstance(value, Missing) for value in found.values())
    assert not cast(Collector, load("collectors", name)).here_only


def test_processor() -> None:
    sight = MadeSight({"/proc/loadavg": "0.5 1.5 2.5 1/99 1"})
    looker = begin("host_cpu")
    sight.files["/proc/stat"] = STAT.format(user=1000, idle=2000, steal=7)
    first = look(looker, sight)
    assert isinstance(first["node:box host.cpu_busy_ratio"], Missing)
    assert first["node:box host.cpu_seconds_total user"] == 10.1
    assert first["node:box host.cpu_seconds_total interrupt"] == 0.03
    assert first["node:box host.cpu_seconds_total steal"] == 0.07
    assert first["node:box host.cores"] == 2
    assert first["node:box host.uptime_seconds"] == 1000.0
    assert (first["node:box host.load 5"], first["node:box host.forks_total"]) == (1.5, 7)
    assert (first["node:box host.processes_running"], first["node:box host.processes_blocked"]) == (3, 2)
    sight.files["/proc/stat"] = STAT.format(user=1100, idle=2280, steal=27)
    assert look(looker, sight, 1)["node:box host.cpu_busy_ratio"] == pytest.approx(0.3)


def test_memory() -> None:
    found = look(begin("host_memory"), MadeSight({"/proc/meminfo": MEMORY, "/proc/vmstat": VMSTAT}))
    assert found["node:box host.memory_total_bytes"] == 1024000
    assert found["node:box host.memory_available_bytes"] == 300 * 1024
    assert found["node:box host.memory_used_ratio"] == pytest.approx(0.7)
    assert found["node:box host.memory_used_bytes"] == 700 * 1024
    assert found["node:box host.memory_cached_bytes"] == 195 * 1024
    assert found["node:box host.swap_used_bytes"] == 30 * 1024
    assert found["node:box host.swap_in_bytes_total"] == 2 * 4096
    assert (found["node:box host.major_faults_total"], found["node:box host.oom_kills_total"]) == (4, 5)
    assert isinstance(found["node:box host.memory_arc_bytes"], Missing)


def test_what_zfs_can_give_back_is_available() -> None:
    arc = "/proc/spl/kstat/zfs/arcstats"
    sight = MadeSight({"/proc/meminfo": MEMORY, "/proc/vmstat": VMSTAT, arc: ARC.format(size=409600, least=102400)})
    found = look(begin("host_memory"), sight)
    assert found["node:box host.memory_available_bytes"] == 300 * 1024 + 307200
    assert found["node:box host.memory_arc_bytes"] == 409600
    sight.files[arc] = ARC.format(size=10**12, least=0)
    assert look(begin("host_memory"), sight)["node:box host.memory_available_bytes"] == 1024000
    sight.files[arc] = ARC.format(size=100, least=102400)
    assert look(begin("host_memory"), sight)["node:box host.memory_available_bytes"] == 300 * 1024


def test_in_a_container_with_its_own_meminfo_the_machines_zfs_does_not_count() -> None:
    sight = MadeSight(
        {
            "/proc/meminfo": MEMORY,
            "/proc/vmstat": VMSTAT,
            "/proc/spl/kstat/zfs/arcstats": ARC.format(size=10**12, least=0),
            "/proc/self/mountinfo": "9 8 0:42 /proc/meminfo /proc/meminfo rw,nosuid - fuse.lxcfs lxcfs rw\n",
        }
    )
    found = look(begin("host_memory"), sight)
    assert found["node:box host.memory_available_bytes"] == 300 * 1024
    assert isinstance(found["node:box host.memory_arc_bytes"], Missing)


def test_pressure() -> None:
    line = "some avg10=12.50 avg60=1.03 avg300=1.36 total=2500000\n"
    sight = MadeSight({"/proc/pressure/cpu": line, "/proc/pressure/memory": line + line.replace("some", "full")})
    found = look(begin("host_pressure"), sight)
    assert found["node:box host.pressure_ratio cpu some"] == 0.125
    assert found["node:box host.pressure_seconds_total memory full"] == 2.5
    assert "CONFIG_PSI" in str(found["node:box host.pressure_ratio io full"])
    sight.refused["/proc/pressure/cpu"] = NotPermitted("no")
    assert isinstance(look(begin("host_pressure"), sight)["node:box host.pressure_ratio cpu some"], Missing)


def test_network() -> None:
    rows = ["Inter-| Receive | Transmit", " face |bytes ..."]
    for name, base in (("lo", 1), ("eth0", 1000), ("veth12", 5), ("wlan0", 2000), ("docker0", 7), ("br-abc", 8)):
        rows.append(f"{name:>6}:" + " ".join(str(base + place) for place in range(16)))
    tcp = "Tcp: RtoAlgorithm CurrEstab RetransSegs\nTcp: 1 12 34\n"
    sight = MadeSight({"/proc/net/dev": "\n".join(rows) + "\n", "/proc/net/snmp": "Ip: Forwarding\nIp: 1\n" + tcp})
    looker = begin("host_network")
    found = look(looker, sight)
    assert found["node:box host.network_received_bytes_total eth0"] == 1000
    assert found["node:box host.network_sent_bytes_total wlan0"] == 2008
    assert found["node:box host.network_errors_total eth0"] == 1002 + 1010
    assert found["node:box host.network_drops_total eth0"] == 1003 + 1011
    assert (found["node:box host.tcp_connections"], found["node:box host.tcp_retransmits_total"]) == (12, 34)
    assert not [name for name in found if name.rpartition(" ")[2] in ("lo", "veth12", "docker0", "br-abc")]
    assert "node:box host.tcp_connections" not in look(looker, sight, 1)


def test_disks() -> None:
    text = "   8 0 sda 100 1 2048 3000 200 2 4096 5000 6 7000 1 1 1 1 1 1 1\n   8 1 sda1 9 9 9 9 9 9 9 9 9 9 9\n"
    sight = MadeSight({"/proc/diskstats": text, "/sys/block/sda/size": "1", "/sys/block/loop0/size": "1"})
    found = look(begin("host_disks"), sight)
    assert found == {
        "node:box host.disk_reads_total sda": 100,
        "node:box host.disk_read_bytes_total sda": 2048 * 512,
        "node:box host.disk_read_seconds_total sda": 3.0,
        "node:box host.disk_writes_total sda": 200,
        "node:box host.disk_written_bytes_total sda": 4096 * 512,
        "node:box host.disk_write_seconds_total sda": 5.0,
        "node:box host.disk_in_flight sda": 6,
        "node:box host.disk_busy_seconds_total sda": 7.0,
    }


MOUNTS = """1 0 8:1 / / rw - ext4 /dev/sda1 rw
2 1 8:1 /srv /mnt/bind rw - ext4 /dev/sda1 rw
3 1 0:5 / /proc rw - proc proc rw
4 1 0:6 / /models rw - nfs4 nas:/models rw
5 1 0:7 / /dev/shm rw - tmpfs tmpfs rw
6 1 0:8 / /run/user/0 rw - tmpfs tmpfs rw
7 1 0:9 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw
8 1 7:0 / /snap/core ro - squashfs /dev/loop0 ro
9 1 8:2 / /cdrom ro - vfat /dev/sdb ro
"""


def test_room() -> None:
    sight = MadeSight({"/proc/self/mountinfo": MOUNTS})
    sight.sizes = {"/": (1000, 250), "/dev/shm": (100, 100)}
    found = look(begin("host_space"), sight)
    assert found[" mount.used_ratio"] == 0.75
    assert found["shm mount.free_bytes"] == 100
    assert "hang" in str(found["models mount.total_bytes"])
    assert len(found) == 9


def test_each_file_system_counts_once() -> None:
    chosen = parse_mountinfo(MOUNTS)
    assert isinstance(chosen[0], Mount)
    paths = {key.subject for key, _ in begin("host_space").look(_here(), Moment(0, 0))}
    assert "mount:box//" in paths
    total = shutil.disk_usage("/").total
    found = look(begin("host_space"), _here())
    assert found[" mount.total_bytes"] == total


def _here() -> HeldSight:
    return HeldSight()


def test_limits_of_version_2() -> None:
    root = "/sys/fs/cgroup"
    sight = MadeSight({f"{root}/cgroup.controllers": "cpu memory", f"{root}/cpu.stat": "usage_usec 5\n"})
    found = look(begin("host_limits"), sight)
    assert "no control group" in str(found["node:box host.limit_memory_bytes"])
    sight.files |= {
        f"{root}/memory.max": "4096000\n",
        f"{root}/memory.current": "2048000\n",
        f"{root}/memory.stat": "anon 5\ninactive_file 48000\n",
        f"{root}/memory.events": "low 0\noom_kill 3\n",
        f"{root}/cpu.max": "150000 100000\n",
        f"{root}/cpu.stat": "usage_usec 5000000\nthrottled_usec 2500000\n",
    }
    assert look(begin("host_limits"), sight) == {
        "node:box host.limit_memory_bytes": 4096000,
        "node:box host.limit_memory_used_bytes": 2000000,
        "node:box host.limit_cores": 1.5,
        "node:box host.limit_throttled_seconds_total": 2.5,
        "node:box host.limit_oom_kills_total": 3,
    }


def test_limits_of_version_1() -> None:
    root = "/sys/fs/cgroup"
    sight = MadeSight(
        {
            f"{root}/memory/memory.limit_in_bytes": "1000000\n",
            f"{root}/memory/memory.usage_in_bytes": "600000\n",
            f"{root}/memory/memory.stat": "cache 1\ntotal_inactive_file 100000\ntotal_swap 5\n",
            f"{root}/memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
            f"{root}/cpu/cpu.cfs_quota_us": "-1\n",
            f"{root}/cpu/cpu.cfs_period_us": "100000\n",
            f"{root}/cpu/cpu.stat": "nr_periods 0\nnr_throttled 0\nthrottled_time 1500000000\n",
        }
    )
    found = look(begin("host_limits"), sight)
    assert found["node:box host.limit_memory_bytes"] == 1000000
    assert found["node:box host.limit_memory_used_bytes"] == 500000
    assert found["node:box host.limit_throttled_seconds_total"] == 1.5
    assert isinstance(found["node:box host.limit_cores"], Missing)
    sight.files[f"{root}/memory/memory.limit_in_bytes"] = "9223372036854771712\n"
    assert "no control group" in str(look(begin("host_limits"), sight)["node:box host.limit_cores"])
