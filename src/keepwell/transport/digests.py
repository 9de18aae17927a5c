"""Every byte of files of any size, on the local machine: in threads, since hashing and reading let others run."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Event

from keepwell.transport.base import DigestForm
from keepwell.transport.entries import told_of
from keepwell.transport.far.bulk import PIECE_BYTES, copy_at, digest_at

__all__ = ["PIECE_BYTES", "copy_file", "digest_file"]


def digest_file(path: str, form: DigestForm, stop: Event, tell: Callable[[int], None]) -> str:
    """The digest in small hex digits; `tell` hears of each piece how many bytes it had, in this thread.

    AccessError for anything but a regular file, and when `stop` is set meanwhile. "git-sha1" is that of a git blob,
    whose length stands before it.
    """

    def heard(count: int) -> bool:
        tell(count)
        return not stop.is_set()

    with told_of(path):
        return digest_at(os.fsencode(path), form, heard)


def copy_file(path: str, target: str, rate: float, stop: Event, tell: Callable[[int], None]) -> str:
    """Copy a file durably with all that it is; the SHA-256 of its bytes. See `keepwell.transport.far.bulk`."""

    def heard(count: int) -> bool:
        tell(count)
        return not stop.is_set()

    with told_of(path):
        return copy_at(os.fsencode(path), os.fsencode(target), rate, heard)
