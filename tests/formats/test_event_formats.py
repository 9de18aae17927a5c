"""Parsers of what happened: local times, boots, wtmp, packages, container events, journals."""

from __future__ import annotations

import gzip
import json
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats import packages
from keepwell.formats.apt_history import parse_apt_history
from keepwell.formats.boots import parse_boots
from keepwell.formats.container_events import parse_container_events
from keepwell.formats.local_time import LocalTime, parse_offset, parse_zone
from keepwell.formats.timeline import kernel_event, parse_events
from keepwell.formats.wtmp import SIZES, parse_wtmp

BERLIN = ZoneInfo("Europe/Berlin")
#: Summer time ends in Berlin: 03:00 becomes 02:00.
TURN = datetime(2026, 10, 25, 1, 0, tzinfo=UTC).timestamp()


def local(at: float) -> datetime:
    return datetime.fromtimestamp(at, BERLIN).replace(tzinfo=None, fold=0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(min_value=-20_000, max_value=20_000), min_size=1, max_size=12))
def test_local_time_is_right_or_says_that_it_is_unsure(offsets: list[int]) -> None:
    clock = LocalTime(BERLIN)
    for offset in sorted(offsets):
        at, sure = clock.instant(local(TURN + offset))
        assert at == TURN + offset or (sure == "zone" and abs(at - TURN - offset) == 3600)
        assert (sure == "zone") == (-3600 <= offset < 3600)


def test_an_hour_that_comes_twice_is_told_apart_by_what_stood_before() -> None:
    clock = LocalTime(BERLIN)
    first = clock.instant(datetime(2026, 10, 25, 2, 50))
    second = clock.instant(datetime(2026, 10, 25, 2, 10))
    assert first == (TURN - 600, "zone")
    assert second == (TURN + 600, "zone")
    assert clock.instant(datetime(2026, 10, 25, 4, 0)) == (TURN + 7200, "exact")


def test_a_zone_is_read_from_its_file_and_from_a_word() -> None:
    path = next((one for one in ("/usr/share/zoneinfo/Europe/Berlin", "/etc/localtime") if Path(one).exists()), "")
    if not path:
        pytest.skip("no time zones on this machine")
    zone = parse_zone(Path(path).read_bytes())
    assert datetime(2026, 7, 1, tzinfo=zone).utcoffset() is not None
    assert parse_offset("+0530").utcoffset(None) == timedelta(hours=5, minutes=30)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=120) | st.binary(max_size=120).map(lambda tail: b"TZif2" + tail))
def test_rubbish_is_no_zone(content: bytes) -> None:
    try:
        parse_zone(content)
    except ValueError:
        return


def record(size: int, kind: int, at: int, user: str = "", host: str = "") -> bytes:
    row = SIZES[size].pack(kind, 0, b"~", b"~~", user.encode(), host.encode(), 0, 0, 0, at, 0)
    return row.ljust(size, b"\0")


@pytest.mark.parametrize("size", [384, 400])
def test_wtmp_of_both_sizes(size: int) -> None:
    content = b"".join(
        (
            record(size, 2, 1_767_000_000, "reboot", "6.8.0-40"),
            record(size, 7, 1_767_000_100, "ada", "10.0.0.7"),
            record(size, 1, 1_767_050_000, "shutdown", "6.8.0-40"),
            record(size, 2, 1_767_050_060, "reboot", "6.8.0-49"),
            record(size, 4, 1_767_050_100),
            record(size, 3, 1_767_053_700),
        )
    )
    found = parse_wtmp(content)
    assert [one.mark for one in found] == ["boot", "shutdown", "boot", "clock-before", "clock-after"]
    assert found[2].kernel == "6.8.0-49"
    assert found[4].at - found[3].at == 3600
    assert parse_wtmp(content + b"\x02\0cut") == found


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=1300))
def test_any_bytes_are_a_wtmp_or_a_named_error(content: bytes) -> None:
    try:
        found = parse_wtmp(content)
    except ValueError:
        return
    assert len(found) <= len(content) // 384


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([384, 400]),
    st.lists(st.tuples(st.sampled_from([1, 2, 5, 7, 8]), st.integers(1_000_000_000, 2_000_000_000)), min_size=1),
)
def test_every_boot_that_is_written_is_read(size: int, rows: list[tuple[int, int]]) -> None:
    content = b"".join(record(size, kind, at, "reboot") for kind, at in rows)
    assert [one.at for one in parse_wtmp(content)] == [float(at) for kind, at in rows if kind == 2]


def test_wtmp_layout_is_that_of_the_c_library() -> None:
    assert struct.calcsize(SIZES[384].format) == 348
    assert struct.calcsize(SIZES[400].format) == 360


OLD_BOOTS = """\
 -1 0123456789abcdef0123456789abcdef Wed 2026-11-18 10:12:13 UTC—Thu 2026-11-19 09:00:00 UTC
  0 fedcba9876543210fedcba9876543210 Thu 2026-11-19 09:01:02 UTC—Sun 2026-11-22 06:15:10 UTC
"""
NEW_BOOTS = """\
IDX BOOT ID                          FIRST ENTRY                 LAST ENTRY
 -1 0123456789abcdef0123456789abcdef Wed 2026-11-18 10:12:13 UTC Thu 2026-11-19 09:00:00 UTC
  0 fedcba9876543210fedcba9876543210 Thu 2026-11-19 09:01:02 UTC Sun 2026-11-22 06:15:10 UTC
"""


@pytest.mark.parametrize("text", [OLD_BOOTS, NEW_BOOTS])
def test_boots_of_a_journal_old_and_new(text: str) -> None:
    first, second = parse_boots(text)
    assert (first.index, second.index) == (-1, 0)
    assert first.first_at == datetime(2026, 11, 18, 10, 12, 13, tzinfo=UTC).timestamp()
    assert second.first_at - first.last_at == 62


HISTORY = """
Start-Date: 2026-05-20  16:27:19
Commandline: apt-get install -y driver-550
Requested-By: ada (1000)
Install: libx:amd64 (1.0, automatic), driver-550:amd64 (550.90-1)
Upgrade: libc6:amd64 (2.36-9+deb12u10, 2.36-9+deb12u14)
End-Date: 2026-05-20  16:27:32

Start-Date: nonsense
Install: y (1)
"""


def test_a_run_of_apt_names_who_asked_and_for_what() -> None:
    (found,) = parse_apt_history(HISTORY, LocalTime(UTC))
    assert found.command == "apt-get install -y driver-550"
    assert found.user == "ada"
    assert found.counts == {"installed": 2, "upgraded": 1}
    assert found.asked == ("driver-550", "libc6")
    assert found.until - found.at == 13


def test_zypper_and_rpm() -> None:
    text = (
        "# c\n2026-01-02 12:00:00|install|kernel-default|6.4|x86_64|root@b|repo|d|\n2026-01-02 12:01:00|remove |x|1|\n"
    )
    found = packages.parse_zypper_log(text, LocalTime(UTC))
    assert [(one.action, one.package, one.version) for one in found] == [
        ("installed", "kernel-default", "6.4"),
        ("removed", "x", "1"),
    ]
    times = packages.parse_rpm_times("1767225700 b 2-1.x86_64\n1767225600 a 1-1.noarch\ngpg-pubkey\n")
    assert [(one.package, one.sure) for one in times] == [("a", "last"), ("b", "last")]


def test_events_of_docker_and_podman() -> None:
    docker = [
        {"Type": "container", "Action": "start", "Actor": {"Attributes": {"name": "web"}}, "timeNano": 10**18},
        {
            "Type": "container",
            "Action": "health_status: unhealthy",
            "Actor": {"Attributes": {"name": "web"}},
            "time": 2,
        },
        {"Type": "container", "Action": "die", "Actor": {"Attributes": {"name": "web", "exitCode": "137"}}, "time": 3},
        {"Type": "container", "Action": "exec_start: sh", "Actor": {"Attributes": {"name": "web"}}, "time": 3},
        {"Type": "image", "Action": "pull", "id": "img:1", "Actor": {"Attributes": {"name": "img"}}, "time": 4},
    ]
    found = parse_container_events("\n".join(map(json.dumps, docker)) + "\nnot json\n[]\n", "docker")
    assert [one.kind for one in found] == ["container-start", "container-health", "container-stop", "image"]
    assert found[1].now == "unhealthy"
    assert "exit code 137" in found[2].what
    assert found[3].what == "image img:1 was pulled"
    podman = {"Name": "web", "Status": "died", "Type": "container", "time": 5, "timeNano": 5 * 10**9, "ID": "abc"}
    (died,) = parse_container_events(json.dumps(podman), "podman")
    assert (died.kind, died.about, died.at) == ("container-stop", "web", 5.0)


@settings(max_examples=80, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["Type", "Action", "Actor", "Attributes", "time", "name"]), inner, max_size=4
            )
        ),
        max_leaves=8,
    )
)
def test_any_json_is_an_event_or_none(value: object) -> None:
    assert len(parse_container_events(json.dumps(value), "docker")) <= 1


@pytest.mark.parametrize(
    ("text", "kind", "unit"),
    [
        ("systemd[1]: Stopped engine.service - The engine.", "unit-stop", "engine.service"),
        ("systemd[1]: engine.service: Failed with result 'exit-code'.", "unit-failed", "engine.service"),
        ("systemd[1]: Failed to start engine.service - The engine.", "unit-failed", "engine.service"),
        (
            "systemd[1]: engine.service: A process of this unit has been killed by the OOM killer.",
            "oom",
            "engine.service",
        ),
        ("chronyd[9]: System clock wrong by 3600.25 seconds", "clock", ""),
        ("systemd-timesyncd[9]: System clock was stepped by -2.5 seconds", "clock", ""),
        ("kernel: Out of memory: Killed process 812 (server) total-vm:1kB", "oom", "server"),
        ("kernel: gpumod: loading out-of-tree module taints kernel.", "module", "gpumod"),
        ("kernel: [drm] Initialized gpu 3.57.0 20150101 for 0000:03:00.0 on minor 0", "module", "gpu"),
    ],
)
def test_what_a_journal_tells_besides_starts(text: str, kind: str, unit: str) -> None:
    (found,) = parse_events(f"1767225600.5 box {text}\n")
    assert (found.kind, found.unit) == (kind, unit)


def test_other_programs_do_not_set_the_clock() -> None:
    assert parse_events("1.5 box app[3]: System clock wrong by 5 seconds\n") == ()
    assert kernel_event(1.0, "usb 1-1: new device") is None


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_parsed(text: str) -> None:
    parse_boots(text)
    parse_apt_history(f"Start-Date: {text}", LocalTime(UTC))
    parse_events(f"1.0 box systemd[1]: {text}")
    kernel_event(1.0, text)


def test_a_packed_log_is_bounded_and_damage_is_no_crash() -> None:
    from keepwell.probes.host_history._packages import UNPACKED_BYTES, unpack

    assert unpack(gzip.compress(b"abc")) == b"abc"
    assert len(unpack(gzip.compress(bytes(UNPACKED_BYTES + 5)))) == UNPACKED_BYTES
    assert unpack(b"rubbish") == b""
