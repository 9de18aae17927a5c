"""Weights in plain folders: judged by their headers, downloads that did not end beside them, copies found by digest."""

from __future__ import annotations

import json
from pathlib import Path

from keepwell.conform.models.judge import DUPLICATE_BYTES, choose_files, find_duplicates, judge_stock
from keepwell.conform.models.measure import measure
from keepwell.core.observation import Missing
from keepwell.plugins.weight_stock import find_weight_stock
from keepwell.transport.local import LocalTransport
from tests.planted import LONG_AGO, PlantedStore


def weights(path: Path, data_bytes: int, *, cut: int = 0) -> Path:
    """A safetensors file that ends `cut` bytes early."""
    header = json.dumps({"t": {"dtype": "U8", "shape": [data_bytes], "data_offsets": [0, data_bytes]}}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(data_bytes - cut))
    return path


async def test_faults_of_a_folder(tmp_path: Path) -> None:
    weights(tmp_path / "whole.safetensors", DUPLICATE_BYTES)
    copy = weights(tmp_path / "zcopy" / "model.safetensors", DUPLICATE_BYTES)
    cut = weights(tmp_path / "cut.safetensors", 5000, cut=1)
    (tmp_path / "no.gguf").write_bytes(b"<html>not found</html>")
    (tmp_path / "half.gguf.downloadInProgress").write_bytes(b"GGUF")
    (tmp_path / "split-00001-of-00002.gguf").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("mine")
    PlantedStore(tmp_path).settle()
    hands = LocalTransport()
    stock = await find_weight_stock(str(tmp_path), hands)
    assert not isinstance(stock, Missing)
    sums = await measure(choose_files([stock]), hands, 2, lambda done, total: None)
    alone = await find_weight_stock(str(cut), hands)
    await hands.close()
    faults = judge_stock(stock, sums, LONG_AGO + 1e6)
    assert {(Path(one.path).name, one.kind) for one in faults} == {
        ("cut.safetensors", "truncated"),
        ("no.gguf", "not-a-model"),
        ("split-00001-of-00002.gguf", "empty"),
        ("split-00002-of-00002.gguf", "missing"),
        ("half.gguf.downloadInProgress", "partial"),
    }
    assert [one.path for one in find_duplicates([stock], sums)] == [str(copy)]
    assert not isinstance(alone, Missing)
    assert [one.path for one in alone.files] == [str(cut)]
