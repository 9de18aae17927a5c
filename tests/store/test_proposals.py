"""Proposals on disk: what waits, what has expired, what was broken off, and what is no proposal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.core.errors import DamagedError, NotThere, RefusedError
from keepwell.core.proposal import ENDED, FOLLOWS, LIFE_SECONDS, Proposal, make_mark
from keepwell.store.proposals import (
    KEPT,
    OUTCOME_BYTES,
    WAITING,
    add_proposal,
    bound_outcome,
    carry_out,
    change_proposal,
    list_proposals,
    load_proposal,
    make_proposal_id,
)
from keepwell.testing.waiting import eventually

NOW = 1_800_000_000.0


def make(**changes: object) -> Proposal:
    plain = Proposal(
        id=make_proposal_id(),
        operation="cordon",
        arguments={"name": "gpu01", "why": ""},
        command="keepwell cordon gpu01",
        shows=("no new work",),
        asked_by="an assistant",
        asked_at=NOW,
    )
    return replace(plain, **changes)


def test_what_is_kept_is_given_back_with_its_mark(tmp_path: Path) -> None:
    kept = add_proposal(tmp_path, make(), NOW)
    assert kept.mark == make_mark(kept)
    assert load_proposal(tmp_path, kept.id, NOW) == kept
    assert list_proposals(tmp_path, NOW) == (kept,)
    assert (tmp_path / "proposals" / f"{kept.id}.json").stat().st_mode & 0o077 == 0


def test_the_same_is_asked_for_once(tmp_path: Path) -> None:
    first = add_proposal(tmp_path, make(), NOW)
    assert add_proposal(tmp_path, make(why="again"), NOW + 1) == first
    assert add_proposal(tmp_path, make(arguments={"name": "gpu02", "why": ""}), NOW).id != first.id
    change_proposal(tmp_path, first.id, lambda one: one.moved("refused"), NOW)
    assert add_proposal(tmp_path, make(), NOW).id != first.id


def test_after_a_day_nobody_can_approve_it(tmp_path: Path) -> None:
    kept = add_proposal(tmp_path, make(), NOW)
    assert load_proposal(tmp_path, kept.id, NOW + LIFE_SECONDS - 1).stage == "waiting"
    late = load_proposal(tmp_path, kept.id, NOW + LIFE_SECONDS)
    assert (late.stage, late.ended_at) == ("expired", kept.expires_at)
    with pytest.raises(ValueError, match="may not follow"):
        change_proposal(tmp_path, kept.id, lambda one: one.moved("approved"), NOW + LIFE_SECONDS)


def test_too_many_questions_are_refused_and_old_answers_let_go(tmp_path: Path) -> None:
    for number in range(WAITING):
        add_proposal(tmp_path, make(arguments={"name": str(number)}), NOW + number)
    with pytest.raises(RefusedError, match="wait already"):
        add_proposal(tmp_path, make(arguments={"name": "one more"}), NOW)
    day = NOW + LIFE_SECONDS + WAITING
    for number in range(KEPT):
        one = add_proposal(tmp_path, make(arguments={"name": f"later {number}"}, asked_at=day + number), day)
        change_proposal(tmp_path, one.id, lambda found: found.moved("refused"), day)
    found = list_proposals(tmp_path, day)
    assert len(found) == KEPT + 1
    assert all(one.asked_at >= day for one in found[:KEPT])


@pytest.mark.parametrize(
    "spoil",
    [
        b"",
        b"{",
        b"[" * 10_000,
        b"null",
        msgspec.json.encode({"schema": "keepwell-proposal/9", "proposal": {}}),
    ],
)
def test_what_is_no_proposal_is_told_and_hides_no_other(tmp_path: Path, spoil: bytes) -> None:
    good = add_proposal(tmp_path, make(), NOW)
    bad = tmp_path / "proposals" / "00000000.json"
    bad.write_bytes(spoil)
    bad.chmod(0o600)
    with pytest.raises(DamagedError):
        load_proposal(tmp_path, "00000000", NOW)
    assert list_proposals(tmp_path, NOW) == (good,)


@pytest.mark.parametrize("name", ["", "../keys", "0000000", "0000000g", "00000000.json", "a" * 10_000])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotThere):
        load_proposal(tmp_path, name, NOW)


def test_what_somebody_changed_on_the_disk_is_not_approved(tmp_path: Path) -> None:
    kept = add_proposal(tmp_path, make(), NOW)
    path = tmp_path / "proposals" / f"{kept.id}.json"
    path.write_bytes(path.read_bytes().replace(b'"name":"gpu01"', b'"name":"gpu02"'))
    with pytest.raises(DamagedError, match="not as it was kept"):
        change_proposal(tmp_path, kept.id, lambda one: one.moved("approved"), NOW)


def test_only_one_carries_it_out(tmp_path: Path) -> None:
    kept = add_proposal(tmp_path, make(), NOW)
    with carry_out(tmp_path, kept.id):
        change_proposal(tmp_path, kept.id, lambda one: one.moved("approved").moved("running"), NOW)
        assert load_proposal(tmp_path, kept.id, NOW).stage == "running"
        with pytest.raises(RefusedError, match="being carried out"), carry_out(tmp_path, kept.id):
            pass


def test_a_process_that_is_killed_leaves_it_interrupted(tmp_path: Path) -> None:
    kept = add_proposal(tmp_path, make(), NOW)
    program = (
        "import signal, sys; from pathlib import Path\n"
        "from keepwell.store.proposals import carry_out, change_proposal\n"
        "state, name, now = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])\n"
        "with carry_out(state, name):\n"
        "    change_proposal(state, name, lambda one: one.moved('approved').moved('running'), now)\n"
        "    print('begun', flush=True); signal.pause()\n"
    )
    argv = [sys.executable, "-c", program, str(tmp_path), kept.id, str(NOW)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        assert load_proposal(tmp_path, kept.id, NOW).stage == "running"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    eventually(lambda: load_proposal(tmp_path, kept.id, NOW).stage == "interrupted")
    with pytest.raises(ValueError, match="may not follow"):
        change_proposal(tmp_path, kept.id, lambda one: one.moved("running"), NOW)


def test_a_large_outcome_is_kept_by_its_beginning() -> None:
    small: dict[str, object] = {"schema": "a/1", "exit_code": 0, "rows": ["x"]}
    assert bound_outcome(small) == small
    large = bound_outcome({"schema": "a/1", "exit_code": 2, "rows": ["x" * OUTCOME_BYTES]})
    assert (large["schema"], large["exit_code"]) == ("a/1", 2)
    assert len(msgspec.json.encode(large)) < 1000


def test_nothing_follows_an_end() -> None:
    assert all(not FOLLOWS[one] for one in ENDED)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_proposal_or_told(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    state = tmp_path_factory.mktemp("state")
    path = state / "proposals" / "00000000.json"
    path.parent.mkdir()
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(DamagedError):
        load_proposal(state, "00000000", NOW)
