"""A program's output as lines with their time, in files that are bounded and give way to the next."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

#: Bytes of one file, and how many earlier ones are kept: 64 MiB of a night at most.
FILE_BYTES = 16 * 1024 * 1024
EARLIER_FILES = 3
#: Bytes of one line; what is longer goes on in the next.
LINE_BYTES = 64 * 1024
#: Seconds between two kept states of a line that is drawn again and again (a progress bar).
REDRAWN_SECONDS = 10.0
#: What stands between time and text: the program's own words, and what its supervisor says.
SAID, TOLD = b"|", b"*"


class LineLog:
    """`path` and, numbered behind it, the earlier files. What cannot be written is counted, told once there is room
    again, and never an error: the program goes on.
    """

    def __init__(self, path: Path, file_bytes: int = FILE_BYTES) -> None:
        self._path = path
        self._most = file_bytes
        self._rest = b""
        self._redrawn_at = -REDRAWN_SECONDS
        self._lost = 0
        self._why = ""

    def take(self, output: bytes, at: float) -> None:
        """More of the program's output, at this instant (seconds since the epoch)."""
        *whole, self._rest = (self._rest + output).split(b"\n")
        lines = [line for one in whole for line in _cut(_last_drawn(one))]
        if b"\r" in self._rest:
            *drawn, self._rest = self._rest.split(b"\r")
            if at - self._redrawn_at >= REDRAWN_SECONDS and any(drawn):
                self._redrawn_at = at
                lines += _cut([one for one in drawn if one][-1])
        while len(self._rest) > LINE_BYTES:
            lines.append(self._rest[:LINE_BYTES])
            self._rest = self._rest[LINE_BYTES:]
        self._write(lines, SAID, at)

    def finish(self, at: float) -> None:
        """The program ended: what it had begun to say is its last line."""
        rest, self._rest = self._rest, b""
        if rest:
            self._write(_cut(_last_drawn(rest)), SAID, at)

    def tell(self, text: str, at: float) -> None:
        """A line of the supervisor's own."""
        self._write([text.encode("utf-8", "replace").replace(b"\n", b" ")], TOLD, at)

    def _write(self, lines: list[bytes], kind: bytes, at: float) -> None:
        if not lines:
            return
        stamp = render_time(at)
        content = b""
        if self._lost:
            content = b"%b %b %b\n" % (stamp, TOLD, f"{self._lost} lines were lost: {self._why}".encode())
        content += b"".join(b"%b %b %b\n" % (stamp, kind, one) for one in lines)
        try:
            self._append(content)
            self._lost = 0
        except OSError as error:
            self._lost += len(lines)
            self._why = error.strerror or str(error)

    def _append(self, content: bytes) -> None:
        """Whole or not at all, as far as the disk allows. The file is opened anew: it may have been moved away."""
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            end = os.fstat(descriptor).st_size
            if end and end + len(content) > self._most:
                self._turn()
                os.close(descriptor)
                descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
                end = 0
            if os.write(descriptor, content) < len(content):
                os.ftruncate(descriptor, end)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(descriptor)

    def _turn(self) -> None:
        for number in range(EARLIER_FILES, 0, -1):
            before = earlier(self._path, number - 1)
            if before.exists():
                before.replace(earlier(self._path, number))


def earlier(path: Path, number: int) -> Path:
    """The file that lies `number` turns back; 0 is the present one."""
    if not number:
        return path
    return path.with_name(f"{path.name}.{number}")


def render_time(at: float) -> bytes:
    """An instant as the log has it: UTC, to the millisecond."""
    whole = int(at)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
    return f"{stamp}.{int((at - whole) * 1000):03d}Z".encode("ascii")


def _last_drawn(line: bytes) -> bytes:
    """What is seen of a line at its end, where parts of it were drawn over."""
    seen = [one for one in line.split(b"\r") if one]
    return b"".join(seen[-1:])


def _cut(line: bytes) -> list[bytes]:
    return [line[at : at + LINE_BYTES] for at in range(0, max(1, len(line)), LINE_BYTES)]
