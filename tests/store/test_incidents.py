"""Incidents: kept whole or not at all, private, and a damaged one harms no other."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.errors import DamagedError, NotThere, RefusedError
from keepwell.store.incidents import (
    FOLDER,
    NOTES,
    TEXT_BYTES,
    Closing,
    Incident,
    Label,
    Note,
    Relook,
    Suspect,
    Symptom,
    add_incident,
    add_note,
    bundle_path,
    change_incident,
    list_incidents,
    load_evidence,
    load_incident,
    make_incident_id,
    parse_incident,
    render_incident,
)
from keepwell.testing.clock import START

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
LABELS: st.SearchStrategy[Label] = st.sampled_from(("said", "well", "confirmed", "came-back"))
RELOOKS = st.builds(Relook, at=st.floats(0, 1e10), well=st.booleans(), said=TEXTS)
CLOSINGS = st.builds(
    Closing,
    at=st.floats(0, 1e10),
    cause=TEXTS,
    fixed_by=TEXTS,
    label=LABELS,
    soak_seconds=st.floats(0, 1e6),
    relooks=st.lists(RELOOKS, max_size=2).map(tuple),
)
SUSPECTS = st.builds(Suspect, issue=TEXTS, confidence=st.floats(0, 1), spoke_for=st.lists(TEXTS, max_size=2).map(tuple))


def make(name: str = "i20260101-0a0b0c", **more: Any) -> Incident:
    return replace(Incident(id=name, what="it hangs", opened_at=START, source="text"), **more)


@settings(max_examples=40, deadline=None)
@given(what=TEXTS, gist=TEXTS, suspects=st.lists(SUSPECTS, max_size=3).map(tuple), closing=st.none() | CLOSINGS)
def test_a_record_comes_back_as_it_was(
    what: str, gist: str, suspects: tuple[Suspect, ...], closing: Closing | None
) -> None:
    incident = Incident(
        id="i20260101-0a0b0c",
        what=what,
        opened_at=START,
        source="look",
        gist=gist,
        suspects=suspects,
        symptoms=(Symptom(check="a.b", subject="node:box", message=what),),
        closing=closing,
    )
    assert parse_incident(render_incident(incident)) == incident


def test_it_is_kept_with_its_evidence_for_its_owner_alone(tmp_path: Path) -> None:
    incident = make()
    add_incident(tmp_path, incident, b"it hangs\n")
    assert load_incident(tmp_path, incident.id) == incident
    assert load_evidence(tmp_path, incident) == b"it hangs\n"
    assert stat.S_IMODE((tmp_path / FOLDER).stat().st_mode) == 0o700
    for path in (tmp_path / FOLDER).iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_ids_are_new_and_sort_by_day() -> None:
    assert make_incident_id(START) != make_incident_id(START)
    assert make_incident_id(0.0) < make_incident_id(86_400.0)


def test_a_second_one_of_the_same_id_is_refused(tmp_path: Path) -> None:
    add_incident(tmp_path, make(), b"one")
    with pytest.raises(RefusedError):
        add_incident(tmp_path, make(what="two"), b"two")
    assert load_evidence(tmp_path, make()) == b"one"


def test_too_much_evidence_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="too many"):
        add_incident(tmp_path, make(), b"x" * (TEXT_BYTES + 1))
    assert list_incidents(tmp_path).incidents == ()


@pytest.mark.parametrize("name", ["../x", "", "i20260101-0a0b0c/..", "i20260101-XXXXXX", "plan"])
def test_what_is_no_id_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RefusedError, match="not the id"):
        load_incident(tmp_path, name)


def test_one_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(NotThere):
        load_incident(tmp_path, "i20260101-0a0b0c")


@pytest.mark.parametrize("content", [b"", b"{", b'{"schema": "other", "incident": {}}', b"\xff" * 50])
def test_a_damaged_record_is_named_and_the_others_are_read(tmp_path: Path, content: bytes) -> None:
    whole, other = make(), make("i20260102-0a0b0c")
    add_incident(tmp_path, whole, b"")
    add_incident(tmp_path, other, b"evidence")
    path = tmp_path / FOLDER / f"{other.id}.json"
    path.write_bytes(content)
    archive = list_incidents(tmp_path)
    assert archive.incidents == (whole,)
    assert len(archive.problems) == 1
    assert str(path) in archive.problems[0]
    with pytest.raises(DamagedError, match="record"):
        change_incident(tmp_path, other.id, lambda one: one)
    assert path.read_bytes() == content
    assert load_evidence(tmp_path, other) == b"evidence"


def test_a_record_that_others_may_write_is_not_used(tmp_path: Path) -> None:
    add_incident(tmp_path, make(), b"")
    (tmp_path / FOLDER / f"{make().id}.json").chmod(0o666)
    with pytest.raises(DamagedError, match="changed by others"):
        load_incident(tmp_path, make().id)


def test_a_change_that_fails_changes_nothing(tmp_path: Path) -> None:
    add_incident(tmp_path, make(), b"")

    def fail(incident: Incident) -> Incident:
        raise RefusedError("no")

    with pytest.raises(RefusedError):
        change_incident(tmp_path, make().id, fail)
    assert load_incident(tmp_path, make().id) == make()


def test_notes_are_bounded() -> None:
    note = Note(at=START, text="looked")
    full = make(notes=(note,) * NOTES)
    with pytest.raises(RefusedError, match=str(NOTES)):
        add_note(full, note)
    assert add_note(make(), note).notes == (note,)


def test_only_a_look_or_a_bundle_has_a_bundle(tmp_path: Path) -> None:
    add_incident(tmp_path, make(), b"text")
    look = make("i20260103-0a0b0c", source="look")
    add_incident(tmp_path, look, b"archive")
    assert bundle_path(tmp_path, make()) is None
    assert bundle_path(tmp_path, look) == tmp_path / FOLDER / f"{look.id}.kwb"


def test_killed_at_any_moment_a_change_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    add_incident(tmp_path, make(), b"evidence")
    states: set[int] = set()
    for moment in range(1, 40):
        before = load_incident(tmp_path, make().id)
        pid = os.fork()
        if pid == 0:
            _die_at(moment)
            change_incident(tmp_path, make().id, lambda one: add_note(one, Note(at=START, text="x" * 500)))
            os._exit(0)
        status = os.waitpid(pid, 0)[1]
        after = load_incident(tmp_path, make().id)
        assert after in (before, add_note(before, Note(at=START, text="x" * 500)))
        assert list_incidents(tmp_path).problems == ()
        states.add(status)
        if status == 0:
            break
    assert 9 in states, "no child was killed"
    assert 0 in states, "no child lived"


def _die_at(moment: int) -> None:
    """From here on the process is killed at its n-th change of a file: kill -9 with nothing flushed or tidied."""
    import signal
    import sys

    left = [moment]

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event in ("open", "os.rename", "os.remove", "os.mkdir", "fcntl.flock"):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
