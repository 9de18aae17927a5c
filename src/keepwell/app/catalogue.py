"""What keepwell knows of causes, as the owner's closed incidents changed it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from keepwell.app.lessons.learned import get_learned
from keepwell.config.home import find_home
from keepwell.diagnose.catalogue import Catalogue
from keepwell.plugins.recognise import load_engines
from keepwell.store.folder import find_state_folder


def get_catalogue(state: Path | None = None) -> Catalogue:
    """The catalogue that keepwell ships, as the owner's closed incidents changed it (those of the usual state folder if
    none is given); read again when they change.
    """
    return get_learned(state or find_state_folder(os.environ, home=find_home(), root=os.geteuid() == 0)).catalogue


@cache
def get_follow_ups() -> Sequence[str]:
    """Every engine's patterns of lines that tell of an earlier error."""
    return tuple(dict.fromkeys(pattern for one in load_engines().values() for pattern in one.follow_ups))
