"""store.*: access and files."""

from __future__ import annotations

import pytest

from keepwell.core.finding import Status
from keepwell.core.observation import Value, absent, failed
from tests.checks.judging import engine_seen, findings, only, status

STORE: dict[str, Value] = {"path": "/m", "user": "ollama", "uid": 997, "gid": 996, "groups": "105 996", "problems": ()}


def store(*problems: dict[str, Value], **more: Value) -> dict[str, Value]:
    return {**STORE, "problems": problems, **more}


def test_a_sound_store_is_well() -> None:
    for check in ("store.readable", "store.files"):
        assert status(check, *engine_seen(engine_store=store())) is Status.OK


@pytest.mark.parametrize("kind", ["unreadable", "unsearchable", "unwritable"])
def test_a_user_that_is_kept_out_is_told_with_owner_and_mode(kind: str) -> None:
    row: dict[str, Value] = {"kind": kind, "path": "/m", "mode": "0700", "owner_uid": 0, "wished_mode": "0755"}
    seen = engine_seen(engine_store=store(row))
    found = only("store.readable", *seen)
    assert found.bad
    wanted = {"kind": kind, "path": "/m", "user": "ollama", "uid": "997", "gid": "996", "groups": "105 996"}
    assert wanted.items() <= found.facts.items()
    assert (found.facts["mode"], found.facts["owner_uid"], found.facts["wished_mode"]) == ("0700", "0", "0755")
    assert status("store.files", *seen) is Status.OK


@pytest.mark.parametrize("kind", ["truncated", "empty", "not-a-model", "manifest-corrupt", "missing"])
def test_a_file_that_is_not_whole_is_told_with_its_model(kind: str) -> None:
    row: dict[str, Value] = {"kind": kind, "path": "/m/blobs/x", "model": "tiny", "detail": "1 of 2 bytes"}
    seen = engine_seen(engine_store=store(row))
    found = only("store.files", *seen)
    assert (found.status, found.facts["kind"], found.facts["model"]) == (Status.CRITICAL, kind, "tiny")
    assert status("store.readable", *seen) is Status.OK


def test_a_new_engine_without_models_needs_no_folder_yet() -> None:
    row: dict[str, Value] = {"kind": "missing", "path": "/m"}
    assert findings("store.files", *engine_seen(engine_store=store(row), engine_models=())) == []
    known = engine_seen(engine_store=store(row), engine_models=({"name": "tiny"},))
    assert only("store.files", *known).bad


def test_a_store_that_cannot_be_read_or_listed_is_unknown() -> None:
    for check in ("store.readable", "store.files"):
        assert status(check, *engine_seen(engine_store=failed("no"))) is Status.UNKNOWN
        assert findings(check, *engine_seen(engine_store=absent("keeps none"))) == []
    assert status("store.files", *engine_seen(engine_store=store(unlisted="failed: no"))) is Status.UNKNOWN


def test_without_a_known_user_access_is_not_judged() -> None:
    anonymous = {key: value for key, value in STORE.items() if key in ("path", "problems")}
    assert findings("store.readable", *engine_seen(engine_store=anonymous)) == []
