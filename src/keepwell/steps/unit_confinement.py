"""Confine a unit that an audit found open: a drop-in with what it lacks, and nothing else of the unit is changed.

What the service writes, its models and its account's home, stays writable where the confinement would cover it.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from keepwell.core.entry import ABSENT, Entry
from keepwell.core.finding import Finding
from keepwell.core.observation import Missing, Seen
from keepwell.core.ref import Ref
from keepwell.core.step import Change, Plan, Put, RunCommand, reverse
from keepwell.core.values import row_of, text_of
from keepwell.formats.accounts import parse_passwd
from keepwell.plugins import unit_state
from keepwell.plugins.paths import path_bytes
from keepwell.plugins.step import Step, Wants

#: Comes after what `systemctl edit` writes, for what it sets is what the audit found open.
DROP_IN = "/etc/systemd/system/{unit}.d/zz-keepwell-confinement.conf"
HEAD = "# Written by keepwell after an audit: what this service may no longer do.\n[Service]\n"
PASSWD = "/etc/passwd"
#: What ProtectSystem=full and ProtectHome=read-only make read-only (systemd.exec(5)).
COVERED = ("/usr", "/boot", "/efi", "/etc", "/home", "/root", "/run/user")
NOTE = (
    "If the service writes elsewhere below /usr, /etc or /home, name it in ReadWritePaths= of a drop-in, or undo this."
)


class _UnitConfinement:
    """The step; it holds no state."""

    title = "Confine a unit that runs an engine"
    mends: tuple[str, ...] = ("audit.confinement",)

    def wants(self, finding: Finding, seen: Seen) -> Wants:
        """The drop-in, and whose home is where."""
        return Wants(files=(_path(finding), PASSWD) * bool(_path(finding)))

    def plan(self, finding: Finding, seen: Seen) -> Plan | None:
        """One file and the restart; None for a user's own unit, and where it is not known what the service writes."""
        path, wished = _path(finding), finding.facts.get("wished", "").split()
        writable = _writable(finding, seen)
        if not path or not wished or writable is None:
            return None
        lines = [*wished, *(f"ReadWritePaths={_quoted(one)}" for one in writable)]
        content = (HEAD + "".join(f"{line}\n" for line in lines)).encode()
        before = _entry(finding, seen, path)
        if before is None:
            return None
        put = Put(path=path, before=before, after=Entry(kind="file", content=content))
        unit = finding.facts["unit"]
        change = Change(
            subject=Ref("path", (finding.subject.node, path)),
            what=f"confinement of {unit}",
            before=f"without {finding.facts.get('missing', '')}",
            after=", ".join(lines),
            do=put,
            undo=reverse(put),
            interrupts=unit_state.INTERRUPTS.format(unit=unit),
        )
        restart = RunCommand(argv=("systemctl", "try-restart", unit), timeout_seconds=unit_state.RESTART_SECONDS)
        return Plan(
            step="unit_confinement",
            check=finding.check,
            subject=finding.subject,
            why=finding.message,
            changes=(*_folder(finding, seen, path), change) * (before.content != content),
            activate=(unit_state.RELOAD, restart),
            note=NOTE,
            engine=finding.subject,
        )


def _path(finding: Finding) -> str:
    unit = finding.facts.get("unit", "")
    if not unit.endswith(".service") or "/" in unit or finding.facts.get("scope") == "user":
        return ""
    return DROP_IN.format(unit=unit)


def _entry(finding: Finding, seen: Seen, path: str) -> Entry | None:
    """What lies there; None where it could not be looked at."""
    content = path_bytes(seen, finding.subject.node, path)
    if content is not None:
        return Entry(kind="file", content=content)
    found = seen.value(Ref("path", (finding.subject.node, path)), "path.stat")
    if isinstance(found, Missing) and found.kind == "absent":
        return ABSENT
    return None


def _folder(finding: Finding, seen: Seen, path: str) -> tuple[Change, ...]:
    folder = str(PurePosixPath(path).parent)
    found = seen.value(Ref("path", (finding.subject.node, folder)), "path.stat")
    if not isinstance(found, Missing):
        return ()
    put = Put(path=folder, before=ABSENT, after=Entry(kind="folder", mode=0o755))
    subject = Ref("path", (finding.subject.node, folder))
    return (Change(subject=subject, what="folder", before="(nothing)", after="a folder", do=put, undo=reverse(put)),)


def _writable(finding: Finding, seen: Seen) -> tuple[str, ...] | None:
    """What the service writes and the confinement would cover; None where neither models nor home are known."""
    store = text_of(row_of(seen.value(finding.subject, "engine.store")), "path")
    uid = text_of(row_of(seen.value(finding.subject, "engine.process")), "uid")
    accounts = parse_passwd(path_bytes(seen, finding.subject.node, PASSWD) or b"")
    homes = [one.home for one in accounts if str(one.uid) == uid]
    known = [one for one in (store, *homes) if one.startswith("/") and one != "/"]
    if not known:
        return None
    return tuple(dict.fromkeys(one for one in known if _is_covered(one)))


def _is_covered(path: str) -> bool:
    return any(PurePosixPath(path).is_relative_to(one) for one in COVERED)


def _quoted(path: str) -> str:
    """As systemd reads a path that may hold blanks; with the "-" that forgives one that is not there."""
    escaped = path.replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
    if " " in escaped or escaped != path:
        return f'"-{escaped}"'
    return f"-{escaped}"


STEP: Step = _UnitConfinement()
