"""Model stores with faults planted in them, in the layouts of real engines."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

#: A time long ago, so that nothing counts as still being written.
LONG_AGO = 1_600_000_000
LIBRARY = "manifests/registry.ollama.ai/library"


@dataclass
class PlantedStore:
    """A store of manifests and blobs named by digest."""

    root: Path
    blobs: dict[str, Path] = field(default_factory=dict)

    def blob(self, name: str, content: bytes) -> Path:
        """A blob of these bytes."""
        path = self.root / "blobs" / f"sha256-{hashlib.sha256(content).hexdigest()}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.blobs[name] = path
        return path

    def model(self, name: str, *blobs: str) -> Path:
        """A manifest that names these blobs; the first is its configuration."""
        rows = [
            {"mediaType": "application/vnd.ollama.image.model", "digest": one.name.replace("-", ":"), "size": size}
            for one, size in ((self.blobs[blob], self.blobs[blob].stat().st_size) for blob in blobs)
        ]
        path = self.root / LIBRARY / name / "latest"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"schemaVersion": 2, "config": rows[0], "layers": rows[1:]}))
        return path

    def settle(self) -> None:
        """Nothing of it was changed lately."""
        for path in self.root.rglob("*"):
            os.utime(path, (LONG_AGO, LONG_AGO), follow_symlinks=False)


def snapshot(root: Path) -> dict[str, tuple[object, ...]]:
    """All that lies below a folder, wholly: kind, mode, owner, time, bytes, where a link points."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(root.rglob("*")):
        stat = path.lstat()
        content: object = ""
        if path.is_symlink():
            content = os.readlink(path)
        elif path.is_file():
            content = path.read_bytes()
        found[str(path.relative_to(root))] = (stat.st_mode, stat.st_uid, stat.st_gid, stat.st_mtime_ns, content)
    return found


def flip(path: Path) -> None:
    """Another byte in the middle; the length stays."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def make_store(root: Path) -> PlantedStore:
    """Two models: "good", and "flipped" that shares its configuration; an orphan and a download that broke off."""
    store = PlantedStore(root)
    store.blob("config", b'{"model_format":"gguf"}')
    store.blob("good", b"GGUF good" * 50_000)
    store.blob("flipped", b"GGUF flipped" * 50_000)
    store.model("good", "config", "good")
    store.model("flipped", "config", "flipped")
    flip(store.blobs["flipped"])
    store.blob("orphan", b"nobody names me" * 1000)
    for ending, content in (("-partial", b"half"), ("-partial-0", b'{"N":0}')):
        store.blobs[ending] = root / "blobs" / f"sha256-{'a' * 64}{ending}"
        store.blobs[ending].write_bytes(content)
    store.settle()
    return store
