"""Journals: durable at every record, readable after a kill, one writer at a time."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from keepwell.core.errors import AccessError, DamagedError, NotThere, RefusedError
from keepwell.core.run import FOLLOWS, Item, ItemState, Run
from keepwell.store.journal import create_journal, list_runs, load_run, make_run_id, open_journal
from keepwell.testing.clock import START, FakeClock


def _run(run_id: str = "r1", *keys: str, created_at: float = START) -> Run:
    items = tuple(Item(key=key) for key in keys or ("one", "two"))
    return Run(id=run_id, kind="plan", asked_by="ann", created_at=created_at, items=items)


def test_a_run_comes_back_as_it_was_left(tmp_path: Path) -> None:
    clock = FakeClock()
    with create_journal(tmp_path, _run(), b"\x00payload\xff", clock) as journal:
        assert journal.run == _run()
        clock.advance(5)
        first = journal.run.items[0].moved("begun")
        journal.record("r1", first)
        journal.record("r1", first.moved("done", "línea\nmit\x00 everything \udcff"))
    stored = load_run(tmp_path, "r1")
    assert [(item.state, item.attempts) for item in stored.run.items] == [("done", 1), ("pending", 0)]
    assert stored.run.items[0].detail == "línea\nmit\x00 everything \\udcff"
    assert (stored.payload, stored.updated_at) == (b"\x00payload\xff", START + 5)
    with open_journal(tmp_path, "r1", clock) as again:
        assert again.run == stored.run
        assert again.payload == stored.payload
        again.record("r1", again.run.items[0].moved("undoing"))
    assert load_run(tmp_path, "r1").run.items[0].state == "undoing"


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    create_journal(tmp_path / "state", _run(), b"", FakeClock()).close()
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "state" / "runs" / "r1.run").stat().st_mode & 0o777 == 0o600
    assert [one.name for one in (tmp_path / "state" / "runs").iterdir()] == ["r1.run"]


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with create_journal(tmp_path, _run(), b"", FakeClock()):
        with pytest.raises(RefusedError, match="another keepwell"):
            open_journal(tmp_path, "r1", FakeClock())
        with pytest.raises(RefusedError, match="exists"):
            create_journal(tmp_path, _run(), b"", FakeClock())
        assert load_run(tmp_path, "r1").run == _run()
    with open_journal(tmp_path, "r1", FakeClock()), pytest.raises(RefusedError):
        open_journal(tmp_path, "r1", FakeClock())


def test_wrong_use_is_told(tmp_path: Path) -> None:
    journal = create_journal(tmp_path, _run(), b"", FakeClock())
    with pytest.raises(ValueError, match="no item"):
        journal.record("r1", Item(key="three"))
    with pytest.raises(ValueError, match="not of r2"):
        journal.record("r2", Item(key="one"))
    journal.close()
    journal.close()
    with pytest.raises(AccessError, match="closed"):
        journal.record("r1", Item(key="one"))
    with pytest.raises(NotThere):
        open_journal(tmp_path, "r9", FakeClock())
    with pytest.raises(NotThere):
        load_run(tmp_path, "r9")
    for bad in ("../r1", "", ".hidden", "a/b", "x" * 200):
        with pytest.raises(RefusedError, match="not the id"):
            load_run(tmp_path, bad)


def test_runs_are_listed_newest_first(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert list_runs(tmp_path) == ()
    for number, name in enumerate(("b", "c", "a")):
        create_journal(tmp_path, _run(name, created_at=START + number), b"", FakeClock()).close()
    (tmp_path / "runs" / "broken.run").write_bytes(b"nothing")
    with caplog.at_level("WARNING"):
        assert [one.run.id for one in list_runs(tmp_path)] == ["a", "c", "b"]
    (told,) = caplog.records
    assert told.getMessage() == "a run cannot be read"


def test_ids_sort_by_time() -> None:
    early, late = make_run_id("plan", START), make_run_id("plan", START + 1)
    assert early < late
    assert early.startswith("20260101T000000-plan-")
    assert early != make_run_id("plan", START)


def _journal_with_moves(folder: Path) -> tuple[bytes, list[Run], list[int]]:
    """The bytes of a journal, the run after each record, and the size of the file then."""
    path = folder / "runs" / "r1.run"
    with create_journal(folder, _run(), b"p", FakeClock()) as journal:
        states, sizes = [journal.run], [path.stat().st_size]
        first: tuple[ItemState, ...] = ("begun", "failed", "begun", "done")
        second: tuple[ItemState, ...] = ("begun", "undoing", "undone")
        for place, state in [*((0, one) for one in first), *((1, one) for one in second)]:
            journal.record("r1", journal.run.items[place].moved(state))
            states.append(journal.run)
            sizes.append(path.stat().st_size)
    return path.read_bytes(), states, sizes


def test_every_prefix_reopens_at_its_last_whole_record(tmp_path: Path) -> None:
    content, states, sizes = _journal_with_moves(tmp_path)
    path = tmp_path / "runs" / "r1.run"
    for cut in range(len(content) + 1):
        path.write_bytes(content[:cut])
        if cut < sizes[0]:
            with pytest.raises(DamagedError, match="first record"):
                open_journal(tmp_path, "r1", FakeClock())
            continue
        expected = max(number for number, size in enumerate(sizes) if size <= cut)
        with open_journal(tmp_path, "r1", FakeClock()) as journal:
            assert journal.run == states[expected]
        assert path.stat().st_size == sizes[expected]


def test_a_torn_tail_is_cut_and_written_over(tmp_path: Path) -> None:
    content, states, sizes = _journal_with_moves(tmp_path)
    path = tmp_path / "runs" / "r1.run"
    path.write_bytes(content[:-3] + b"\0\0\0")
    assert load_run(tmp_path, "r1").run == states[-2]
    assert path.stat().st_size == len(content)
    with open_journal(tmp_path, "r1", FakeClock()) as journal:
        item = next(one for one in journal.run.items if one.state == "undoing")
        journal.record("r1", item.moved("undone"))
    assert load_run(tmp_path, "r1").run == states[-1]
    assert path.stat().st_size == sizes[-1]


def test_damage_in_the_middle_is_named_and_nothing_is_cut(tmp_path: Path) -> None:
    content, _, sizes = _journal_with_moves(tmp_path)
    path = tmp_path / "runs" / "r1.run"
    broken = bytearray(content)
    broken[sizes[1] + 30] ^= 1
    path.write_bytes(broken)
    for look in (lambda: load_run(tmp_path, "r1"), lambda: open_journal(tmp_path, "r1", FakeClock())):
        with pytest.raises(DamagedError, match=f"byte {sizes[1]}") as caught:
            look()
        assert str(path) in str(caught.value)
    assert path.read_bytes() == broken


def test_a_lost_or_foreign_record_is_damage(tmp_path: Path) -> None:
    content, _, sizes = _journal_with_moves(tmp_path)
    path = tmp_path / "runs" / "r1.run"
    path.write_bytes(content[: sizes[1]] + content[sizes[2] :])
    with pytest.raises(DamagedError, match="record 2 is missing"):
        load_run(tmp_path, "r1")
    path.write_bytes(content)
    path.rename(path.with_name("r2.run"))
    with pytest.raises(DamagedError, match="journal of r1"):
        load_run(tmp_path, "r2")


def test_a_full_disk_leaves_the_journal_as_it_was(tmp_path: Path) -> None:
    with create_journal(tmp_path, _run(), b"", FakeClock()) as journal:
        path = tmp_path / "runs" / "r1.run"
        size = path.stat().st_size
        item = journal.run.items[0].moved("begun", "x" * 500)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, hard))
        try:
            with pytest.raises(AccessError, match="keepwell's state"):
                journal.record("r1", item)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, ignored)
        assert path.stat().st_size == size
        assert journal.run == _run()
        journal.record("r1", item)
    assert load_run(tmp_path, "r1").run.items[0] == item


KILLED = """
import sys
from pathlib import Path
from keepwell.core.run import Item, Run
from keepwell.store.journal import create_journal
from keepwell.transport.clock import SystemClock
run = Run(id="r1", kind="plan", asked_by="ann", created_at=0.0, items=(Item(key="one"),))
with create_journal(Path(sys.argv[1]), run, b"p" * 5000, SystemClock()) as journal:
    item = journal.run.items[0]
    while True:
        item = item.moved("begun", "x" * 300)
        journal.record("r1", item)
        print(item.attempts, flush=True)
"""


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    for number in range(3):
        folder = tmp_path / str(number)
        child = subprocess.Popen([sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        for _ in range(5 + 7 * number):
            told = int(child.stdout.readline())
        child.kill()
        told = int([str(told), *child.stdout.read().split()][-1])
        child.stdout.close()
        assert child.wait() == -signal.SIGKILL
        with open_journal(folder, "r1", FakeClock()) as journal:
            item = journal.run.items[0]
            assert item.attempts in (told, told + 1)
            journal.record("r1", item.moved("done"))
        assert load_run(folder, "r1").run.items[0].state == "done"


texts = st.text(max_size=20)
some_items = st.lists(st.builds(Item, key=texts, detail=texts), max_size=4, unique_by=lambda one: one.key)


@given(texts, texts, st.floats(0, 2e9), some_items, st.binary(max_size=50))
@settings(max_examples=25, deadline=None)
def test_any_head_comes_back(
    tmp_path_factory: pytest.TempPathFactory, kind: str, asked_by: str, at: float, items: list[Item], payload: bytes
) -> None:
    folder = tmp_path_factory.mktemp("state")
    run = Run(id="r", kind=kind, asked_by=asked_by, created_at=at, items=tuple(items))
    create_journal(folder, run, payload, FakeClock()).close()
    stored = load_run(folder, "r")
    assert (stored.run, stored.payload) == (run, payload)


class JournalMachine(RuleBasedStateMachine):
    """Any moves, re-openings and tears: the journal always tells what a plain list would."""

    @initialize(folder=st.just(None))
    def begin(self, folder: None) -> None:
        import tempfile

        self.home = tempfile.TemporaryDirectory()
        self.folder = Path(self.home.name)
        self.journal = create_journal(self.folder, _run(), b"", FakeClock())
        self.states = [self.journal.run]

    @rule(key=st.sampled_from(["one", "two"]), data=st.data())
    def move(self, key: str, data: st.DataObject) -> None:
        item = next(one for one in self.journal.run.items if one.key == key)
        follows: list[ItemState] = sorted(FOLLOWS[item.state])
        if follows:
            self.journal.record("r1", item.moved(data.draw(st.sampled_from(follows)), data.draw(texts)))
            self.states.append(self.journal.run)

    @rule()
    def reopen(self) -> None:
        self.journal.close()
        self.journal = open_journal(self.folder, "r1", FakeClock())
        assert self.journal.run == self.states[-1]

    @rule(torn=st.integers(1, 20))
    def tear(self, torn: int) -> None:
        if len(self.states) == 1:
            return
        self.journal.close()
        path = self.folder / "runs" / "r1.run"
        os.truncate(path, path.stat().st_size - torn)
        self.states.pop()
        self.journal = open_journal(self.folder, "r1", FakeClock())
        assert self.journal.run == self.states[-1]

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            assert load_run(self.folder, "r1").run == self.states[-1]
            self.journal.close()
            self.home.cleanup()


JournalMachine.TestCase.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
TestJournalMachine = JournalMachine.TestCase
