"""keepwell.toml while something runs by it: read again when it changes; a bad one is told and changes nothing."""

from __future__ import annotations

from pathlib import Path

from keepwell.app.operation import Caller
from keepwell.app.wiring import read_config
from keepwell.config import Config, find_config
from keepwell.core.errors import ConfigurationError

#: What is known of a file: its path, when it was changed, and which file it is.
Stamp = tuple[str, int, int]


class ConfigWatch:
    """Looks whether the file was changed, made or taken away."""

    def __init__(self, caller: Caller, here: str) -> None:
        self._caller = caller
        self._name = here
        self._stamp = _find_stamp(caller)

    def look(self) -> Config | None:
        """What it says now, if it was changed since the last look and can be used; else None."""
        stamp = _find_stamp(self._caller)
        if stamp == self._stamp:
            return None
        self._stamp = stamp
        try:
            config = read_config(self._caller, self._name)
        except ConfigurationError as error:
            self._caller.tell(f"what was changed is not used, all goes on as before: {error}")
            return None
        self._caller.tell(f"read again: {config.path or 'no keepwell.toml any more'}")
        return config


def _find_stamp(caller: Caller) -> Stamp:
    path: Path | None = caller.config or find_config()
    if path is None:
        return "", 0, 0
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, 0
    return str(path), found.st_mtime_ns, found.st_ino
