"""Made things kept on disk between runs: each can be made again, so damage or no room is never an error.

Files lie in `$XDG_CACHE_HOME/keepwell` or `~/.cache/keepwell`, readable by their owner only, each led by a
digest of its content; a file that does not fit its digest is taken for missing.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

#: Files kept of each kind: the newest few (two installations and an edited overlay), older ones go.
KEPT_FILES = 4
#: Largest file that is read: far above any real one, so that a strange file costs no memory.
CACHED_BYTES = 256 * 1024 * 1024
_DIGEST_BYTES = 32


def cache_folder() -> Path | None:
    """Where cached files lie; None when there is no home at all."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    if given.startswith("/"):
        return Path(given) / "keepwell"
    try:
        return Path.home() / ".cache" / "keepwell"
    except RuntimeError:
        return None


def digest_of(parts: Iterable[bytes], code: Iterable[Path] = ()) -> str:
    """A key for what is made from these parts by the code in these files; another code, another key."""
    digest = hashlib.sha256()
    for part in (*parts, *(path.read_bytes() for path in code)):
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()[:40]


def load_cached(kind: str, key: str) -> bytes:
    """What was saved under this kind and key, or b"" when there is nothing sound."""
    path = _path(kind, key)
    if path is None:
        return b""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_uid != os.geteuid():
                return b""
            stored = file.read(CACHED_BYTES)
    except OSError:
        return b""
    content = stored[_DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != stored[:_DIGEST_BYTES]:
        return b""
    return content


def save_cached(kind: str, key: str, content: bytes) -> None:
    """Keep this for later runs if it can be kept; replaces atomically, drops the oldest of its kind."""
    path = _path(kind, key)
    if path is None:
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = path.with_name(f".{path.name}.{os.getpid()}")
        with open(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
            file.write(hashlib.sha256(content).digest() + content)
        made.replace(path)
        _drop_old(path.parent, kind)
    except OSError:
        return


def _path(kind: str, key: str) -> Path | None:
    folder = cache_folder()
    if folder is None:
        return None
    return folder / f"{kind}-{key}.bin"


def _drop_old(folder: Path, kind: str) -> None:
    files = sorted(folder.glob(f"{kind}-*.bin"), key=_modified, reverse=True)
    for path in files[KEPT_FILES:]:
        path.unlink(missing_ok=True)


def _modified(path: Path) -> float:
    return path.stat().st_mtime
