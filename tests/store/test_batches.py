"""The journal of a batch: what is kept is there again, whatever ended between two steps."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.errors import AccessError, DamagedError, RefusedError
from keepwell.store.batch_bits import DoneBits
from keepwell.store.batch_output import BatchOutput
from keepwell.store.batch_state import BatchBegin, Kept, Tries
from keepwell.store.batches import FILE_NAME, FOLDER, LEASE_SECONDS, BatchJournal, make_batch_id, open_batch


def opened(folder: Path, owner: str = "here", now: float = 1000.0) -> BatchJournal:
    begin = BatchBegin(manifest={"input": "a"}, output=str(folder / "out"), errors=str(folder / "err"), total=9)
    return open_batch(folder, "job", begin, owner=owner, now=now)


def kept(number: int, trouble: str = "") -> Kept:
    return Kept(number=number, line=b"line %d\n" % number, error=b"", trouble=trouble, output_tokens=2)


def test_what_is_kept_is_there_again(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.keep([kept(0), kept(4, "server")], {2: Tries(2, 0.5, 1, 0, 1)}, 6, 1001.0)
        journal.sync()
    with opened(tmp_path) as journal:
        assert [journal.is_done(number) for number in range(6)] == [True, False, False, False, True, False]
        assert journal.find_tries(2) == Tries(2, 0.5, 1, 0, 1)
        assert (journal.find_tries(3), journal.find_tries(7)) == (Tries(attempts=1), Tries())
        assert (journal.state.troubles, journal.state.output_tokens, journal.state.done) == ({"": 1, "server": 1}, 4, 2)
        assert journal.find_unwritten(9, ordered=False) == [(0, b"line 0\n", b""), (4, b"line 4\n", b"")]
        assert [row[0] for row in journal.find_unwritten(9, ordered=True)] == [0]
        journal.wrote([0], 7, 0)
        assert [row[0] for row in journal.find_unwritten(9, ordered=True)] == []
    with opened(tmp_path) as journal:
        assert (journal.is_done(0), journal.unwritten, journal.state.output_bytes) == (True, 1, 7)


def test_an_outcome_is_kept_once(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.keep([kept(1)], {}, 2, 1001.0)
        with pytest.raises(AccessError):
            journal.keep([kept(0), kept(1)], {}, 2, 1002.0)
        assert (journal.is_done(0), journal.state.done) == (False, 1)


def test_a_runner_elsewhere_has_the_job_until_its_lease_is_over(tmp_path: Path) -> None:
    opened(tmp_path, "there", 1000.0).close()
    with pytest.raises(RefusedError, match="there works on this job"):
        opened(tmp_path, "here", 1000.0 + LEASE_SECONDS - 1)
    with opened(tmp_path, "here", 1001.0 + LEASE_SECONDS) as journal:
        assert journal.state.generation == 2


def test_one_that_was_taken_over_keeps_nothing_more(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.state.generation -= 1
        with pytest.raises(RefusedError, match="taken this job over"):
            journal.keep([kept(0)], {}, 1, 1001.0)
        assert journal.find_unwritten(9, ordered=False) == []


def test_one_that_ended_is_free_at_once(tmp_path: Path) -> None:
    with opened(tmp_path, "there") as journal:
        journal.end("stopped", 1000.0)
    opened(tmp_path, "here", 1000.5).close()


def test_damage_is_told_with_the_way_out(tmp_path: Path) -> None:
    opened(tmp_path).close()
    (tmp_path / FOLDER / "job" / FILE_NAME).write_bytes(b"not a database at all, but long enough to look at" * 30)
    with pytest.raises(DamagedError, match="--anew"):
        opened(tmp_path)


def test_outputs_of_one_name_have_jobs_of_their_own(tmp_path: Path) -> None:
    first, second = make_batch_id(tmp_path / "a" / "out.jsonl"), make_batch_id(tmp_path / "b" / "out.jsonl")
    assert first != second
    assert first.startswith("out.jsonl-")
    assert make_batch_id(tmp_path / "a" / ".." / "a" / "out.jsonl") == first


def test_a_full_disk_adds_nothing(tmp_path: Path) -> None:
    full = Path("/dev/full")
    with pytest.raises(RefusedError, match="has to be a file"):
        BatchOutput(full, 0)
    output = BatchOutput(tmp_path / "out", 0)
    output.add(b"one\n")
    with pytest.raises(RefusedError, match="another run writes"):
        BatchOutput(tmp_path / "out", 4)
    output.close()
    with pytest.raises(AccessError):
        BatchOutput(tmp_path / "none" / "out", 0)


@settings(max_examples=15)
@given(st.sets(st.integers(0, 4600), max_size=40), st.sets(st.integers(0, 4600), max_size=40))
def test_bits_are_a_set(first: set[int], second: set[int]) -> None:
    bits = DoneBits()
    bits.add(first)
    pages = dict(bits.take_changed())
    again = DoneBits(sorted(pages.items()))
    again.add(second)
    whole = DoneBits(sorted((pages | dict(again.take_changed())).items()))
    done = first | second
    for found in (again, whole):
        assert {number for number in range(4700) if number in found} == done
        assert found.low == next(number for number in range(4700) if number not in done)
