"""The hub's cache: blobs by their digests, links of snapshots, downloads that did not end."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from keepwell.conform.models.judge import choose_files, judge_stock
from keepwell.conform.models.measure import measure
from keepwell.core.observation import Missing
from keepwell.plugins.hub_stock import classify_hub_blob, find_hub_stock, holds_hub, hub_model
from keepwell.transport.local import LocalTransport
from tests.planted import LONG_AGO, PlantedStore, flip

REVISION = "5f0b02c75b57c5855da9ae460ce51323ea669d8a"


def add(folder: Path, name: str, content: bytes, *, large: bool) -> Path:
    """A blob, linked to by the snapshot under this name."""
    digest = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    if large:
        digest = hashlib.sha256(content).hexdigest()
    blob = folder / "blobs" / digest
    blob.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(content)
    link = folder / "snapshots" / REVISION / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(Path(*[".."] * (2 + name.count("/"))) / "blobs" / digest)
    return blob


def make_cache(root: Path) -> dict[str, Path]:
    """A cache of two models with every fault."""
    one, other = root / "models--org--one", root / "models--org--other"
    blobs = {
        "config": add(one, "config.json", b"{}", large=False),
        "weights": add(one, "sub/model.safetensors", b"weights" * 1000, large=True),
        "flipped": add(one, "flipped.safetensors", b"flipped" * 1000, large=True),
        "changed": add(one, "tokenizer.json", b"[]", large=False),
        "gone": add(other, "model.safetensors", b"gone" * 1000, large=True),
    }
    flip(blobs["flipped"])
    flip(blobs["changed"])
    blobs["gone"].unlink()
    blobs["orphan"] = other / "blobs" / hashlib.sha256(b"orphan").hexdigest()
    blobs["orphan"].write_bytes(b"orphan")
    blobs["partial"] = other / "blobs" / ("b" * 64 + ".incomplete")
    blobs["partial"].write_bytes(b"par")
    for folder, revision in ((one, REVISION), (other, "never-fetched")):
        (folder / "refs").mkdir()
        (folder / "refs" / "main").write_text(revision)
    PlantedStore(root).settle()
    return blobs


async def test_every_fault_of_a_cache_is_found(tmp_path: Path) -> None:
    blobs = make_cache(tmp_path)
    hands = LocalTransport()
    stock = await find_hub_stock(str(tmp_path), hands)
    assert not isinstance(stock, Missing)
    sums = await measure(choose_files([stock]), hands, 2, lambda done, total: None)
    one = await find_hub_stock(str(tmp_path / "models--org--one"), hands)
    await hands.close()
    faults = {item.path: (item.kind, item.models) for item in judge_stock(stock, sums, LONG_AGO + 1e6)}
    assert faults == {
        str(blobs["flipped"]): ("corrupt", ("org/one",)),
        str(blobs["changed"]): ("corrupt", ("org/one",)),
        str(blobs["gone"]): ("missing", ("org/other",)),
        str(blobs["orphan"]): ("orphan", ()),
        str(blobs["partial"]): ("partial", ()),
        str(tmp_path / "models--org--other" / "snapshots" / "never-fetched"): ("missing", ("org/other",)),
    }
    assert not isinstance(one, Missing)
    assert {item.path for item in one.files} == {
        str(blobs[name]) for name in ("config", "weights", "flipped", "changed")
    }


async def test_a_folder_that_is_not_there_is_absent(tmp_path: Path) -> None:
    hands = LocalTransport()
    found = await find_hub_stock(str(tmp_path / "none"), hands)
    await hands.close()
    assert isinstance(found, Missing)
    assert found.kind == "absent"


@given(st.text(max_size=80).filter(lambda name: "/" not in name))
def test_any_name_is_something(name: str) -> None:
    found = classify_hub_blob(f"/c/blobs/{name}")
    assert (found.role == "blob") == bool(found.digest) == bool(found.form)


def test_names_of_folders() -> None:
    assert hub_model("/c/models--Qwen--Qwen2.5-0.5B") == "Qwen/Qwen2.5-0.5B"
    assert hub_model("/c/models--gpt2") == "gpt2"
    assert holds_hub(["version.txt", "models--a--b"])
    assert holds_hub(["refs", "blobs", "snapshots"])
    assert not holds_hub(["blobs", "manifests"])


async def test_what_was_set_aside_is_no_model(tmp_path: Path) -> None:
    make_cache(tmp_path)
    (tmp_path / "models--org--one").rename(tmp_path / "models--org--one.set-aside")
    hands = LocalTransport()
    stock = await find_hub_stock(str(tmp_path), hands)
    await hands.close()
    assert not isinstance(stock, Missing)
    assert {item.model for item in stock.named} == {"org/other"}
