"""Text that somebody gives as evidence: a file or standard input, as a stream that can be left at any instant."""

from __future__ import annotations

import io
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from keepwell.core.errors import AccessError, ConfigurationError, NotPermitted, NotThere
from keepwell.transport.failures import describe_error

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from keepwell.app.operation import Caller

#: Bytes read at once from a text: as many as the scanner looks through at once, so that they are still in the cache.
CHUNK_BYTES = 256 * 1024
#: Bytes of a text that are kept to compare it with closed incidents.
HEAD_BYTES = 256 * 1024


class TextSource(io.RawIOBase):
    """The bytes of a text by its name; a read that fails is an AccessError that names it."""

    def __init__(self, file: io.BufferedReader, name: str) -> None:
        self._file = file
        self._name = name

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """What is there, at most a buffer full; waits only while nothing is."""
        room = memoryview(buffer).cast("B")
        part = self._read(len(room))
        room[: len(part)] = part
        return len(part)

    def chunks(self) -> Iterator[bytes]:
        """All of it, in parts of at most CHUNK_BYTES, each copied once."""
        while chunk := self._read(CHUNK_BYTES):
            yield chunk

    def _read(self, size: int) -> bytes:
        try:
            return self._file.read1(size)
        except OSError as error:
            raise AccessError(f"cannot be read: {describe_error(error)}", where=self._name) from error


class Head:
    """The beginning of a text that streams by."""

    def __init__(self) -> None:
        self._kept = bytearray()

    @property
    def text(self) -> str:
        """What was kept."""
        return self._kept.decode("utf-8", "replace")

    def keep(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The chunks as they are, the first `HEAD_BYTES` kept as they pass."""
        for chunk in chunks:
            self._kept += chunk[: HEAD_BYTES - len(self._kept)]
            yield chunk


@contextmanager
def open_text(caller: Caller, path: str) -> Iterator[TextSource]:
    """The text in a file, or on standard input for "-". While it is open, Ctrl-C ends a read that waits.

    Raises NotThere, NotPermitted, ConfigurationError for a folder, AccessError.
    """
    with _open(caller, path) as file, _interruptible():
        yield TextSource(file, path)


def _open(caller: Caller, path: str) -> io.BufferedReader:
    try:
        if path == "-":
            return caller.read_input()
        return Path(path).open("rb")
    except FileNotFoundError as error:
        raise NotThere("no such file", where=path, hint="name a file that exists, or - for standard input") from error
    except IsADirectoryError as error:
        raise ConfigurationError(
            "this is a folder, not a file", where=path, hint="name one file; several go through cat and -"
        ) from error
    except PermissionError as error:
        raise NotPermitted(
            "this user may not read the file", where=path, hint="sudo cat FILE | keepwell diagnose --evidence -"
        ) from error
    except OSError as error:
        raise AccessError(f"cannot be opened: {describe_error(error)}", where=path) from error


@contextmanager
def _interruptible() -> Iterator[None]:
    """A read that waits blocks the event loop, which only notes a first Ctrl-C; here Python's own way holds."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
