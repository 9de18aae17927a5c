#!/usr/bin/env python3
"""How fast a model store is verified, beside a bare hashlib loop over the same files on as many cores.

python benchmarks/store.py [--gigabytes 1.2] [--rounds 5] [--folder FOLDER] [--json FILE]

Makes a store of that size in the layout of manifests and blobs (in a folder of its own below FOLDER, removed
afterwards), and reads it by turns: with `hashlib.file_digest` in a pool of threads, one for each core and the largest
file first, and as `keepwell models verify` does, looking through the store and judging included. The files lie in the
page cache for both. The ratio is that of the medians. Exit code 1: below the bar.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from keepwell.app.operation import Caller
from keepwell.app.stores.stores import open_store
from keepwell.app.stores.verifying import verify_stores
from keepwell.app.wiring import wire

#: Share of the bare loop's speed that is asked for.
BAR = 0.9
#: Sizes of the blobs, as shares of the whole: a few large models and many small parts, as stores have.
SHARES = (0.3, 0.2, 0.15, 0.1, 0.1, *(0.15 / 30,) * 30)
PIECE = 1 << 20


def make_store(root: Path, total: int) -> None:
    """Blobs of random bytes, and a model for each."""
    (root / "blobs").mkdir(parents=True)
    library = root / "manifests" / "registry.ollama.ai" / "library"
    for number, share in enumerate(SHARES):
        beside, made, size = root / "blobs" / "new", hashlib.sha256(), int(total * share)
        with beside.open("wb") as file:
            for start in range(0, size, PIECE):
                piece = os.urandom(min(PIECE, size - start))
                made.update(piece)
                file.write(piece)
        digest = made.hexdigest()
        beside.rename(root / "blobs" / f"sha256-{digest}")
        row = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}", "size": size}
        path = library / f"m{number}" / "latest"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"schemaVersion": 2, "config": row, "layers": [row]}))


def run_bare(root: Path) -> float:
    """Seconds of the loop that anybody would write."""

    def digest(path: Path) -> bool:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == path.name.removeprefix("sha256-")

    began = time.perf_counter()
    paths = sorted((root / "blobs").iterdir(), key=lambda path: -path.stat().st_size)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        assert all(pool.map(digest, paths))
    return time.perf_counter() - began


async def run_keepwell(root: Path, caller: Caller) -> float:
    """Seconds from the folder's name to the verdict."""
    async with wire(caller) as wiring:
        began = time.perf_counter()
        report = await verify_stores([await open_store(str(root), wiring.hands)], wiring, caller)
        seconds = time.perf_counter() - began
    assert report.exit_code == 0, report
    return seconds


def main() -> int:
    """Measure, print, and say whether the bar is met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=1.2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--json", type=Path, default=None)
    asked = parser.parse_args()
    bare, ours = [], []
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        root = Path(name) / "models"
        make_store(root, int(asked.gigabytes * 1e9))
        (Path(name) / "keepwell.toml").write_text("")
        caller = Caller(state=Path(name) / "state", config=Path(name) / "keepwell.toml")
        run_bare(root)
        for _ in range(asked.rounds):
            bare.append(run_bare(root))
            ours.append(asyncio.run(run_keepwell(root, caller)))
    total = asked.gigabytes * 1e9 / 1e6
    ratio = statistics.median(bare) / statistics.median(ours)
    found = {
        "cores": os.cpu_count() or 1,
        "bare_megabytes_per_second": round(total / statistics.median(bare)),
        "keepwell_megabytes_per_second": round(total / statistics.median(ours)),
        "ratio": round(ratio, 3),
        "bare_seconds": [round(one, 3) for one in bare],
        "keepwell_seconds": [round(one, 3) for one in ours],
    }
    print(json.dumps(found, indent=1))
    if asked.json is not None:
        asked.json.write_text(json.dumps(found, indent=1))
    return int(ratio < BAR)


if __name__ == "__main__":
    sys.exit(main())
