"""Close to everybody what an audit found open: files of a service that any user can change, run as their owner or read.

Rights are taken from others alone, and set-id bits; owner, group and their rights stay as they are. One change closes
all that is open about a path. A folder of the system is left to a person: its modes are its packages' business.
"""

from __future__ import annotations

from collections.abc import Mapping

from keepwell.core.finding import Finding
from keepwell.core.observation import Seen, Value
from keepwell.core.ref import Ref, node
from keepwell.core.step import Change, Plan, SetMode
from keepwell.core.values import row_of, rows_of, text_of, texts_of
from keepwell.plugins.step import Step, Wants
from keepwell.plugins.system_folders import is_system_folder

OTHERS, OTHERS_WRITE, STICKY, SET_ID = 0o007, 0o002, 0o1000, 0o6000
_SECRETS = "audit.secrets"


class _ClosedFiles:
    """The step; it holds no state."""

    title = "Close to everybody what an audit found open"
    mends: tuple[str, ...] = ("audit.writable", "audit.setuid", _SECRETS)

    def wants(self, finding: Finding, seen: Seen) -> Wants:
        """The path that is open."""
        return Wants(paths=tuple(one for one in (finding.facts.get("path", ""),) if one.startswith("/")))

    def plan(self, finding: Finding, seen: Seen) -> Plan | None:
        """One mode; no change where it is closed by now, None for the system's folders and what is not there."""
        path = _real(finding, seen)
        row = _stat(finding, seen, path)
        mode = row.get("mode")
        if is_system_folder(path) or not isinstance(mode, int) or text_of(row, "kind") not in ("file", "directory"):
            return None
        closed = mode & ~_open_bits(finding, seen, row)
        change = Change(
            subject=Ref("path", (finding.subject.node, path)),
            what=f"mode of {path}",
            before=f"{mode:04o}",
            after=f"{closed:04o}",
            do=SetMode(path=path, mode=closed),
            undo=SetMode(path=path, mode=mode),
        )
        note = "Make the secret anew: until now every account of the node could read it."
        return Plan(
            step="closed_files",
            check=finding.check,
            subject=finding.subject,
            why=finding.message,
            changes=(change,) * (closed != mode),
            note=note * _holds_secret(finding, seen),
        )


def _open_bits(finding: Finding, seen: Seen, row: Mapping[str, Value]) -> int:
    """The bits that have to go, of all that an audit judges: so two findings about one path end in one mode."""
    folder, mode = text_of(row, "kind") == "directory", row.get("mode")
    bits = 0
    if not (folder and isinstance(mode, int) and mode & STICKY):
        bits |= OTHERS_WRITE
    if not folder:
        bits |= SET_ID
    if _holds_secret(finding, seen) and not folder:
        bits |= OTHERS
    return bits


def _holds_secret(finding: Finding, seen: Seen) -> bool:
    """Whether this finding, or what the audit saw of the same path, says that a secret stands in it."""
    path = finding.facts.get("path", "")
    rows = rows_of(seen.value(node(finding.subject.node), "host.served_files"))
    known = [row for row in rows if text_of(row, "path") == path]
    told = any(texts_of(row.get("secrets")) or text_of(row, "kind") == "key" for row in known)
    return finding.check == _SECRETS or told


def _real(finding: Finding, seen: Seen) -> str:
    """Where the path leads if it, or a folder above it, is a link."""
    path = finding.facts.get("path", "")
    return text_of(_stat(finding, seen, path), "target") or path


def _stat(finding: Finding, seen: Seen, path: str) -> Mapping[str, Value]:
    if not path.startswith("/"):
        return {}
    return row_of(seen.value(Ref("path", (finding.subject.node, path)), "path.stat"))


STEP: Step = _ClosedFiles()
