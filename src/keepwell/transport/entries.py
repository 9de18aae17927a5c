"""What lies at a path, wholly: on the local machine, and between keepwell's words and those of the far end."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast, get_args

from keepwell.core.entry import Entry, EntryKind
from keepwell.core.errors import AccessError, NotPermitted, NotThere, TooLarge
from keepwell.transport.failures import access_error
from keepwell.transport.far.entries import look_at, put_at, rename_to
from keepwell.transport.far.job import Refusal
from keepwell.transport.wire import BrokenFrame

#: Bytes of a file that are looked at: far above any file of settings.
ENTRY_BYTES = 16 * 1024 * 1024
_KINDS = frozenset(get_args(EntryKind))
_REFUSED = {kind.__name__: kind for kind in (NotThere, NotPermitted, TooLarge)}


def find_entry(path: str, max_bytes: int) -> Entry:
    """What lies at a path of this machine; `content` is None for a file of more bytes. Raises AccessError."""
    with told_of(path):
        fields, content = look_at(os.fsencode(path), max_bytes)
    return parse_fields(fields, content)


def put_entry(path: str, entry: Entry) -> None:
    """Let this lie at a path of this machine. Raises AccessError."""
    with told_of(path):
        put_at(os.fsencode(path), render_fields(entry), entry.content)


def rename_entry(path: str, target: str) -> None:
    """Give it another name on the same file system. Raises AccessError."""
    with told_of(path):
        rename_to(os.fsencode(path), os.fsencode(target))


def render_fields(entry: Entry) -> dict[str, Any]:
    """All but the content."""
    attributes = None
    if entry.attributes is not None:
        attributes = {name: base64.b64encode(value).decode("ascii") for name, value in entry.attributes}
    return {
        "kind": entry.kind,
        "target": entry.target,
        "mode": entry.mode,
        "uid": entry.uid,
        "gid": entry.gid,
        "modified_ns": entry.modified_ns,
        "attributes": attributes,
        "folder_ns": entry.folder_ns,
    }


def parse_fields(fields: Mapping[str, Any], content: bytes | None) -> Entry:
    """The entry; BrokenFrame for fields that are none."""
    kind = fields.get("kind")
    if kind not in _KINDS:
        raise BrokenFrame("an answer that is no entry")
    try:
        attributes = fields.get("attributes") or {}
        found = tuple(sorted((str(name), base64.b64decode(value)) for name, value in attributes.items()))
        numbers = {name: int(fields.get(name, -1)) for name in ("mode", "uid", "gid", "modified_ns", "folder_ns")}
    except (AttributeError, TypeError, ValueError, binascii.Error) as error:
        raise BrokenFrame(f"an answer that is no entry ({error})") from None
    target = str(fields.get("target", ""))
    return Entry(kind=cast(EntryKind, kind), content=content, target=target, attributes=found, **numbers)


@contextmanager
def told_of(path: str) -> Iterator[None]:
    """What the far end's own functions refuse, and errors of the system, as AccessErrors about this path."""
    try:
        yield
    except Refusal as error:
        raise _REFUSED.get(error.kind, AccessError)(error.what, where=path) from error
    except OSError as error:
        raise access_error(error, where=path) from error
    except ValueError as error:
        raise NotThere(f"not a usable path ({error})", where=repr(path)) from error
