"""Backups of runs: one tar a run, in `backups/` of the state folder, for its owner alone."""

from __future__ import annotations

import contextlib
from pathlib import Path

from keepwell.core.errors import RefusedError
from keepwell.store.folder import replace_private

#: Backups that are kept beside the newest one: those of the newest runs. One whose run is gone goes with it.
KEPT = 100
_FOLDER, _SUFFIX = "backups", ".tar"


def save_backup(state: Path, run_id: str, content: bytes) -> Path:
    """Put it in its place, atomically and durably; where it lies. Others that have had their time go.

    Raises AccessError where there is no room for it, or no right.
    """
    path = find_backup(state, run_id)
    replace_private(path, content)
    _prune(state, path)
    return path


def find_backup(state: Path, run_id: str) -> Path:
    """Where the backup of a run lies, if it has one."""
    if "/" in run_id:
        raise RefusedError(f"not the id of a run: {run_id!r}")
    return state / _FOLDER / f"{run_id}{_SUFFIX}"


def _prune(state: Path, fresh: Path) -> None:
    """Runs' ids sort by time. What cannot be removed now is removed another time."""
    others = sorted((one for one in fresh.parent.glob(f"*{_SUFFIX}") if one != fresh), reverse=True)
    for number, path in enumerate(others):
        if number >= KEPT or not (state / "runs" / f"{path.stem}.run").exists():
            with contextlib.suppress(OSError):
                path.unlink()
