"""Ollama's store: every blob, and what it leaves behind."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from keepwell.conform.models.judge import choose_files, judge_stock
from keepwell.conform.models.measure import measure
from keepwell.core.observation import Missing
from keepwell.engines.ollama.stock import classify_blob, find_stock
from keepwell.transport.local import LocalTransport
from tests.planted import LONG_AGO, flip, make_store


async def test_every_fault_of_a_store_is_found(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    library = tmp_path / "manifests" / "registry.ollama.ai" / "library"
    (library / "bad").mkdir()
    (library / "bad" / "latest").write_text('{"layers": [')
    (library / "stray").write_text("{}")
    (tmp_path / "blobs" / "sha256-123456789").write_bytes(b"being made")
    (tmp_path / "blobs" / "notes.txt").write_text("mine")
    store.settle()
    hands = LocalTransport()
    stock = await find_stock(f"{tmp_path}/", hands)
    assert not isinstance(stock, Missing)
    sums = await measure(choose_files([stock]), hands, 2, lambda done, total: None)
    await hands.close()
    faults = {Path(one.path).name: (one.kind, one.models) for one in judge_stock(stock, sums, LONG_AGO + 1e6)}
    assert faults == {
        store.blobs["flipped"].name: ("corrupt", ("flipped:latest",)),
        store.blobs["orphan"].name: ("orphan", ()),
        store.blobs["-partial"].name: ("partial", ()),
        store.blobs["-partial-0"].name: ("partial", ()),
        "sha256-123456789": ("temporary", ()),
        "latest": ("manifest-corrupt", ("bad:latest",)),
        "stray": ("misplaced", ()),
    }


async def test_a_broken_blob_is_told_with_every_model_that_needs_it(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    flip(store.blobs["config"])
    store.settle()
    hands = LocalTransport()
    stock = await find_stock(str(tmp_path), hands)
    assert not isinstance(stock, Missing)
    sums = await measure(choose_files([stock]), hands, 2, lambda done, total: None)
    await hands.close()
    models = {one.path: one.models for one in judge_stock(stock, sums, LONG_AGO + 1e6)}
    assert models[str(store.blobs["config"])] == ("flipped:latest", "good:latest")


async def test_a_folder_that_is_no_store_is_absent(tmp_path: Path) -> None:
    hands = LocalTransport()
    found = await find_stock(str(tmp_path), hands)
    await hands.close()
    assert isinstance(found, Missing)


@given(
    st.text(max_size=90).filter(lambda name: "/" not in name)
    | st.from_regex(r"sha256[:-][0-9a-fA-F]{64}(-partial(-\d+)?)?")
)
def test_any_name_is_something(name: str) -> None:
    found = classify_blob(f"/s/blobs/{name}")
    assert (found.role == "blob") == (len(found.digest) == 64)
    assert found.digest == found.digest.lower()
    if "-partial" in name:
        assert found.role != "blob"
