"""The bytes of a journal: one record a line, framed by its length and checksum.

    0000002f 5d1c9a03 {"n":1,"at":1767225600.0,"item":{...}}\\n

A crash can tear only the last record, because each is flushed before the next is written. So what does not
check at the end is cut; what does not check and has a whole record after it is damage.
"""

from __future__ import annotations

import re
import zlib

from keepwell.core.errors import DamagedError

#: Bytes before the JSON: two numbers of eight hexadecimal digits, each with a space.
PREFIX_BYTES = 18
#: Bytes of one record: a plan that replaces a few large files, in base64.
RECORD_BYTES = 64 * 1024 * 1024

#: Where a frame may begin. None can begin within another, as it ends in a newline and a record holds none.
_PREFIX = re.compile(rb"(?=[0-9a-f]{8} [0-9a-f]{8} )")


def render_frame(record: bytes) -> bytes:
    """The line of one record, which must be one line of at most RECORD_BYTES; ValueError otherwise."""
    if len(record) > RECORD_BYTES:
        raise ValueError(f"a record of {len(record)} bytes; at most {RECORD_BYTES} fit")
    if b"\n" in record:
        raise ValueError("a record is one line")
    return b"%08x %08x %s\n" % (len(record), zlib.crc32(record), record)


def parse_frames(content: bytes, *, where: str) -> tuple[tuple[bytes, ...], int]:
    """All whole records, and the offset after the last of them, where a torn tail begins (or the end).

    Raises DamagedError with the offset if a whole record follows what does not check.
    """
    records: list[bytes] = []
    offset = 0
    while True:
        record = _find_frame(content, offset)
        if record is None:
            break
        records.append(record)
        offset += PREFIX_BYTES + len(record) + 1
    for later in _PREFIX.finditer(content, offset + 1):
        if _find_frame(content, later.start()) is not None:
            raise DamagedError(
                "a record in the middle does not check", where=f"{where}, byte {offset}", hint="move the file away"
            )
    return tuple(records), offset


def _find_frame(content: bytes, offset: int) -> bytes | None:
    """The record that begins here, or None if none does whole and undamaged. Cheap where none does."""
    prefix = content[offset : offset + PREFIX_BYTES]
    if not _PREFIX.match(prefix):
        return None
    start = offset + PREFIX_BYTES
    end = start + int(prefix[:8], 16)
    if content[end : end + 1] != b"\n" or zlib.crc32(content[start:end]) != int(prefix[9:17], 16):
        return None
    return content[start:end]
