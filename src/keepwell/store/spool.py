"""What could not be sent yet: a folder of messages, the oldest first, bounded; it survives the end of the process."""

from __future__ import annotations

import contextlib
from pathlib import Path

from keepwell.core.errors import AccessError
from keepwell.store.folder import read_private, replace_private, state_error

#: Bytes of all messages: a day of 5,000 series every 15 s takes about 400 MB, an outage of some hours fits.
SPOOL_BYTES = 64 * 1024 * 1024
#: Bytes of one: far above any that is rendered.
MESSAGE_BYTES = 16 * 1024 * 1024
_END = ".message"


class Spool:
    """Messages in the order of their coming. `lost` counts those that had to make room, or could not be kept.

    Files are read once, at the beginning: nobody else writes there. Not for two threads at once.
    """

    def __init__(self, folder: Path, most_bytes: int = SPOOL_BYTES) -> None:
        self.lost = 0
        self._folder = folder
        self._most = most_bytes
        self._sizes: dict[int, int] = dict(_find(folder))

    def __len__(self) -> int:
        return len(self._sizes)

    @property
    def size_bytes(self) -> int:
        """Of all messages."""
        return sum(self._sizes.values())

    def add(self, message: bytes) -> None:
        """Put it behind the others; the oldest go where there is no room. Raises AccessError where it cannot be kept;
        it is counted as lost then.
        """
        number = max(self._sizes, default=0) + 1
        try:
            if len(message) > min(self._most, MESSAGE_BYTES):
                raise AccessError(f"a message of {len(message)} bytes is too large to wait", where=str(self._folder))
            replace_private(self._path(number), message)
        except AccessError:
            self.lost += 1
            raise
        self._sizes[number] = len(message)
        while self.size_bytes > self._most:
            self.drop()
            self.lost += 1

    def first(self) -> bytes | None:
        """The oldest one; None where there is none. One that cannot be read any more is passed over and lost."""
        while self._sizes:
            with contextlib.suppress(FileNotFoundError, ValueError):
                return read_private(self._path(min(self._sizes)), MESSAGE_BYTES)
            self.drop()
            self.lost += 1
        return None

    def drop(self) -> None:
        """Let go of the oldest one: it was taken, or never will be. Raises AccessError."""
        number = min(self._sizes)
        try:
            self._path(number).unlink(missing_ok=True)
        except OSError as error:
            raise state_error(error, self._path(number)) from error
        del self._sizes[number]

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:016d}{_END}"


def _find(folder: Path) -> list[tuple[int, int]]:
    """Numbers and sizes of the messages that are there; halves of an earlier process are no messages."""
    found = []
    with contextlib.suppress(OSError):
        for path in sorted(folder.glob(f"[0-9]*{_END}")):
            if path.stem.isdecimal():
                found.append((int(path.stem), path.stat().st_size))
    return found
