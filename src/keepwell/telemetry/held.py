"""HeldSight: this machine's files for collectors, with those of /proc and /sys held open between looks.

Opening a file of /proc by its path costs as much again as reading it. A file that has changed its meaning (a
process is gone, a device was taken out) fails at its descriptor, and is tried by its path once.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from keepwell.core.errors import AccessError
from keepwell.plugins.collector import READ_BYTES
from keepwell.transport.failures import access_error

#: Descriptors that are held; more files than that are opened each time. A process may open 1,024 by default.
HELD = 400
#: Files that are remembered as read once: a file is held from its second read on, for many are never read again.
SEEN_ONCE = 4096
#: Looks without a read after which a descriptor is let go: collectors that come every five minutes open theirs again.
IDLE_LOOKS = 60
#: Bytes that are asked for at a file's first read, and more than last time at later ones: what is asked for is set
#: aside first, so asking for much costs, and asking twice does.
FIRST_BYTES = 2048
MORE_BYTES = 512
#: Names in one folder.
NAMES = 100_000

_KEPT = ("/proc/", "/sys/")


class _Held:
    """One open file: its descriptor, bytes to ask for, and the last look that read it."""

    __slots__ = ("descriptor", "looked", "wish")

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.wish = FIRST_BYTES
        self.looked = 0


class HeldSight:
    """The `Sight` of this machine. Used by one thread; `rest` is to be called after each look."""

    def __init__(self) -> None:
        self.watched: Mapping[int, str] = {}
        self._held: dict[str, _Held] = {}
        self._once: set[str] = set()
        self._look = 0

    def read(self, path: str, *, max_bytes: int = READ_BYTES) -> bytes:
        """The beginning of a file, from its descriptor where that is held."""
        held = self._held.get(path)
        if held is not None:
            try:
                return self._read_held(held, max_bytes)
            except OSError:
                self._drop(path)
        try:
            return self._read_anew(path, max_bytes)
        except OSError as error:
            raise access_error(error, where=path) from None
        except ValueError as error:
            raise AccessError(f"not a usable path ({error})", where=path) from None

    def names(self, path: str) -> tuple[str, ...]:
        """Names in a folder, sorted."""
        try:
            return tuple(sorted(os.listdir(path)[:NAMES]))
        except OSError as error:
            raise access_error(error, where=path) from None

    def link(self, path: str) -> str:
        """Where a link points."""
        try:
            return os.readlink(path)
        except OSError as error:
            raise access_error(error, where=path) from None

    def size(self, path: str) -> tuple[int, int]:
        """Bytes of the file system: all, and free for everybody."""
        try:
            found = os.statvfs(path)
        except OSError as error:
            raise access_error(error, where=path) from None
        return found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize

    def rest(self) -> None:
        """A look is over: let go of what no look wants any more."""
        self._look += 1
        if self._look % IDLE_LOOKS:
            return
        self._once.clear()
        before = self._look - IDLE_LOOKS
        for path in [path for path, one in self._held.items() if one.looked < before]:
            self._drop(path)

    def close(self) -> None:
        """Let go of all of it; safe to call twice."""
        for path in list(self._held):
            self._drop(path)

    def _read_held(self, held: _Held, most: int) -> bytes:
        held.looked = self._look
        content = os.pread(held.descriptor, min(held.wish, most), 0)
        size = len(content)
        # A file of /proc may end a read before its own end, at a line that does not fit: only an empty read is the end.
        while size < most:
            part = os.pread(held.descriptor, min(held.wish, most - size), size)
            if not part:
                break
            content += part
            size = len(content)
            held.wish = size + MORE_BYTES
        return content

    def _read_anew(self, path: str, most: int) -> bytes:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        held = _Held(descriptor)
        keep = False
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise AccessError("not a regular file", where=path)
            content = self._read_held(held, most)
            keep = path in self._once and len(self._held) < HELD
            if path.startswith(_KEPT) and len(self._once) < SEEN_ONCE:
                self._once.add(path)
        finally:
            if not keep:
                os.close(descriptor)
        if keep:
            self._held[path] = held
        return content

    def _drop(self, path: str) -> None:
        held = self._held.pop(path, None)
        if held is not None:
            os.close(held.descriptor)
