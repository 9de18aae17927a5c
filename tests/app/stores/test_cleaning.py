"""A store is verified, cleaned by a plan, and put back so that nobody can tell."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from keepwell.app.applying.carrying import apply_run, undo_run
from keepwell.app.operation import COULD_NOT_LOOK, Caller
from keepwell.app.stores.cleaning import plan_cleaning
from keepwell.app.stores.report import VerifiedStore, VerifyReport
from keepwell.app.stores.verifying import list_models, verify
from keepwell.cli.views import models_list, models_verify
from keepwell.core.errors import ConfigurationError, NotThere
from tests.planted import PlantedStore, make_store, snapshot

DECISION = '[[decision]]\nwhat = "the old weights stay"\nwhy = "they are compared"\nabout = "{about}"\n'


def caller_of(folder: Path, config: str = "") -> Caller:
    """A caller with a state and a configuration of its own."""
    path = folder / "keepwell.toml"
    path.write_text(config)
    return Caller(state=folder / "state", config=path)


def shown(renderable: object) -> str:
    """As it reads on a screen."""
    out = io.StringIO()
    Console(file=out, width=200, highlight=False).print(renderable)
    return out.getvalue()


async def test_a_store_is_cleaned_and_comes_back_byte_for_byte(tmp_path: Path) -> None:
    root = tmp_path / "home" / "models"
    store, caller = make_store(root), caller_of(tmp_path)
    before = snapshot(tmp_path / "home")
    report = await plan_cleaning(caller, str(root))
    (planned,) = report.planned
    assert report.exit_code == 1
    assert snapshot(tmp_path / "home") == before
    done = await apply_run(caller, planned.id)
    assert done.outcome.state == "well", done.outcome
    left = {path.name for path in (root / "blobs").iterdir()}
    assert left == {store.blobs["good"].name, store.blobs["config"].name}
    aside = root.with_name("models.set-aside") / planned.id / "blobs"
    assert {path.name for path in aside.iterdir()} == {
        store.blobs[name].name for name in ("flipped", "orphan", "-partial", "-partial-0")
    }
    after = await verify(caller, str(root))
    (line,) = after.stores
    assert [(one.kind, one.models) for one in line.faults] == [("missing", ("flipped:latest",))]
    assert len(line.fetch) == 1
    assert (await plan_cleaning(caller, str(root))).planned == ()
    assert (await undo_run(caller, planned.id)).outcome.state == "undone"
    assert snapshot(tmp_path / "home") == before


async def test_what_is_wrong_is_shown(tmp_path: Path) -> None:
    store = make_store(tmp_path / "models")
    report = await verify(caller_of(tmp_path), str(tmp_path / "models"))
    assert report.exit_code == 2
    text = shown(models_verify.render(report))
    assert f"✗ corrupt          blobs/{store.blobs['flipped'].name[:19]}…  " in text
    assert "(flipped:latest)" in text
    assert "! orphan" in text
    assert "keepwell models clean" in text
    listed = await list_models(caller_of(tmp_path), str(tmp_path / "models"))
    rows = {one.model: one for one in listed.models}
    assert set(rows) == {"good:latest", "flipped:latest"}
    assert rows["good:latest"].bytes_shared < rows["good:latest"].bytes_taken
    assert [one.files for one in listed.models] == [2, 2]
    assert "good:latest" in shown(models_list.render(listed))
    assert listed.exit_code == 0


async def test_a_whole_store_is_well(tmp_path: Path) -> None:
    store = PlantedStore(tmp_path / "models")
    store.blob("a", b"GGUF")
    store.model("a", "a", "a")
    report = await verify(caller_of(tmp_path), str(tmp_path / "models"))
    assert report.exit_code == 0
    assert "every byte is as it should be" in shown(models_verify.render(report))
    assert (await plan_cleaning(caller_of(tmp_path), str(tmp_path / "models"))).exit_code == 0


async def test_what_the_owner_decided_stays(tmp_path: Path) -> None:
    make_store(tmp_path / "models")
    caller = caller_of(tmp_path, DECISION.format(about="flipped:latest"))
    report = await plan_cleaning(caller, str(tmp_path / "models"))
    assert report.planned == ()
    assert [one.decision.what for one in report.refused] == ["the old weights stay"]


async def test_what_is_no_store_and_no_engine_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotThere, match="no model store lies there"):
        await verify(caller_of(tmp_path), str(tmp_path))
    with pytest.raises(ConfigurationError, match="no engine 'nothing'"):
        await verify(caller_of(tmp_path), "nothing")


def test_a_store_that_could_not_be_seen_is_neither_well_nor_wrong() -> None:
    unseen = VerifiedStore(engine="e", title="E", folder="", unseen="its files lie in a container")
    report = VerifyReport(stores=(unseen,), read_seconds=0.0, cores=1)
    assert report.exit_code == COULD_NOT_LOOK
    assert "its files lie in a container" in shown(models_verify.render(report))
    assert replace(report, stores=()).exit_code == COULD_NOT_LOOK
    assert "No model store" in shown(models_verify.render(replace(report, stores=())))
