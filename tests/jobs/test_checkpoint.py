"""`keepwell.checkpoint`: exactly one result an item, whatever ends the program whenever."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell import checkpoint
from keepwell.core.errors import AccessError, ConfigurationError, DamagedError, RefusedError
from keepwell.jobs import checkpoint as room
from keepwell.jobs.checkpoint import IN_A_ROW, Checkpoint, Item, ItemsFailed, make_key
from keepwell.jobs.eta import Pace, describe_progress
from keepwell.testing.waiting import eventually

T = TypeVar("T")
SCRIPT = """
import os, sys
from keepwell import checkpoint
for item in checkpoint(range(300), sys.argv[1]):
    with item:
        with open(sys.argv[2], "a") as file:
            file.write(f"{item.value}\\n")
        item.done(item.value * 2)
"""


FULL = """
import resource, signal, sys
from keepwell import checkpoint
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
for item in checkpoint(range(50), sys.argv[1]):
    with item:
        item.done("x" * 20)
"""


def read(path: Path) -> dict[str, object]:
    """The results of a file; no key twice."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    found = {row["key"]: row["result"] for row in rows}
    assert len(found) == len(rows)
    return found


def run_all(run: Checkpoint[T], work: Callable[[Item[T]], None]) -> None:
    """Every item of a run through this."""
    for item in run:
        with item:
            work(item)


def test_each_item_once_and_what_is_done_is_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "deep" / "out.jsonl"
    for item in checkpoint(["a", "b"], out):
        item.done(item.value.upper())
    seen = []
    for item in checkpoint(["a", "b", "ü\n"], out):
        with item:
            seen.append(item.value)
            item.done({"said": item.value})
    assert seen == ["ü\n"]
    assert read(out) == {"a": "A", "b": "B", "ü\n": {"said": "ü\n"}}
    assert "out.jsonl: 2 were done before" in capsys.readouterr().err


def test_kill_9_at_any_instant_loses_and_doubles_nothing(tmp_path: Path) -> None:
    out, touched = tmp_path / "out.jsonl", tmp_path / "touched"
    for kill_at in (1, 90, 180):
        child = subprocess.Popen([sys.executable, "-c", SCRIPT, out, touched], stderr=subprocess.DEVNULL)
        eventually(lambda at=kill_at: touched.exists() and touched.read_bytes().count(b"\n") >= at)
        child.send_signal(signal.SIGKILL)
        child.wait()
    subprocess.run([sys.executable, "-c", SCRIPT, out, touched], check=True, stderr=subprocess.DEVNULL)
    assert read(out) == {str(one): one * 2 for one in range(300)}
    assert len(touched.read_text().splitlines()) <= 300 + 3  # at most what was in flight at each kill


@settings(max_examples=25)
@given(st.lists(st.text(), unique=True, min_size=1, max_size=5), st.data())
def test_any_torn_tail_is_repaired(
    tmp_path_factory: pytest.TempPathFactory, items: list[str], data: st.DataObject
) -> None:
    out = tmp_path_factory.mktemp("torn") / "out.jsonl"
    for item in checkpoint(items, out, quiet=True):
        item.done()
    content = out.read_bytes()
    out.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    for item in checkpoint(items, out, quiet=True):
        item.done()
    assert read(out) == dict.fromkeys(items)


def test_errors_that_pass_are_tried_again_and_others_put_down(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    tried: list[tuple[str, int]] = []
    run = checkpoint(["shy", "bad", "good"], out, retry=(ConnectionError,), tries=2, quiet=True)

    def work(item: Item[str]) -> None:
        tried.append((item.key, item.attempt))
        if item.key == "shy" and item.attempt == 1:
            raise ConnectionResetError("gone")
        if item.key == "bad":
            raise ValueError("no audio in it")
        item.done()

    with pytest.raises(ItemsFailed, match="1 items have no result"):
        run_all(run, work)
    assert read(out) == {"shy": None, "good": None}
    assert sorted(tried) == [("bad", 1), ("good", 1), ("shy", 1), ("shy", 2)]
    assert run.failed == {"bad": "ValueError: no audio in it"}
    failed = tmp_path / "out.jsonl.failed"
    assert json.loads(failed.read_text()) == {"key": "bad", "error": "ValueError: no audio in it"}
    for item in checkpoint(["shy", "bad", "good"], out, quiet=True):
        assert item.key == "bad"
        item.done()
    assert not failed.exists()


def test_a_fault_of_all_items_ends_it_soon(tmp_path: Path) -> None:
    tried: list[int] = []

    def work(item: Item[int]) -> None:
        tried.append(item.value)
        raise NameError("transcrieb")

    with pytest.raises(ItemsFailed, match="one after another, the last by NameError"):
        run_all(checkpoint(range(1000), tmp_path / "out.jsonl", quiet=True), work)
    assert len(tried) == IN_A_ROW


def test_wrong_use_is_said(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with pytest.raises(ConfigurationError, match="two items have the key 'a'"):
        run_all(checkpoint(["a", "a"], out, quiet=True), Item.done)
    with pytest.raises(ConfigurationError, match="left without done"):
        run_all(checkpoint(["b"], out, quiet=True), lambda item: None)
    for item in checkpoint(["c"], out, quiet=True):
        item.done()
        with pytest.raises(ConfigurationError, match="done already"):
            item.done()
    for item in checkpoint(["d"], out, quiet=True):
        with pytest.raises(TypeError, match="not JSON serializable"):
            item.done(object())
        item.done("now")
    assert read(out) == {"a": None, "c": None, "d": "now"}
    with pytest.raises(ConfigurationError, match="has no name"):
        make_key(object())
    assert make_key({"b": 1, "a": 2}) == '{"a": 2, "b": 1}'
    assert make_key(Path("x/y")) == "x/y"


def test_two_programs_and_damage_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    for item in checkpoint(["a"], out, quiet=True):
        with pytest.raises(RefusedError, match="another program"):
            next(iter(checkpoint(["a"], out)))
        item.done()
    for damage, said in ((b"nonsense\n", "no result"), (b'{"key": "a"}\n{"key": "a"}\n', "a second result")):
        out.write_bytes(damage)
        with pytest.raises(DamagedError, match=said):
            next(iter(checkpoint(["a"], out)))
    with pytest.raises(AccessError, match="cannot be kept"):
        next(iter(checkpoint(["a"], Path(os.devnull) / "x")))


def test_a_full_disk_ends_it_with_what_is_done(tmp_path: Path) -> None:
    """A limit of the file's size, as a disk that has room for two results and a half."""
    out = tmp_path / "out.jsonl"
    done = subprocess.run([sys.executable, "-c", FULL, out], capture_output=True, text=True, check=False)
    assert "AccessError: a result cannot be kept: File too large" in done.stderr
    assert list(read(out)) == ["0", "1"]


def test_what_is_no_file_is_refused() -> None:
    with pytest.raises(AccessError, match="no regular file"):
        next(iter(checkpoint(["a"], "/dev/full")))


def test_the_import_is_light() -> None:
    words = "import sys, keepwell; print('keepwell.jobs' in sys.modules, len(sys.modules) < 80)"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert done.stdout == "False True\n"
    assert room.checkpoint is checkpoint


@settings(max_examples=30)
@given(st.lists(st.floats(0.001, 1000), min_size=3, max_size=30), st.integers(0, 10_000))
def test_the_expected_end_lies_in_its_interval(seconds: list[float], left: int) -> None:
    pace = Pace()
    for one in seconds:
        pace.take(one)
    told = pace.foretell(left)
    assert told is not None
    assert 0 <= told.soonest <= told.seconds * (1 + 1e-9) + 1e-9
    assert told.seconds <= told.latest + 1e-9
    assert told.seconds == pytest.approx(left * sum(seconds) / len(seconds))


def test_progress_in_words() -> None:
    pace = Pace()
    assert describe_progress(0, None, 0, pace) == "0"
    for one in (10.0, 10.0, 10.0, 10.0):
        pace.take(one)
    assert describe_progress(4, 100, 1, pace) == "4 of 100, 1 failed, 10 s each, 16 min left (16 min to 16 min)"
