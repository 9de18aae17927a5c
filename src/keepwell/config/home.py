"""The home folder of the user that keepwell runs as, also where the system knows of none."""

from __future__ import annotations

from pathlib import Path

#: The home of a user who has none, as Debian writes it: nothing is there and nothing can be kept there.
NO_HOME = Path("/nonexistent")


def find_home() -> Path:
    """$HOME, else the home of the user's account, else NO_HOME (a container's user without an account)."""
    try:
        return Path.home()
    except RuntimeError:
        return NO_HOME
