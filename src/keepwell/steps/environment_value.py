"""Set one environment value of an engine where it is set: its unit's drop-in, environment file or start file.

The finding says which variable (`name`), what it should be (`wished`) and in which file it stands (`file`);
every other byte of that file stays. A unit file that a package owns is never edited: the value goes into a
drop-in of its own. A name that the engine never reads is replaced by the name that it is a slip of (`nearest`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from keepwell.core.finding import Finding
from keepwell.core.observation import Missing, Seen
from keepwell.core.ref import Ref
from keepwell.core.secret import MASK, is_secret_name
from keepwell.core.step import Activation, Change, Plan, RemoveFile, RunCommand, StartProcess, WriteFile
from keepwell.core.values import find_number, row_of, text_of, texts_of
from keepwell.formats.assignment import rename_assignment, set_assignment
from keepwell.formats.unit_environment import new_drop_in, rename_unit_variable, set_unit_variable
from keepwell.plugins.step import Step, Wants

#: Where packages put units; an update replaces what lies there.
PACKAGED = ("/usr/lib/systemd/", "/lib/systemd/", "/usr/local/lib/systemd/")
#: Drop-ins are read in the order of their names; this one comes after what `systemctl edit` writes.
DROP_IN = "/etc/systemd/system/{unit}.d/zz-keepwell.conf"
#: A service with a large model takes its time to stop; systemd itself gives up after 90 s.
RESTART_SECONDS = 120.0
#: A name this near to a known one is a slip of the keyboard (two letters exchanged are two edits); beyond that it
#: may be meant, for another program or release.
TYPO_EDITS = 2
#: Where keepwell cannot start the engine: no start command is known, or a secret stands in it.
BY_HAND = "Start the engine again yourself to make it take effect, then look again."
_UNIT = re.compile(r"[A-Za-z0-9:_.@-]+\.service\Z")
RELOAD = ("systemctl", "daemon-reload")
INTERRUPTS = "the engine restarts: requests in flight end, and a loaded model is loaded again"


@dataclass(frozen=True, slots=True)
class _Target:
    """The file to change, whether it is a unit's, and what lies there now (None: nothing)."""

    path: str
    is_unit: bool
    content: bytes | None


class _EnvironmentValue:
    """The step; it holds no state."""

    title = "Set one environment value of an engine"
    mends: tuple[str, ...] = ("settings.valid", "settings.applied", "settings.read")

    def wants(self, finding: Finding, seen: Seen) -> Wants:
        """The one file that would be changed."""
        return Wants(files=tuple(one for one in (_path(finding),) if one))

    def plan(self, finding: Finding, seen: Seen) -> Plan | None:
        """One rewritten or new file, and the restart; None where no file or no value is known."""
        target = _find_target(finding, seen)
        if target is None:
            return None
        try:
            after = _rewritten(target, finding)
        except ValueError:
            return None
        activate = _activate(finding, seen, target)
        return Plan(
            step="environment_value",
            check=finding.check,
            subject=finding.subject,
            why=finding.message,
            changes=(*_folder(finding, seen, target), *_changes(finding, target, after)),
            activate=activate,
            note=BY_HAND * (not activate),
        )


def _path(finding: Finding) -> str:
    """The file that holds the value, or the drop-in that will; "" when there is neither."""
    file, unit = finding.facts.get("file", ""), finding.facts.get("unit", "")
    packaged = file.startswith(PACKAGED) and _is_unit(file)
    if file.startswith("/") and not packaged:
        return file
    if _UNIT.match(unit) and finding.facts.get("supervisor", "systemd") == "systemd":
        return DROP_IN.format(unit=unit)
    return ""


def _is_unit(path: str) -> bool:
    return path.endswith(".service") or (path.endswith(".conf") and ".service.d/" in path)


def _find_target(finding: Finding, seen: Seen) -> _Target | None:
    path = _path(finding)
    if not path:
        return None
    ref = Ref("path", (finding.subject.node, path))
    found = seen.value(ref, "path.bytes")
    if isinstance(found, str):
        return _Target(path, _is_unit(path), found.encode("latin-1"))
    missing_drop_in = path != finding.facts.get("file", "")
    if isinstance(found, Missing) and found.kind == "absent" and missing_drop_in:
        return _Target(path, True, None)
    return None


def _rewritten(target: _Target, finding: Finding) -> bytes | None:
    """The bytes that the file should have, or None when the finding does not say what is wished."""
    facts = finding.facts
    name, wished, nearest = facts.get("name", ""), facts.get("wished", ""), facts.get("nearest", "")
    if finding.check == "settings.read":
        return _renamed(target, name, nearest)
    if not wished:
        return None
    if target.content is None:
        return new_drop_in(name, wished)
    if target.is_unit:
        return set_unit_variable(target.content, name, wished)
    return set_assignment(target.content, name, wished, whole=facts.get("value", ""))


def _renamed(target: _Target, name: str, nearest: str) -> bytes | None:
    if not nearest or target.content is None or _edits(name, nearest) > TYPO_EDITS:
        return None
    rename: Callable[[bytes, str, str], bytes] = rename_assignment
    if target.is_unit:
        rename = rename_unit_variable
    return rename(target.content, name, nearest)


def _changes(finding: Finding, target: _Target, after: bytes | None) -> tuple[Change, ...]:
    """The rewritten file; where it is right already and yet not in force, a restart that reads it again."""
    if after is not None and after != target.content:
        return (_rewrite(finding, target, after),)
    unit = finding.facts.get("unit", "")
    if finding.check != "settings.applied" or not unit:
        return ()
    restart = Change(
        subject=finding.subject,
        what=f"restart {unit}",
        before=finding.facts.get("effective", ""),
        after=finding.facts.get("wished", ""),
        do=RunCommand(argv=RELOAD),
        undo=None,
        irreversible="reading files again has no undo",
        interrupts=INTERRUPTS,
    )
    return (restart,)


def _folder(finding: Finding, seen: Seen, target: _Target) -> tuple[Change, ...]:
    """The folder of a new drop-in, where there is none yet; its undo leaves one that others use by then."""
    path = PurePosixPath(target.path).parent
    found = seen.value(Ref("path", (finding.subject.node, str(path))), "path.stat")
    if target.content is not None or not isinstance(found, Missing):
        return ()
    where, named = ("find", str(path.parent), "-mindepth", "1", "-maxdepth", "1"), ("-name", path.name, "-type", "d")
    folder = Change(
        subject=Ref("path", (finding.subject.node, str(path))),
        what="folder",
        before="(no such folder)",
        after="a folder for drop-ins",
        do=RunCommand(argv=("mkdir", "-p", "-m", "0755", str(path))),
        undo=RunCommand(argv=(*where, *named, "-empty", "-delete")),
    )
    return (folder,)


def _edits(one: str, other: str) -> int:
    """How many characters must be put in, taken out or exchanged to make one name of the other (Levenshtein)."""
    row = list(range(len(other) + 1))
    for place, char in enumerate(one, 1):
        before, row[0] = row[0], place
        for column, wanted in enumerate(other, 1):
            before, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, before + (char != wanted))
    return row[-1]


def _rewrite(finding: Finding, target: _Target, after: bytes) -> Change:
    name = finding.facts.get("name", "")
    wished = finding.facts.get("wished", "") or finding.facts.get("nearest", "")
    digest = hashlib.sha256(after).hexdigest()
    before, old = "(no such file)", ""
    undo: WriteFile | RemoveFile = RemoveFile(path=target.path, expect_sha256=digest)
    if target.content is not None:
        before = _shown(name, finding.facts.get("value", ""))
        old = hashlib.sha256(target.content).hexdigest()
        undo = WriteFile(path=target.path, content=target.content, expect_sha256=digest)
    return Change(
        subject=Ref("path", (finding.subject.node, target.path)),
        what=name,
        before=before,
        after=_shown(name, wished),
        do=WriteFile(path=target.path, content=after, expect_sha256=old),
        undo=undo,
        interrupts=INTERRUPTS,
    )


def _shown(name: str, value: str) -> str:
    if is_secret_name(name):
        return MASK
    return value


def _activate(finding: Finding, seen: Seen, target: _Target) -> tuple[Activation, ...]:
    """What makes the engine read the file again, by what runs it; () where keepwell cannot start it."""
    supervisor = row_of(seen.value(finding.subject, "engine.supervisor"))
    kind = finding.facts.get("supervisor", "") or text_of(supervisor, "kind")
    unit = finding.facts.get("unit", "") or text_of(supervisor, "unit")
    if kind == "systemd" and unit:
        restart = RunCommand(argv=("systemctl", "restart", unit), timeout_seconds=RESTART_SECONDS)
        if target.is_unit:
            return RunCommand(argv=RELOAD), restart
        return (restart,)
    start = texts_of(supervisor.get("start"))
    if kind != "process" or not start or any(MASK in word for word in start):
        return ()  # a start command with a secret in it is only known without the secret
    return (_start(finding, seen, target, start),)


def _start(finding: Finding, seen: Seen, target: _Target, start: Sequence[str]) -> StartProcess:
    """The start as it was, but for what stands in the file: that is read again at every start, undone or not."""
    process = row_of(seen.value(finding.subject, "engine.process"))
    log = row_of(seen.value(finding.subject, "engine.log"))
    output = ""
    if text_of(log, "kind") == "file":
        output = text_of(log, "where")
    wishes = row_of(seen.value(finding.subject, "engine.wished_settings"))
    from_file = {name for name, told in wishes.items() if text_of(row_of(told), "file") == target.path}
    return StartProcess(
        argv=_without_values(start, from_file | {finding.facts.get("name", "")}),
        environment_files=(target.path,),
        output=output,
        cwd=text_of(process, "cwd"),
        uid=int(find_number(process.get("uid", -1)) or 0),
        gid=int(find_number(process.get("gid", -1)) or 0),
        replaces_pid=int(find_number(process.get("pid")) or 0),
        replaces_started_at=find_number(process.get("started_at")) or 0.0,
    )


def _without_values(start: Sequence[str], names: Collection[str]) -> tuple[str, ...]:
    """The start command without these variables among the first words (`env NAME=value program`)."""
    words = list(start)
    kept = words[:1]
    for place, word in enumerate(words[1:], start=1):
        if words[0] != "env" or "=" not in word:
            return (*kept[kept == ["env"] :], *words[place:])
        if word.partition("=")[0] not in names:
            kept.append(word)
    return tuple(kept)


STEP: Step = _EnvironmentValue()
