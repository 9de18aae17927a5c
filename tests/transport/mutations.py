"""Mutated bundles: bytes flipped, cut, doubled, swapped; members rewritten with digests that fit again."""

from __future__ import annotations

import gzip
import hashlib
import random
from collections.abc import Iterator

import msgspec

from keepwell.core.errors import KeepwellError
from keepwell.transport.recorded.archive import pack, unpack
from keepwell.transport.recorded.bundle import MANIFEST, Bundle

#: What is put in place of a piece of JSON.
ODD = (
    b"null", b"[]", b"{}", b"-1", b"1e400", b"99999999999999999999", b'""', b'"\\u0000"', b"true", b'"\\ud800"',
    b'"../../etc/passwd"', b'"\\u001b[2J"', b"0.5", b"[[[[[[[[[[", b'"' + b"a" * 5000 + b'"',
)  # fmt: skip


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """A few random changes of the bytes."""
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 5)):
        if not changed:
            break
        at = rng.randrange(len(changed))
        length = rng.choice((1, 1, 2, 16, 300))
        kind = rng.randrange(6)
        if kind == 0:
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del changed[at : at + length]
        elif kind == 2:
            changed[at:at] = rng.randbytes(length)
        elif kind == 3:
            changed[at:at] = changed[at : at + length]
        elif kind == 4:
            changed[at : at + 1] = rng.choice(ODD)
        else:
            del changed[at:]
    return bytes(changed)


def mutants(archive: bytes, count: int, seed: int) -> Iterator[bytes]:
    """So many mutants: of the file, of the tar in it, and of one member with fitting digests."""
    rng = random.Random(seed)
    tar = gzip.decompress(archive)
    members = unpack(archive, "x")
    for number in range(count):
        if number % 3 == 0:
            yield mutate_bytes(archive, rng)
        elif number % 3 == 1:
            yield gzip.compress(mutate_bytes(tar, rng), compresslevel=1)
        else:
            yield _with_member_changed(members, rng)


def _with_member_changed(members: dict[str, bytes], rng: random.Random) -> bytes:
    changed = dict(members)
    name = rng.choice(sorted(changed))
    changed[name] = mutate_bytes(changed[name], rng)
    if name != MANIFEST:
        head = msgspec.json.decode(changed[MANIFEST])
        text = changed[name]
        head["members"][name] = {"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}
        changed[MANIFEST] = msgspec.json.encode(head)
    return pack(changed)


def is_named(error: KeepwellError) -> bool:
    """True for an error that says something, without anything that a terminal obeys."""
    said = str(error)
    return bool(error.what) and not any(ord(char) < 32 and char != "\t" for char in said)


def tape_names(bundle: Bundle) -> tuple[str, ...]:
    """Paths of a bundle, for those who want to touch each."""
    return tuple(bundle.tape.files)
