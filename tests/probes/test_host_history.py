"""The node's history from everything that writes it down, and the files that hold settings."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path

from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.ref import engine, node
from keepwell.core.values import row_of, rows_of, text_of
from keepwell.formats.packages import RPM_TIMES
from keepwell.formats.wtmp import SIZES
from keepwell.plugins.place import Place
from keepwell.probes.host_files import PROBE as FILES
from keepwell.probes.host_history import PROBE as HISTORY
from keepwell.probes.host_history._boots import LIST_BOOTS
from keepwell.probes.host_history._containers import EVENTS
from keepwell.probes.host_history._journal import KERNEL, MANAGER
from keepwell.testing.clock import START, FakeClock
from keepwell.testing.node import RecordedNode
from keepwell.transport.recorded.tape import TapeFile

BOX = node("box")
BOOTED = START - 5000


def machine() -> RecordedNode:
    box = RecordedNode()
    box.files.put("/proc/stat", f"btime {BOOTED:.0f}\n")
    box.answer(("date", "+%z"), "+0000\n")
    return box


def place_of(box: RecordedNode, **seen: Value) -> Place:
    rows = [
        Observation(subject=BOX, name=f"host.{name}", value=value, at=START, source="s") for name, value in seen.items()
    ]
    return Place(node=BOX, transport=box, clock=FakeClock(), seen=Seen(rows))


async def history(box: RecordedNode, **seen: Value) -> tuple[list[dict[str, Value]], dict[str, dict[str, Value]]]:
    found = {one.name: one.value for one in await HISTORY.observe(place_of(box, **seen))}
    events = [dict(row) for row in rows_of(found["host.history"])]
    sources = {text_of(row, "source"): dict(row) for row in rows_of(found["host.history_sources"])}
    return events, sources


def mark(kind: int, at: float, user: str, kernel: str) -> bytes:
    row: bytes = SIZES[384].pack(kind, 0, b"~", b"~~", user.encode(), kernel.encode(), 0, 0, 0, int(at), 0)
    return row.ljust(384, b"\0")


async def test_an_empty_node_names_every_source_that_is_not_there() -> None:
    events, sources = await history(RecordedNode())
    assert events == []
    assert {str(one["state"]) for one in sources.values()} <= {"absent", "failed"}
    assert {"/var/log/wtmp", "/var/log/dpkg.log", "docker events", "podman events"} <= set(sources)


async def test_boots_of_wtmp_with_what_came_before() -> None:
    box = machine()
    content = (
        mark(2, BOOTED - 90_000, "reboot", "6.8.0-40")
        + mark(1, BOOTED - 60, "shutdown", "6.8.0-40")
        + mark(2, BOOTED + 2, "reboot", "6.8.0-49")
        + mark(2, START - 100, "reboot", "6.8.0-49")
    )
    box.files.put("/var/log/wtmp", content)
    events, sources = await history(box)
    told = [(str(one["kind"]), str(one["what"])) for one in events]
    assert told == [
        ("boot", "the machine was started"),
        ("shutdown", "the machine was shut down"),
        ("boot", "the machine was started"),
        ("boot", "the machine was started, and was not shut down before: power, a crash or a reset"),
    ]
    assert sources["/var/log/wtmp"]["state"] == "read"


async def test_packages_of_rotated_logs_with_the_command_that_asked() -> None:
    box = machine()
    box.files.put(
        "/var/log/dpkg.log",
        "2025-12-31 12:00:01 upgrade libnvidia-compute-550:amd64 550.54 550.90\n"
        "2025-12-31 12:00:02 upgrade libc6:amd64 2.36-9 2.36-10\n"
        "2025-12-31 12:00:03 install zsh:amd64 <none> 5.9\n",
    )
    old = gzip.compress(b"2025-12-20 08:00:00 upgrade docker-ce:amd64 27.0 27.1\n")
    box.files.put("/var/log/dpkg.log.2.gz", TapeFile(pieces=((0, old),), modified_at=START - 86_400))
    box.files.put(
        "/var/log/apt/history.log",
        "Start-Date: 2025-12-31  12:00:00\nCommandline: apt-get upgrade http://ada:pw@mirror\n"
        "Requested-By: ada (1000)\n"
        "Upgrade: libc6:amd64 (2.36-9, 2.36-10)\nEnd-Date: 2025-12-31  12:00:05\n",
    )
    events, _ = await history(box)
    packages = [one for one in events if one["kind"] == "package"]
    assert [one.get("topic", "") for one in packages] == ["container", "driver", ""]
    assert packages[1]["what"] == (
        "libnvidia-compute-550 was upgraded 550.54 -> 550.90 by apt-get upgrade http://***@mirror for ada"
    )
    assert str(packages[2]["what"]).startswith("libc6, zsh were upgraded or installed by apt-get")
    assert packages[0]["sure"] == "zone"


async def test_a_node_of_rpms_without_a_log_tells_its_last_installations() -> None:
    box = machine()
    box.files.put("/var/lib/rpm/rpmdb.sqlite", "")
    box.answer(RPM_TIMES, f"{START - 60:.0f} kernel-core 6.9.4-200.fc40.x86_64\n")
    events, sources = await history(box)
    assert [(one["topic"], one["sure"]) for one in events if one["kind"] == "package"] == [("kernel", "last")]
    assert sources["rpm -qa"]["state"] == "read"


async def test_the_journal_s_units_the_kernel_s_kills_and_the_clock() -> None:
    box = machine()
    box.answer(
        MANAGER,
        f"{START - 90:.6f} box systemd[1]: Started engine.service - The engine.\n"
        f"{START - 80:.6f} box systemd[1]: Started cron.service - Regular things.\n"
        f"{START - 70:.6f} box systemd[1]: cron.service: Failed with result 'exit-code'.\n"
        f"{START - 60:.6f} box chronyd[9]: System clock wrong by 3600.5 seconds\n",
    )
    box.answer(KERNEL, f"{START - 50:.6f} box kernel: Out of memory: Killed process 7 (server) total-vm:1kB\n")
    box.answer(LIST_BOOTS, f" 0 {'0' * 32} Wed 2025-12-31 22:36:40 UTC—Thu 2026-01-01 00:00:00 UTC\n")
    events, sources = await history(box, units=({"unit": "engine.service"},))
    assert [str(one["kind"]) for one in events] == ["boot", "unit-start", "unit-failed", "clock", "oom"]
    assert events[3]["now"] == "3600.5"
    assert sources["journalctl _TRANSPORT=kernel"]["events"] == 1


async def test_without_a_journal_the_kernel_s_buffer_is_read() -> None:
    box = machine()
    box.answer(("dmesg",), "[   10.5] Out of memory: Killed process 7 (server) total-vm:1kB\n")
    events, sources = await history(box)
    assert [(one["kind"], one["at"]) for one in events] == [("boot", BOOTED), ("oom", BOOTED + 10.5)]
    assert sources["dmesg"]["state"] == "read"


async def test_events_of_containers() -> None:
    box = machine()
    row = {"Type": "container", "Action": "oom", "Actor": {"Attributes": {"name": "w\x1b[2J"}}, "time": int(START - 9)}
    box.answer(EVENTS["docker"], json.dumps(row) + "\n")
    events, _ = await history(box)
    assert events[-1]["kind"] == "oom"
    assert "\x1b" not in str(events[-1]["what"])


async def test_a_wtmp_that_is_none_is_named() -> None:
    box = machine()
    box.files.put("/var/log/wtmp", struct.pack("<40i", *range(40)))
    _, sources = await history(box)
    assert sources["/var/log/wtmp"]["state"] == "failed"
    assert "384" in str(sources["/var/log/wtmp"]["reason"])


async def test_files_of_units_containers_and_starts_by_digest() -> None:
    box = RecordedNode()
    box.files.put("/etc/systemd/system/e.service", "[Service]\nExecStart=/usr/bin/e\n")
    box.files.put("/etc/e.env", "# keys\nAPI_KEY=verysecret\nPORT=1\n")
    box.files.put("/srv/chat/compose.yaml", "services: {}\n")
    units: Value = (
        {
            "unit": "e.service",
            "fragment": "/etc/systemd/system/e.service",
            "drop_ins": ("/etc/gone.conf",),
            "environment_files": ("-/etc/e.env",),
        },
    )
    supervisor = Observation(
        subject=engine("box", "e"), name="engine.supervisor", value={"files": ("/etc/e.env",)}, at=START, source="s"
    )
    place = place_of(box, units=units, containers=({"name": "chat", "compose": "/srv/chat"},))
    seen = Seen([*place.seen, supervisor])
    (one,) = await FILES.observe(Place(node=BOX, transport=box, clock=FakeClock(), seen=seen))
    rows = {text_of(row, "path"): row_of(row) for row in rows_of(one.value)}
    assert {path: row["kind"] for path, row in rows.items()} == {
        "/etc/systemd/system/e.service": "unit",
        "/etc/e.env": "environment",
        "/srv/chat/compose.yaml": "compose",
    }
    assert rows["/etc/e.env"]["lines"] == ("API_KEY=***", "PORT=1")
    assert len(str(rows["/etc/e.env"]["digest"])) == 16
    assert "verysecret" not in str(one.value)


def test_no_reader_is_a_probe_of_its_own() -> None:
    folder = Path(__file__).resolve().parents[2] / "src" / "keepwell" / "probes" / "host_history"
    assert {path.name[0] for path in folder.glob("*.py")} == {"_"}
