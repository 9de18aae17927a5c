"""Parsers of level 2: mounts, memory, packages, journals, the system, device nodes, macOS tools."""

from __future__ import annotations

import string
from datetime import UTC, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats import (
    cgroup,
    darwin,
    device_nodes,
    kernel_log,
    memory,
    mounts,
    number,
    packages,
    system,
    timeline,
)
from keepwell.formats.local_time import LocalTime

MOUNTINFO = r"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw,discard
28 27 0:30 / /mnt/with\040blank\134 rw,noexec - tmpfs tmpfs rw,size=4k
29 27 0:31 / /mnt/nas ro - nfs4 nas:/x rw
30 27 0:32 / /data rw - fuse.sshfs me@box:/ rw
31 27 0:33 / /pool rw - fuse.mergerfs a:b rw
32 27 0:34 / /data rw - xfs /dev/sdb rw
broken line
33 27 0:35
"""


def test_mounts() -> None:
    found = {one.path: one for one in mounts.parse_mountinfo(MOUNTINFO)}
    assert list(found) == ["/proc", "/", "/mnt/with blank\\", "/mnt/nas", "/pool", "/data"]
    assert found["/"].options == ("rw", "relatime", "discard")
    assert found["/data"].kind == "xfs"
    assert found["/proc"].virtual
    assert found["/mnt/nas"].remote
    assert found["/mnt/nas"].read_only
    assert not found["/pool"].remote
    assert not found["/"].remote


def test_the_mount_that_holds_a_path() -> None:
    every = mounts.parse_mountinfo(MOUNTINFO)
    for path, mount in (("/data/x", "/data"), ("/database", "/"), ("/data", "/data"), ("/", "/")):
        found = mounts.find_mount(path, every)
        assert found is not None
        assert found.path == mount
    assert mounts.find_mount("relative", every) is None


@given(st.text(alphabet=string.printable + "ä", min_size=1, max_size=20))
@settings(max_examples=60)
def test_paths_survive_the_kernel_s_escapes(path: str) -> None:
    written = "".join(f"\\{ord(c):03o}" if c in " \t\n\\" else c for c in path)
    assert mounts.unescape_path(written) == path


def test_meminfo_and_pressure() -> None:
    fields = memory.parse_meminfo("MemTotal:       65536 kB\nHugePages_Total:       3\nbroken\nActive(anon):  1 kB\n")
    assert fields == {"MemTotal": 65536 * 1024, "HugePages_Total": 3 * 1024, "Active(anon)": 1024}
    text = "some avg10=12.50 avg60=1.00 avg300=0.10 total=1\nfull avg10=0.25 avg60=0.00 avg300=0.00 total=0\n"
    assert memory.parse_pressure(text) == {
        "some_10_ratio": 0.125,
        "some_60_ratio": 0.01,
        "full_10_ratio": 0.0025,
        "full_60_ratio": 0.0,
    }


def test_dpkg_log_is_local_time() -> None:
    text = (
        "2026-01-02 12:00:00 startup archives unpack\n"
        "2026-01-02 12:00:01 upgrade libfoo:amd64 1.0-1 1.0-2\n"
        "2026-01-02 12:00:02 install bar:all <none> 3\n"
        "2026-01-02 12:00:03 remove baz:amd64 4 <none>\n"
        "2026-13-45 12:00:03 remove baz:amd64 4 <none>\n"
    )
    found = packages.parse_dpkg_log(text, LocalTime(timezone(timedelta(hours=2))))
    assert [(one.action, one.package, one.version) for one in found] == [
        ("upgraded", "libfoo", "1.0-2"),
        ("installed", "bar", "3"),
        ("removed", "baz", "4"),
    ]
    assert found[0].at == 1767355201.0 - 7200.0


def test_pacman_log() -> None:
    text = (
        "[2026-01-02T12:00:00+0200] [PACMAN] Running 'pacman -Syu'\n"
        "[2026-01-02T12:00:01+0200] [ALPM] upgraded linux (6.9.1.arch1-1 -> 6.9.2.arch1-1)\n"
        "[2026-01-02T12:00:02+0200] [ALPM] installed docker (1:27.0-1)\n"
        "[2026-01-02 12:00] [ALPM] removed old (1-1)\n"
    )
    found = packages.parse_pacman_log(text)
    assert [(one.action, one.package, one.version) for one in found] == [
        ("upgraded", "linux", "6.9.2.arch1-1"),
        ("installed", "docker", "1:27.0-1"),
        ("removed", "old", "1-1"),
    ]
    assert found[0].at == 1767348001.0


def test_dnf_log_names_the_new_package_only() -> None:
    text = (
        "2026-01-02T12:00:01+0000 SUBDEBUG Upgrade: kernel-core-6.9.4-200.fc40.x86_64\n"
        "2026-01-02T12:00:02+0000 SUBDEBUG Upgraded: kernel-core-6.9.3-200.fc40.x86_64\n"
        "2026-01-02T12:00:03+0000 INFO something\n"
        "2026-01-02T12:00:04+0000 SUBDEBUG Installed: podman-5:5.1-1.fc40.x86_64\n"
    )
    found = packages.parse_dnf_log(text)
    assert [(one.action, one.package, one.version) for one in found] == [
        ("upgraded", "kernel-core", "6.9.4-200.fc40.x86_64"),
        ("installed", "podman", "5:5.1-1.fc40.x86_64"),
    ]


@pytest.mark.parametrize(
    ("text", "kind", "unit"),
    [
        ("systemd[1]: Reloading.", "reload", ""),
        ("systemd[1]: Reloading requested from client PID 9 ('systemctl') (unit session-1.scope)...", "reload", ""),
        ("systemd[1]: Reload requested from client PID 9 ('systemctl')...", "reload", ""),
        ("systemd[1]: Started engine.service - The engine.", "unit-start", "engine.service"),
        ("systemd[1]: Started The engine.", "unit-start", "The engine"),
        ("systemd-sleep[800]: Entering sleep state 'suspend'...", "suspend", ""),
        ("systemd-sleep[800]: System returned from sleep operation 'suspend'.", "resume", ""),
        ("kernel: PM: suspend entry (deep)", "suspend", ""),
        ("kernel: PM: suspend exit", "resume", ""),
    ],
)
def test_events_of_a_journal(text: str, kind: str, unit: str) -> None:
    (found,) = timeline.parse_events(f"-- Boot x --\n1767225600.123456 box {text}\n")
    assert (found.kind, found.unit, found.at) == (kind, unit, 1767225600.123456)


def test_other_lines_of_a_journal_are_no_events() -> None:
    text = (
        "1.0 box systemd[1]: Finished x.\n1.0 box sshd[7]: Started session\nbroken\n1.0 box systemd[1]: Starting y...\n"
    )
    assert timeline.parse_events(text) == ()


def test_kernel_lines_have_wall_time() -> None:
    ring = "[    1.500000] first\n<6>[   12.250000] second: [x] y\nnothing\n"
    assert kernel_log.parse_kernel_ring(ring, 1000.0) == ((1001.5, "first"), (1012.25, "second: [x] y"))
    journal = "1767225600.5 box kernel: first\n1767225601.5 box systemd[1]: no\n"
    assert kernel_log.parse_kernel_journal(journal) == ((1767225600.5, "first"),)


def test_system_files() -> None:
    release = system.parse_os_release("# c\nNAME=\"Debian GNU/Linux\"\nID=debian\nBAD\nPRETTY_NAME='x y'\n")
    assert release == {"NAME": "Debian GNU/Linux", "ID": "debian", "PRETTY_NAME": "x y"}
    arm = "processor\t: 0\nFeatures\t: fp asimd\nprocessor\t: 1\nFeatures\t: fp asimd\n"
    assert system.parse_cpuinfo(arm) == ("", 2, ("asimd", "fp"))


def test_names_of_pci_devices() -> None:
    text = "# ids\n10dd  Evans\n\t2684  No\n10de  NVIDIA\n\t2683  Other\n\t2684  AD102\n\t\t10de 2684  Sub\n10df  X\n"
    found = system.parse_pci_names(text, ["10de:2684", "10df:2684", "ffff:0000", "", "10de:"])
    assert found == {"10de:2684": "AD102"}
    assert system.parse_pci_names("10de  NVIDIA\n\t2684  Last", ["10de:2684"]) == {"10de:2684": "Last"}


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({}, ""),
        ({"/proc/1/cgroup": "0::/init.scope"}, ""),
        ({"/.dockerenv": ""}, "docker"),
        ({"/run/.containerenv": ""}, "podman"),
        ({"/run/systemd/container": "lxc\n", "/.dockerenv": ""}, "lxc"),
        ({"/proc/1/environ": "PATH=/bin\0container=podman\0"}, "podman"),
        ({"/proc/1/cgroup": "0::/kubepods/besteffort/pod1"}, "kubepods"),
    ],
)
def test_which_container_we_are_in(files: dict[str, str], kind: str) -> None:
    assert system.guess_container(files) == kind


def test_who_may_open_a_node() -> None:
    nobody = device_nodes.Opener(uid=990, groups=frozenset({990}))
    member = device_nodes.Opener(uid=990, groups=frozenset({990, 44}))
    owner = device_nodes.Opener(uid=0, groups=frozenset({0}))
    above = device_nodes.Opener(uid=990, groups=frozenset(), privileged=True)
    assert device_nodes.may_open(0o666, 0, 0, nobody)
    assert not device_nodes.may_open(0o660, 0, 44, nobody)
    assert device_nodes.may_open(0o660, 0, 44, member)
    assert not device_nodes.may_open(0o606, 0, 44, member), "a member is judged as a member, even if others may"
    assert not device_nodes.may_open(0o440, 0, 44, member), "reading alone does not do"
    assert device_nodes.may_open(0o600, 0, 0, owner)
    assert device_nodes.may_open(0o000, 0, 0, above)


def test_numbers_of_devices_and_groups() -> None:
    text = "Character devices:\n  1 mem\n195 nvidia\n508 nvidia-uvm\n\nBlock devices:\n259 blkext\n"
    assert device_nodes.parse_majors(text) == {"mem": 1, "nvidia": 195, "nvidia-uvm": 508}
    assert device_nodes.parse_group_names("root:x:0:\nrender:x:993:a\nbad\nx:y:z:\nagain:x:993:\n") == {
        0: "root",
        993: "render",
    }


def test_device_rules_of_a_control_group() -> None:
    rules = device_nodes.parse_device_rules("c 195:* rwm\nb 8:0 rw\nc 1:3 r\nrubbish\n")
    assert device_nodes.rules_allow(rules, "195", "255")
    assert not device_nodes.rules_allow(rules, "508", "0")
    assert not device_nodes.rules_allow(rules, "1", "3")
    assert not device_nodes.rules_allow(rules, "8", "0")
    assert device_nodes.rules_allow(device_nodes.parse_device_rules("a *:* rwm\n"), "508", "0")


def test_quota_of_a_control_group() -> None:
    assert cgroup.parse_cpu_max("150000 100000\n") == 1.5
    assert cgroup.parse_cpu_max("max 100000\n") is None
    assert cgroup.parse_cpu_max("-1 100000") is None
    assert cgroup.parse_cpu_max("1 0") is None
    assert next(cgroup.controller_folders({"cpu": "/a/b", "": "/x"}, "cpu")) == (1, "/sys/fs/cgroup/cpu/a/b")
    assert list(cgroup.controller_folders({"": "/x"}, "cpu")) == [(2, "/sys/fs/cgroup/x"), (2, "/sys/fs/cgroup")]


def test_macos() -> None:
    text = (
        "Mach Virtual Memory Statistics: (page size of 16384 bytes)\nPages free: 10.\nPages inactive: 5.\nSwapins: 9.\n"
    )
    assert darwin.parse_vm_stat(text) == 15 * 16384
    assert darwin.parse_vm_stat("") is None
    assert darwin.parse_swapusage("total = 1.00M  used = 0.50M  free = 0.50M") == {
        "total": 1048576,
        "used": 524288,
        "free": 524288,
    }
    mount, data = darwin.parse_mount_list(
        "/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)\n"
        "/dev/disk3s5 on /System/Volumes/Data (apfs, local, journaled)\nx\n"
    )
    assert (mount.path, mount.kind, mount.read_only) == ("/", "apfs", True)
    assert not data.read_only


@given(st.integers(min_value=0, max_value=2**64 - 1))
def test_whole_numbers_round_trip(value: int) -> None:
    assert number.find_whole(f" {value}\n") == value


@pytest.mark.parametrize("word", ["", "-1", "1.0", "0x10", "٣", "²", "1 2", "9" * 5000])
def test_other_words_are_no_whole_numbers(word: str) -> None:
    assert number.find_whole(word) is None


@settings(max_examples=100)
@given(st.text(max_size=120) | st.lists(st.text(alphabet="0123456789 :-/.,=[]()kBmax\n\t", max_size=30)).map("\n".join))
def test_any_text_is_fine(text: str) -> None:
    mounts.parse_mountinfo(f"{text}\n1 2 3:4 / /x rw - {text}")
    memory.parse_meminfo(text)
    memory.parse_pressure(text)
    packages.parse_dpkg_log(text, LocalTime(UTC))
    packages.parse_zypper_log(text, LocalTime(UTC))
    packages.parse_rpm_times(text)
    packages.parse_pacman_log(text)
    packages.parse_dnf_log(text)
    timeline.parse_events(f"1.0 box systemd[1]: {text}")
    kernel_log.parse_kernel_ring(text, 0.0)
    kernel_log.parse_kernel_journal(text)
    system.parse_os_release(text)
    system.parse_cpuinfo(text)
    system.parse_pci_names(text, ["10de:2684", text])
    device_nodes.parse_majors(text)
    device_nodes.parse_group_names(text)
    device_nodes.parse_device_rules(text)
    darwin.parse_vm_stat(f"page size of 4096 bytes {text}")
    darwin.parse_swapusage(text)
    darwin.parse_mount_list(text)
    cgroup.parse_cpu_max(text)
