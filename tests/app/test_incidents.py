"""Incidents from the open to what was learned, as the operations do it, on pasted texts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from keepwell.app.catalogue import get_catalogue
from keepwell.app.diagnosing import diagnose_text
from keepwell.app.lessons.catalogue_test import check_catalogue
from keepwell.app.lessons.incident_report import IncidentReport
from keepwell.app.lessons.learned_report import LearnedReport
from keepwell.app.operation import Caller
from keepwell.app.operations.incident import close, list_them, note, open_one, show
from keepwell.app.operations.issues import explain
from keepwell.app.operations.learned import learned
from keepwell.app.plain import document
from keepwell.core.errors import ConfigurationError, NotThere, RefusedError
from keepwell.core.hypothesis import Hypothesis
from keepwell.store.incidents import FOLDER, list_incidents, load_evidence, load_incident
from keepwell.store.lessons import FILE_NAME
from keepwell.store.lessons import FOLDER as LEARNED
from tests.redact.planted import build_log, forms, plants

NEW = "gearbox watchdog: lane 4 lost its phase lock\nrequests hang until the gearbox is turned off and on"
LIKE_NEW = "gearbox watchdog says lane 9 lost its phase lock, and requests hang"
FULL = "Error: write /models/blobs/sha256-ab-partial: no space left on device"


def caller(state: Path, given: str | bytes = "") -> Caller:
    data = given if isinstance(given, bytes) else given.encode()
    source = state.parent / f"{state.name}.given"
    source.write_bytes(data)
    return Caller(state=state, read_input=lambda: source.open("rb"))


async def act(state: Path, action: str, *words: str, given: str | bytes = "", **more: Any) -> IncidentReport:
    function: Any = {"open": open_one, "note": note, "close": close, "show": show}[action]
    names = {"open": ("what",)}.get(action, ("incident", "text"))
    report = await function(caller(state, given), **dict(zip(names, words, strict=False)), **more)
    assert isinstance(report, IncidentReport)
    json.dumps(document(report))
    return report


async def opened(state: Path, text: str | bytes, what: str = "it hangs") -> str:
    return (await act(state, "open", what, given=text, evidence="-")).incident.id


async def taught(state: Path, **more: Any) -> LearnedReport:
    report = await learned(caller(state), **more)
    json.dumps(document(report))
    return report


def find_new(state: Path) -> Hypothesis | None:
    """The new cause among the first three of an incident like it."""
    first = diagnose_text(LIKE_NEW, caller(state)).diagnosis.hypotheses[:3]
    return next((one for one in first if one.issue == "gearbox-lost"), None)


async def test_opened_noted_closed_and_learned(tmp_path: Path) -> None:
    name = await opened(tmp_path, FULL, "the pull fails")
    await act(tmp_path, "note", name, "df says 100 %", checked=True)
    closed = await act(tmp_path, "close", name, cause="disk-full", fixed_by="removed a partial download")
    assert closed.incident.closing is not None
    assert closed.incident.closing.label == "said"
    assert any("disk-full" in one for one in closed.taught)
    shown = await act(tmp_path, "show", name)
    assert FULL in shown.evidence
    assert shown.incident.notes[0].checked
    report = await taught(tmp_path)
    (lesson,) = report.lessons
    assert (lesson.id, lesson.cause, lesson.strength) == (name, "disk-full", "said")
    assert report.moves
    assert any(one.issue == "disk-full" and one.after > one.before for one in report.priors)
    weights = {one.origin for one in get_catalogue(tmp_path).issues["disk-full"].evidence}
    assert "learned" in weights
    assert "learned" not in {one.origin for one in get_catalogue(tmp_path / "x").issues["disk-full"].evidence}
    similar = diagnose_text("write failed: no space left on device, pull is partial", caller(tmp_path)).similar
    assert [(one.id, one.checked) for one in similar] == [(name, ("df says 100 %",))]


async def test_a_new_cause_is_a_draft_and_its_next_incident_names_it(tmp_path: Path) -> None:
    assert find_new(tmp_path) is None
    name = await opened(tmp_path, NEW)
    closed = await act(tmp_path, "close", name, cause="gearbox-lost", fixed_by="turned the gearbox off and on")
    assert any("draft" in one for one in closed.taught)
    found = find_new(tmp_path)
    assert found is not None
    assert found.draft
    assert 0.03 <= found.confidence <= 0.5
    assert "gearbox-lost" not in get_catalogue(tmp_path).issues
    assert (tmp_path / LEARNED / "issues" / "gearbox-lost.toml").exists()
    told = await explain(caller(tmp_path), issue="gearbox-lost")
    assert told.issue.fixes[0].say == "turned the gearbox off and on"
    other = diagnose_text(FULL, caller(tmp_path)).diagnosis.hypotheses
    assert other[0].issue == "disk-full"
    assert "gearbox-lost" not in {one.issue for one in other}


async def test_confirmed_twice_a_draft_counts_as_any_cause(tmp_path: Path) -> None:
    for _ in range(2):
        name = await opened(tmp_path, NEW)
        await act(tmp_path, "close", name, cause="gearbox-lost", fixed_by="turned it off and on")
    file = tmp_path / LEARNED / FILE_NAME
    file.write_text(file.read_text().replace('"strength": "said"', '"strength": "confirmed"'))
    assert "gearbox-lost" in get_catalogue(tmp_path).issues
    first = diagnose_text(LIKE_NEW, caller(tmp_path)).diagnosis.hypotheses[0]
    assert (first.issue, first.draft) == ("gearbox-lost", False)
    report = await check_catalogue(caller(tmp_path))
    assert [one.how for one in report.broken if one.issue == "gearbox-lost"] == []
    assert report.cases > 200


async def test_no_secret_is_kept(tmp_path: Path) -> None:
    made = list(plants(150))
    name = await opened(tmp_path, build_log(made), "key sk-abcdefghijklmnopqrstuvwxyz123456 is refused")
    await act(tmp_path, "note", name, "tried password=hunter2hunter2 too")
    kept = b"".join(path.read_bytes() for path in (tmp_path / FOLDER).iterdir())
    for one in made:
        assert not any(form in kept for form in forms(one.value)), one.format
    assert b"hunter2" not in kept
    assert b"sk-abcdef" not in kept


async def test_a_lesson_that_a_crash_kept_back_is_learned_later(tmp_path: Path) -> None:
    name = await opened(tmp_path, FULL)
    await act(tmp_path, "close", name, cause="disk-full", fixed_by="tidied up")
    shutil.rmtree(tmp_path / LEARNED)
    assert [one.id for one in (await taught(tmp_path)).lessons] == [name]


async def test_a_damaged_file_is_named_and_ignored(tmp_path: Path) -> None:
    name = await opened(tmp_path, FULL)
    await act(tmp_path, "close", name, cause="disk-full", fixed_by="tidied up")
    await act(tmp_path, "close", await opened(tmp_path, NEW), cause="gearbox-lost", fixed_by="turned it off")
    (tmp_path / LEARNED / FILE_NAME).write_bytes(b"\x00 not a file of lessons")
    broken = tmp_path / LEARNED / "issues" / "own-one.toml"
    broken.parent.mkdir(exist_ok=True)
    broken.write_text("title = ")
    found = diagnose_text(FULL, caller(tmp_path)).diagnosis
    assert found.hypotheses[0].issue == "disk-full"
    assert "own-one" not in get_catalogue(tmp_path).issues
    assert "gearbox-lost" not in get_catalogue(tmp_path).issues
    report = await learned(caller(tmp_path))
    assert any("own-one.toml" in one for one in report.problems)


async def test_exported_imported_and_taken_back(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    name = await opened(here, NEW)
    await act(here, "close", name, cause="gearbox-lost", fixed_by="turned it off and on")
    file = str(tmp_path / "taught.json")
    await taught(here, export=file)
    with pytest.raises(RefusedError):
        await taught(here, export=file)
    report = await taught(there, import_=file, name="friends")
    assert [one.origin for one in report.lessons] == ["friends"]
    assert report.lessons[0].worth < (await taught(here)).lessons[0].worth
    assert find_new(there) is not None
    again = await taught(there, import_=file, name="friends")
    assert len(again.lessons) == 1
    assert (await taught(there, undo="friends")).lessons == ()
    assert find_new(there) is None
    with pytest.raises(NotThere):
        await taught(there, undo="friends")
    gone = await taught(here, undo=name)
    assert gone.lessons[0].undone_at
    assert gone.drafts == ()
    assert find_new(here) is None
    assert (await taught(here)).lessons[0].undone_at


async def test_what_is_no_export_is_an_error_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text("{}")
    with pytest.raises(ConfigurationError, match="not what keepwell learned exports"):
        await learned(caller(tmp_path), import_=str(file))


async def test_misuse_says_what_to_write(tmp_path: Path) -> None:
    name = await opened(tmp_path, FULL)
    for action, words, more in (
        ("note", (name, " "), {}),
        ("close", (name,), {"cause": ""}),
        ("close", (name,), {"cause": "Disk Full!"}),
        ("close", (name,), {"cause": "disk-full", "soak": "soon"}),
        ("open", (), {"evidence": "-", "bundle": "x.kwb"}),
        ("open", (), {"evidence": "-"}),
    ):
        with pytest.raises(ConfigurationError):
            await act(tmp_path, action, *words, **more)
    with pytest.raises(RefusedError):
        await act(tmp_path, "close", name, recheck=True)
    assert load_incident(tmp_path, name).closing is None
    await act(tmp_path, "close", name, cause="disk-full")
    with pytest.raises(RefusedError, match="closed already"):
        await act(tmp_path, "close", name, cause="disk-full")
    with pytest.raises(RefusedError, match="looked at again"):
        await act(tmp_path, "close", name, recheck=True)


async def test_the_list_names_what_is_damaged(tmp_path: Path) -> None:
    name = await opened(tmp_path, FULL)
    (tmp_path / FOLDER / "i20200101-000000.json").write_text("{")
    report = await list_them(caller(tmp_path))
    assert [one.id for one in report.incidents] == [name]
    assert "i20200101-000000" in report.problems[0]
    assert report.exit_code == 1


async def test_of_a_long_text_beginning_and_end_are_kept(tmp_path: Path) -> None:
    lines = [f"line {number} of a very long log of an engine that is well" for number in range(40_000)]
    name = await opened(tmp_path, "\n".join([FULL, *lines, "the very end"]))
    (kept,) = list_incidents(tmp_path).incidents
    evidence = load_evidence(tmp_path, kept)
    assert kept.id == name
    assert evidence.startswith(FULL.encode())
    assert evidence.endswith(b"the very end")
    assert len(evidence) < 600_000


async def test_a_change_of_the_catalogue_that_breaks_an_incident_is_named(tmp_path: Path) -> None:
    name = await opened(tmp_path, FULL)
    await act(tmp_path, "close", name, cause="disk-full", fixed_by="tidied up")
    assert [one.name for one in (await check_catalogue(caller(tmp_path))).broken if one.issue == "disk-full"] == []
    thief = tmp_path / LEARNED / "issues" / "thief.toml"
    thief.parent.mkdir(parents=True, exist_ok=True)
    thief.write_text(
        'title = "t"\nfamily = "own"\ndefinition = "d"\nprior = 0.5\n'
        '[[evidence]]\nsay = "s"\nmatch = ["no space left on device"]\nweight = 20\n'
    )
    report = await check_catalogue(caller(tmp_path))
    assert report.exit_code == 2
    (broken,) = [one for one in report.broken if one.name == f"incident {name}"]
    assert (broken.issue, broken.taken_by) == ("disk-full", "thief")
    cases = [one for one in report.broken if one.name.startswith("case")]
    assert any((one.issue, one.taken_by) == ("disk-full", "thief") for one in cases)
