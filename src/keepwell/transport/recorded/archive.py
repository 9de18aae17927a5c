"""Archive: named bytes as a compressed tar, and back without trust: nothing is written to disk, all is bounded.

Written as POSIX ustar in gzip, so that `tar -tzf` shows what is in it; the same members give the same bytes.
Read by this small reader and no other: it knows plain files alone, so that links, devices, long-name records
and all else that an archive can hold are refused by name.
"""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping

from keepwell.core.errors import DamagedError, RefusedError, TooLarge

#: Compressed bytes; a bundle of a busy node has some hundred kilobytes.
ARCHIVE_BYTES = 128 * 1024 * 1024
#: Bytes after unpacking, of all members together and of one; a recorded answer has at most 4 MiB.
UNPACKED_BYTES = 512 * 1024 * 1024
MEMBER_BYTES = 96 * 1024 * 1024
#: Text shrinks to a twentieth, a log of one line again and again to a few hundredths; a bomb to a thousandth.
RATIO = 250
#: Below this a high ratio harms nobody.
RATIO_FREE_BYTES = 8 * 1024 * 1024
MEMBERS = 20_000
#: What a member may be called: no absolute path, no step up, nothing that a terminal reads.
NAME = re.compile(r"[a-z0-9][a-z0-9_-]*(?:\.[a-z0-9]+)?(?:/[a-z0-9][a-z0-9_-]*(?:\.[a-z0-9]+)?){0,3}\Z")
NAME_BYTES = 99

_BLOCK = 512
_STEP_BYTES = 256 * 1024
#: Bits for zlib that say: a gzip header, and nothing else.
_GZIP = 16 + zlib.MAX_WBITS
_KINDS = {b"1": "hard link", b"2": "symbolic link", b"3": "device", b"4": "device", b"5": "folder", b"6": "pipe"}


def pack(members: Mapping[str, bytes]) -> bytes:
    """The archive of these members, in their order; ValueError for a name that `unpack` would refuse."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members.items():
            if not NAME.match(name) or len(name) > NAME_BYTES:
                raise ValueError(f"no name for a member: {name!r}")
            about = tarfile.TarInfo(name)
            about.size = len(content)
            about.mode = 0o600
            tar.addfile(about, io.BytesIO(content))
    return gzip.compress(out.getvalue(), compresslevel=6, mtime=0)


def unpack(archive: bytes, where: str) -> dict[str, bytes]:
    """The members of an archive, in order.

    DamagedError for what is no such archive or is cut, TooLarge for what is beyond the limits, RefusedError for
    what only an attacker would put there: other paths, links, devices, one name twice.
    """
    if len(archive) > ARCHIVE_BYTES:
        raise TooLarge(f"a bundle has at most {ARCHIVE_BYTES} bytes", where=where)
    data = _inflate(archive, where)
    found: dict[str, bytes] = {}
    for name, content in _members(data, where):
        if name in found:
            raise RefusedError(f"the bundle holds {name} twice", where=where)
        if len(found) >= MEMBERS:
            raise TooLarge(f"a bundle has at most {MEMBERS} members", where=where)
        found[name] = content
    return found


def _inflate(archive: bytes, where: str) -> bytes:
    machine = zlib.decompressobj(_GZIP)
    limit = min(UNPACKED_BYTES, max(RATIO_FREE_BYTES, RATIO * len(archive)))
    parts: list[bytes] = []
    size = 0
    rest = archive
    try:
        while not machine.eof:
            part = machine.decompress(rest, _STEP_BYTES)
            rest = machine.unconsumed_tail
            size += len(part)
            if size > limit:
                raise TooLarge(f"the bundle unpacks to more than {limit} bytes", where=where)
            if not part and not rest and not machine.eof:
                raise DamagedError("the bundle is cut: its end is missing", where=where, hint="collect it again")
            parts.append(part)
    except zlib.error as error:
        raise DamagedError(f"not a bundle of keepwell, or a damaged one ({error})", where=where) from error
    if machine.unused_data:
        raise DamagedError("something follows the end of the bundle", where=where)
    return b"".join(parts)


def _members(data: bytes, where: str) -> Iterator[tuple[str, bytes]]:
    at = 0
    while at + _BLOCK <= len(data):
        header = data[at : at + _BLOCK]
        if not header.strip(b"\0"):
            return
        name, size = _parse_header(header, where)
        start = at + _BLOCK
        if size > MEMBER_BYTES:
            raise TooLarge(f"{name} has {size} bytes, at most {MEMBER_BYTES} are read", where=where)
        if start + size > len(data):
            raise DamagedError(f"the bundle ends inside of {name}", where=where)
        yield name, data[start : start + size]
        at = start + -(-size // _BLOCK) * _BLOCK
    raise DamagedError("the bundle has no end mark", where=where)


def _parse_header(header: bytes, where: str) -> tuple[str, int]:
    """Name and size of a plain file; anything else is refused."""
    expected = sum(header[:148]) + sum(header[156:]) + 8 * 32
    if _number(header[148:156]) != expected:
        raise DamagedError("a header of the bundle does not fit its checksum", where=where)
    raw = header[:100].split(b"\0", 1)[0]
    shown = raw.decode("ascii", "backslashreplace")
    kind = header[156:157]
    if kind not in (b"0", b"\0"):
        raise RefusedError(
            f"the bundle holds a {_KINDS.get(kind, 'record of an unknown kind')}: {shown!r}", where=where
        )
    if header[345:500].strip(b"\0") or not NAME.match(shown) or len(shown) > NAME_BYTES:
        raise RefusedError(f"the bundle holds a path that keepwell never writes: {shown!r}", where=where)
    size = _number(header[124:136])
    if size < 0:
        raise DamagedError(f"the size of {shown} cannot be read", where=where)
    return shown, size


def _number(field: bytes) -> int:
    """An octal number; -1 for anything else."""
    text = field.strip(b" \0")
    if not text or text.strip(b"01234567"):
        return -1
    return int(text, 8)
