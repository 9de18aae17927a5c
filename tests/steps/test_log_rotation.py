"""Log rotation: the file that is written, what stands against it, and what the real logrotate does with it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from keepwell.conform.desired.look import look
from keepwell.core.observation import Missing, Seen
from keepwell.formats.logrotate import Rotation, render_rotation
from keepwell.steps.log_rotation import STEP
from keepwell.testing.rooted import RootedNode
from keepwell.testing.waiting import eventually
from keepwell.transport.base import Ran
from tests.engines.real import skip
from tests.steps.keeping import find_drift, prove

WISH = {"name": "some-engine", "paths": ("/var/log/some/*.log",), "size": "100M", "keep": 3}


def logrotate(argv: Sequence[str], root: Path) -> Ran:
    del root
    return Ran(argv=tuple(argv), code=0, stdout=b"", stderr=b"logrotate 3.21.0\n")


def make_node(tmp_path: Path, **files: str) -> RootedNode:
    folder = tmp_path / "etc" / "logrotate.d"
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name.replace("_", "-")).write_text(content)
    return RootedNode(tmp_path, programs={"logrotate": logrotate})


async def test_a_file_is_made_and_taken_back(tmp_path: Path) -> None:
    drift = await prove(STEP, WISH, make_node(tmp_path))
    assert drift.before == "(nothing)"
    assert drift.after == "/var/log/some/*.log: daily, over 100M, 3 kept, compressed, copied and emptied"


async def test_a_file_of_another_rotation_is_replaced_and_put_back(tmp_path: Path) -> None:
    old = "/var/log/some/*.log {\n  weekly\n  rotate 52\n}\n"
    drift = await prove(STEP, WISH, make_node(tmp_path, some_engine=old))
    assert "weekly, 52 kept" in drift.before


async def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    drift = await prove(STEP, WISH, RootedNode(tmp_path, programs={"logrotate": logrotate}))
    assert [one.what for one in drift.changes] == ["/etc", "/etc/logrotate.d", "/etc/logrotate.d/some-engine"]


async def test_a_log_that_another_file_rotates_is_not_rotated_twice(tmp_path: Path) -> None:
    node = make_node(tmp_path, other="# mine\n/var/log/else\n/var/log/some/*.log\n{\n daily\n}\n")
    drift = await find_drift(STEP, WISH, node)
    assert not drift.changes
    assert drift.problem == "/etc/logrotate.d/other rotates /var/log/some/*.log already: take it out there first"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"signal": "HUP"}, "needs the unit"),
        ({"signal": "HUP", "unit": "some.service", "copytruncate": True}, "either"),
        ({"copytruncate": False}, "go on writing"),
        ({"paths": ('/var/log/"x".log',)}, "cannot be told"),
        ({"paths": ()}, "no paths"),
    ],
)
async def test_wishes_that_would_lose_lines_or_say_nothing_are_refused(
    tmp_path: Path, more: dict[str, object], said: str
) -> None:
    drift = await find_drift(STEP, {**WISH, **more}, make_node(tmp_path))
    assert said in drift.problem
    assert not drift.changes


async def test_a_folder_that_others_write_in_needs_its_owner(tmp_path: Path) -> None:
    node = make_node(tmp_path)
    folder = tmp_path / "var" / "log" / "some"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    assert "say whose it is as `user`" in (await find_drift(STEP, WISH, node)).problem
    drift = await prove(STEP, {**WISH, "user": "some"}, node)
    assert b"su some some\n" in Path(node.at("/etc/logrotate.d/some-engine")).read_bytes()
    assert not drift.problem


async def test_without_logrotate_it_says_how_to_get_it(tmp_path: Path) -> None:
    drift = await find_drift(STEP, WISH, RootedNode(tmp_path))
    assert "apt-get install logrotate" in drift.problem


async def test_another_node_gets_the_same(tmp_path: Path) -> None:
    one = Rotation(paths=("/srv/a b.log",), every="weekly", copytruncate=False, signal="USR1", unit="some.service")
    node = make_node(tmp_path, taken=render_rotation(one).decode(), rich="/x {\n daily\n olddir /old\n}\n")
    looked = await look([lambda seen: STEP.needs({"name": "taken"}, seen)], node)
    wish = STEP.copy({"name": "taken", "keep": 2}, looked)
    assert wish == {
        "name": "taken",
        "keep": 2,
        "paths": ("/srv/a b.log",),
        "every": "weekly",
        "copytruncate": False,
        "signal": "USR1",
        "unit": "some.service",
    }
    assert isinstance(STEP.copy({"name": "rich"}, looked), Missing)
    assert isinstance(STEP.copy({"name": "none"}, looked), Missing)
    assert STEP.propose(Seen(), "made") == ()


def rotate(folder: Path, rotation: Rotation, *flags: str) -> str:
    """The real program over a folder of ours, with a state of its own."""
    if shutil.which("logrotate", path="/usr/sbin:/usr/bin") is None:
        skip("there is no logrotate")
    (folder / "conf").write_bytes(render_rotation(rotation))
    (folder / "conf").chmod(0o644)
    argv = ["/usr/sbin/logrotate", *flags, "-s", str(folder / "state"), str(folder / "conf")]
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30).stderr


def test_the_real_program_understands_every_line(tmp_path: Path) -> None:
    rotation = Rotation(
        paths=(f"{tmp_path}/a b.log", f"{tmp_path}/*.txt"), size="1M", max_days=9, copytruncate=False,
        signal="HUP", unit="some.service", user="root",
    )  # fmt: skip
    (tmp_path / "a b.log").write_bytes(b"x\n")
    said = rotate(tmp_path, rotation, "-d")
    assert "error" not in said.lower()
    assert "a b.log" in said


def test_the_real_program_refuses_a_folder_that_others_write_in(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        skip("logrotate asks it of root only")
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "some.log").write_bytes(b"x\n")
    with pytest.raises(subprocess.CalledProcessError) as refusal:
        rotate(tmp_path, Rotation(paths=(f"{folder}/some.log",)), "-d")
    assert "insecure permissions" in refusal.value.stderr


def test_a_writer_that_keeps_the_log_open_goes_on_in_the_emptied_one(tmp_path: Path) -> None:
    log = tmp_path / "some.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"before\n")
        rotate(tmp_path, Rotation(paths=(str(log),), compress=False), "-f")
        writer.write(b"after\n")
    assert (tmp_path / "some.log.1").read_bytes() == b"before\n"
    assert log.read_bytes() == b"after\n"


#: Writes numbered lines as fast as it can, opens its log again at SIGHUP, and says at SIGTERM how many it wrote.
#: Ready means that the first is written: an empty log would not be rotated.
WRITER = """
import os, signal, sys
again = []
ended = []
signal.signal(signal.SIGHUP, lambda *_: again.append(1))
signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
how = os.O_WRONLY | os.O_APPEND | os.O_CREAT
log, count = os.open(sys.argv[1], how), 0
while not ended:
    os.write(log, b"%d\\n" % count)
    count += 1
    if count == 1:
        print("ready", flush=True)
    if again:
        again.clear()
        os.close(log)
        log = os.open(sys.argv[1], how)
print(count, flush=True)
"""


def test_a_busy_writer_that_is_told_loses_no_line(tmp_path: Path) -> None:
    """Renamed twice while a real program writes; what it writes before it opens its log again is in the old one."""
    log, conf = tmp_path / "some.log", tmp_path / "conf"
    if shutil.which("logrotate", path="/usr/sbin:/usr/bin") is None:
        skip("there is no logrotate")
    rotation = Rotation(paths=(str(log),), copytruncate=False, signal="HUP", unit="some.service", compress=False)
    with subprocess.Popen([sys.executable, "-c", WRITER, str(log)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        told = render_rotation(rotation).decode()
        conf.write_text(re.sub(r"systemctl kill .*", f"kill -HUP {writer.pid}", told))
        conf.chmod(0o644)
        for _ in range(2):
            argv = ["/usr/sbin/logrotate", "-f", "-s", str(tmp_path / "state"), str(conf)]
            subprocess.run(argv, check=True, timeout=30)
            eventually(lambda: log.exists() and log.stat().st_size, 10, "the program opened its log again")
        writer.terminate()
        count = int(writer.stdout.readline())
    lines = [(tmp_path / name).read_text().splitlines() for name in ("some.log.2", "some.log.1", "some.log")]
    assert [int(line) for part in lines for line in part] == list(range(count))
    assert all(lines[:2])
