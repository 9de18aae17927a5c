"""A copy of everything that a plan touches, from before its first change: a tar that `tar -x` puts back.

The undo does not need it. It is for whoever has lost keepwell, or its journal, and for a look at what was there.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from keepwell.conform.hands import get_exact
from keepwell.conform.ledger import BACKUP_KEY, Ledger, change_key
from keepwell.core.entry import Entry
from keepwell.core.errors import AccessError, RefusedError
from keepwell.core.step import Plan, Put, RemoveFile, Rename, SetMode, SetOwner, WriteFile
from keepwell.core.words import size
from keepwell.store.backups import save_backup
from keepwell.transport.base import Transport

#: Bytes of one file, and of all of a run: settings are kilobytes, and weights are renamed, never rewritten.
FILE_BYTES, ALL_BYTES = 16 * 1024 * 1024, 64 * 1024 * 1024
#: Paths that are named where they are left out, or were not there; all of them are counted.
NAMED = 20
#: How GNU tar and star write extended attributes into pax headers.
ATTRIBUTE = "SCHILY.xattr."
_KINDS = {"file": tarfile.REGTYPE, "folder": tarfile.DIRTYPE, "link": tarfile.SYMTYPE}
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What lies at each path, the paths at which nothing lay, and why others are left out."""

    entries: Mapping[str, Entry]
    absent: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """What is in it and what is not, in one line."""
        total = sum(len(one.content or b"") for one in self.entries.values())
        said = [f"{len(self.entries)} path{'s' * (len(self.entries) != 1)}, {size(total)}"]
        if self.absent:
            said.append(f"nothing lay at {_name(self.absent)}")
        if self.left_out:
            said.append(f"left out: {_name(f'{path} ({why})' for path, why in self.left_out.items())}")
        return "; ".join(said)


async def back_up(plan: Plan, hands: Transport, ledger: Ledger, state: Path) -> None:
    """Keep the copy below the state folder, once, before the first change. Raises AccessError if it cannot be kept."""
    if not ledger.has(BACKUP_KEY) or ledger.state(BACKUP_KEY) == "done":
        return
    if any(ledger.state(change_key(number)) != "pending" for number in range(len(plan.changes))):
        return
    ledger.move(BACKUP_KEY, "begun")
    try:
        copied = await copy_touched(plan, hands)
        made = render_tar(copied, f"keepwell, before {ledger.run.id} on {hands.name}: {copied.words}")
        path = save_backup(state, ledger.run.id, made)
    except AccessError as error:
        ledger.move(BACKUP_KEY, "failed", str(error))
        raise
    ledger.move(BACKUP_KEY, "done", f"{path}: {copied.words}")


async def copy_touched(plan: Plan, hands: Transport) -> Copied:
    """What lies now at every path that its changes name, but for what is too large; commands name nothing."""
    entries: dict[str, Entry] = {}
    absent: list[str] = []
    left_out: dict[str, str] = {}
    room = ALL_BYTES
    for path, content in find_touched(plan).items():
        try:
            entry = await get_exact(hands).entry(path, max_bytes=min(FILE_BYTES, room) * content)
        except (AccessError, RefusedError) as error:
            left_out[path] = error.what
            continue
        if entry.kind == "absent":
            absent.append(path)
        elif entry.kind == "file" and entry.content is None:
            left_out[path] = {True: "too large", False: "only its name, owner or mode changes"}[content]
        else:
            entries[path] = entry
            room -= len(entry.content or b"")
    if any(not isinstance(one.do, _NAMING) for one in plan.changes):
        left_out["what commands and programs change"] = "only they know"
    return Copied(entries=entries, absent=tuple(absent), left_out=left_out)


def find_touched(plan: Plan) -> Mapping[str, bool]:
    """Each path that a change names, in their order, and whether what it holds may change."""
    found: dict[str, bool] = {}
    for one in plan.changes:
        action = one.do
        if isinstance(action, Rename | SetMode | SetOwner):
            found.setdefault(action.path, False)  # a file whose rights change may be a secret: it is not read
        elif isinstance(action, _NAMING):
            found[action.path] = True
    return found


def render_tar(copied: Copied, comment: str) -> bytes:
    """A pax archive with owners, modes, times to the nanosecond and extended attributes; paths from the root.

    `tar -xpf FILE -C /` puts all back, with `--xattrs --xattrs-include='*'` their attributes too.
    """
    out = io.BytesIO()
    with tarfile.open(
        fileobj=out,
        mode="w",
        format=tarfile.PAX_FORMAT,
        encoding="utf-8",
        errors="surrogateescape",
        pax_headers={"comment": comment.encode("utf-8", "backslashreplace").decode("utf-8")},
    ) as archive:
        for path, entry in sorted(copied.entries.items()):
            archive.addfile(_member(path, entry), io.BytesIO(entry.content or b""))
    return out.getvalue()


def _member(path: str, entry: Entry) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path.lstrip("/") or ".")
    member.type = _KINDS[entry.kind]
    member.mode, member.uid, member.gid = max(entry.mode, 0), max(entry.uid, 0), max(entry.gid, 0)
    member.mtime = entry.modified_ns // _NS
    member.linkname = entry.target
    member.size = len(entry.content or b"")
    headers = {"mtime": f"{entry.modified_ns // _NS}.{entry.modified_ns % _NS:09d}"}
    headers |= {f"{ATTRIBUTE}{name}": value.decode("utf-8", "surrogateescape") for name, value in _attributes(entry)}
    member.pax_headers = headers
    return member


def _attributes(entry: Entry) -> Iterable[tuple[str, bytes]]:
    return entry.attributes or ()


def _name(words: Iterable[str]) -> str:
    named = list(words)
    more = f" and {len(named) - NAMED} more" * (len(named) > NAMED)
    return f"{', '.join(named[:NAMED])}{more}"


#: Actions that name what they change; beside them are commands, programs and signals.
_NAMING = (SetMode, SetOwner, WriteFile, RemoveFile, Put, Rename)
