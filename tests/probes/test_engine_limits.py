"""engine.limits: the process's own and its control group's, in both versions."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

from keepwell.core.observation import Missing
from keepwell.core.ref import node
from keepwell.core.values import row_of
from keepwell.plugins.place import Place, Site
from keepwell.probes.engine_limits import PROBE
from keepwell.transport.clock import SystemClock
from keepwell.transport.local import LocalTransport
from tests.machines import Machine
from tests.probes.engines import REF, PlainEngine, dead_site, place_of, process


async def look(machine: Machine) -> dict[str, object]:
    (seen,) = await PROBE.observe(place_of(machine, PlainEngine()))
    return dict(row_of(seen.value))


async def test_limits_of_the_process_are_told_and_unlimited_ones_left_out() -> None:
    machine = Machine()
    machine.process(700, ("made",), files="1024", space="2147483648")
    found = await look(machine)
    assert (found["open_files_soft"], found["open_files_hard"], found["open_files_used"]) == (1024, 524288, 2)
    assert (found["address_space_bytes"], found["address_space_used_bytes"]) == (2147483648, 600000 * 1024)
    assert "data_bytes" not in found
    assert "memory_max_bytes" not in found


async def test_a_group_of_version_2_is_limited_by_the_nearest_limit_above_it() -> None:
    machine = Machine()
    machine.process(700, ("made",), cgroup="0::/system.slice/made.service")
    inner, outer = "/sys/fs/cgroup/system.slice/made.service", "/sys/fs/cgroup/system.slice"
    machine.files.put(f"{inner}/memory.max", "max\n")
    machine.files.put(f"{inner}/memory.current", "1000\n")
    machine.files.put(f"{outer}/memory.max", "8589934592\n")
    machine.files.put(f"{outer}/memory.current", "5000\n")
    machine.files.put(f"{outer}/memory.events", "low 0\nhigh 0\nmax 7\noom 2\noom_kill 2\n")
    found = await look(machine)
    assert (found["memory_max_bytes"], found["memory_used_bytes"], found["oom_kills"]) == (8589934592, 5000, 2)
    assert (found["cgroup"], found["cgroup_version"]) == (outer, 2)


async def test_a_group_of_version_1_tells_limit_use_and_kills() -> None:
    machine = Machine()
    machine.process(700, ("made",), cgroup="5:cpu,cpuacct:/\n4:memory:/docker/abc\n1:name=systemd:/docker/abc\n0::/")
    folder = "/sys/fs/cgroup/memory/docker/abc"
    machine.files.put(f"{folder}/memory.limit_in_bytes", "1073741824\n")
    machine.files.put(f"{folder}/memory.usage_in_bytes", "1073000000\n")
    machine.files.put(f"{folder}/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
    found = await look(machine)
    assert (found["memory_max_bytes"], found["memory_used_bytes"], found["oom_kills"]) == (1073741824, 1073000000, 3)
    assert found["cgroup_version"] == 1


async def test_version_1_without_a_limit_has_none() -> None:
    machine = Machine()
    machine.process(700, ("made",), cgroup="4:memory:/")
    machine.files.put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
    machine.files.put("/sys/fs/cgroup/memory/memory.usage_in_bytes", "77\n")
    found = await look(machine)
    assert "memory_max_bytes" not in found
    assert found["memory_used_bytes"] == 77


async def test_inside_a_container_the_mount_itself_is_the_group() -> None:
    machine = Machine()
    machine.process(700, ("made",), cgroup="0::/system.slice/docker-abc.scope")
    machine.files.put("/sys/fs/cgroup/memory.max", "536870912\n")
    assert (await look(machine))["memory_max_bytes"] == 536870912


async def test_an_unreadable_process_is_failed_and_a_dead_one_missing() -> None:
    (gone,) = await PROBE.observe(place_of(Machine(), PlainEngine()))
    (dead,) = await PROBE.observe(place_of(Machine(), PlainEngine(), site=dead_site()))
    assert isinstance(gone.value, Missing)
    assert isinstance(dead.value, Missing)
    assert dead.value.reason == "nothing serves"


async def test_the_real_limits_of_a_real_process() -> None:
    transport = LocalTransport()
    limits = (resource.RLIMIT_NOFILE, (333, 333))
    child = subprocess.Popen(
        [sys.executable, "-c", f"import resource; resource.setrlimit(*{limits!r}); print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdout.readline()
        site = Site(ref=REF, engine="made", url="http://127.0.0.1:7000", process=process(pid=child.pid))
        place = Place(node=node("here"), transport=transport, clock=SystemClock(), site=site)
        (seen,) = await PROBE.observe(place)
    finally:
        child.communicate()
        await transport.close()
    found = row_of(seen.value)
    assert found["open_files_soft"] == 333
    assert os.path.isdir(str(found.get("cgroup", "/")))
