"""Standard input as a file: a batch reads its input more than once, and again when it goes on after its end."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

from keepwell.core.errors import ConfigurationError, TooLarge
from keepwell.store.folder import make_private_folder, state_error, sync_folder

#: Bytes of one input: a million requests of 64 kB. What never ends must not fill the disk.
SPOOL_BYTES = 64 * 1024 * 1024 * 1024
_PART_BYTES = 1024 * 1024


def spool(stream: BinaryIO, folder: Path, suffix: str, most: int = SPOOL_BYTES) -> Path:
    """Put all that comes into a file of the folder; the same content is the same file. Durable when this returns.

    Raises AccessError where it cannot be kept, TooLarge for more than `most` bytes, ConfigurationError for nothing.
    """
    make_private_folder(folder)
    beside = folder / f".input.{os.getpid()}"
    digest, size = hashlib.sha256(), 0
    try:
        with beside.open("wb") as out:
            os.fchmod(out.fileno(), 0o600)
            while part := stream.read(_PART_BYTES):
                size += len(part)
                if size > most:
                    raise TooLarge(f"more than {most} bytes came by standard input")
                digest.update(part)
                out.write(part)
            out.flush()
            os.fsync(out.fileno())
        if not size:
            raise ConfigurationError("nothing came by standard input")
        path = folder / f"input-{digest.hexdigest()[:16]}{suffix}"
        beside.rename(path)
        sync_folder(folder)
    except OSError as error:
        raise state_error(error, beside) from error
    finally:
        beside.unlink(missing_ok=True)
    return path
