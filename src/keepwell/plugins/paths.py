"""What steps share: the bytes of a file that was looked at freshly for a plan (see `Wants`)."""

from __future__ import annotations

from keepwell.core.observation import Seen
from keepwell.core.ref import Ref


def path_bytes(seen: Seen, node: str, path: str) -> bytes | None:
    """The file's bytes as they were read; None where it is not there or could not be read."""
    found = seen.value(Ref("path", (node, path)), "path.bytes")
    if isinstance(found, str):
        return found.encode("latin-1")
    return None
