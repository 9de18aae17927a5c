"""A real Ollama with a damaged store: found, verified, cleaned beside the running server, mended, and put back."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from keepwell.app.applying.carrying import apply_run, undo_run
from keepwell.app.operation import Caller
from keepwell.app.stores.cleaning import plan_cleaning
from keepwell.app.stores.verifying import verify
from keepwell.testing.tiny_model import TinyModel
from tests.engines.real import RealEngine, chat, give, make_model, ollama
from tests.planted import LIBRARY, LONG_AGO, flip, snapshot

pytestmark = pytest.mark.long


def weights_of(root: Path, model: str) -> Path:
    """The blob with a model's weights."""
    manifest = json.loads((root / LIBRARY / model / "latest").read_text())
    layer = next(one for one in manifest["layers"] if one["mediaType"].endswith(".model"))
    return root / "blobs" / layer["digest"].replace(":", "-")


def plant(root: Path) -> dict[str, Path]:
    """One of each fault; nothing of it was changed lately."""
    blobs = root / "blobs"
    paths = {
        "corrupt": weights_of(root, "flipped"),
        "unreadable": weights_of(root, "closed"),
        "orphan": blobs / f"sha256-{'1' * 64}",
        "partial": blobs / f"sha256-{'2' * 64}-partial",
        "manifest-corrupt": root / LIBRARY / "bad" / "latest",
    }
    flip(paths["corrupt"])
    paths["unreadable"].rename(root.parent / "kept")
    paths["unreadable"].symlink_to(paths["unreadable"].name)  # a loop: not even root can read it
    paths["orphan"].write_bytes(b"orphan")
    paths["partial"].write_bytes(b"half")
    paths["manifest-corrupt"].parent.mkdir()
    paths["manifest-corrupt"].write_text('{"schemaVersion":2,"layers":[{"dig')
    for path in root.rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO), follow_symlinks=False)
    return paths


def listed(engine: RealEngine) -> set[str]:
    """The models that it offers."""
    return {one["name"] for one in json.loads(engine.ask("/api/tags")[1])["models"]}


async def test_a_damaged_store_of_a_running_server_is_cleaned(tmp_path: Path) -> None:
    shapes = {
        name: make_model(tmp_path / f"{name}.gguf", TinyModel(tag=name, name=name))
        for name in ("good", "flipped", "closed")
    }
    (tmp_path / "keepwell.toml").write_text("")
    caller = Caller(state=tmp_path / "state", config=tmp_path / "keepwell.toml")
    home = tmp_path / "home"
    home.mkdir()
    with ollama(home) as engine:
        for name, path in shapes.items():
            give(engine, path, name)
        root = home / "models"
        paths = plant(root)
        report = await verify(caller, "ollama")
        (store,) = [one for one in report.stores if one.folder == str(root)]
        assert {(one.kind, one.path) for one in store.faults} == {(kind, str(path)) for kind, path in paths.items()}
        before = snapshot(root)
        (first,) = (await plan_cleaning(caller, str(root))).planned
        assert (await apply_run(caller, first.id)).outcome.state == "well"
        assert paths["orphan"].exists()  # as long as a bad manifest might name it
        (second,) = (await plan_cleaning(caller, str(root))).planned
        assert (await apply_run(caller, second.id)).outcome.state == "well"
        assert not any(path.exists() for path in paths.values())
        assert "good:latest" in listed(engine)
        assert chat(engine, "good")
        for one in (second, first):
            assert (await undo_run(caller, one.id)).outcome.state == "undone"
        assert snapshot(root) == before
        assert not (home / "models.set-aside").exists()
        third = (await plan_cleaning(caller, str(root))).planned[0]
        assert (await apply_run(caller, third.id)).outcome.state == "well"
        give(engine, shapes["flipped"], "flipped")
        assert chat(engine, "flipped")
        again = await verify(caller, str(root))
        assert str(paths["corrupt"]) not in {one.path for one in again.stores[0].faults}
