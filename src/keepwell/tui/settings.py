"""What a person chose in `keepwell top`, kept in the state folder: `top.json`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from keepwell.core.errors import KeepwellError
from keepwell.store.folder import read_private, replace_private

FILE_NAME = "top.json"
#: Bytes of the file.
SETTINGS_BYTES = 16_384
#: Seconds between two pictures: what may be chosen, fastest first, and the usual one.
INTERVALS, USUAL_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0), 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`tab` is the one that is shown, `sorting` the column of each table, below 0 none (-2 - column: reversed)."""

    tab: str = "all"
    tree: bool = True
    interval_seconds: float = USUAL_SECONDS
    sorting: dict[str, int] = field(default_factory=dict)


def load_settings(state: Path) -> Settings:
    """Those that were kept; the usual ones where there are none, or none that can be read."""
    try:
        found = msgspec.json.decode(read_private(state / FILE_NAME, SETTINGS_BYTES), type=Settings)
    except (ValueError, OSError):  # ValueError is also what msgspec raises
        return Settings()
    if found.interval_seconds not in INTERVALS:
        return Settings(tab=found.tab, tree=found.tree, sorting=found.sorting)
    return found


def save_settings(state: Path, settings: Settings) -> str:
    """Keep them; why they could not be kept, or "": a full disk must not end a terminal that shows it."""
    try:
        replace_private(state / FILE_NAME, msgspec.json.encode(settings))
    except (KeepwellError, OSError) as error:
        return f"settings are not kept: {error}"
    return ""


def change_interval(seconds: float, step: int) -> float:
    """The next longer (1) or shorter (-1) one."""
    near = min(range(len(INTERVALS)), key=[abs(one - seconds) for one in INTERVALS].__getitem__)
    return INTERVALS[max(0, min(len(INTERVALS) - 1, near + step))]
