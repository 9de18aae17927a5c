"""What everybody with an account on the node can change or read of the services."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.secret import MASK
from keepwell.core.values import row_of, rows_of, text_of, texts_of
from keepwell.plugins.advice import Advice, advise
from keepwell.plugins.facts import engine_title

READ, WRITE, STICKY, SETUID, SETGID = 0o004, 0o002, 0o1000, 0o4000, 0o2000
#: Kinds of which a change is a command that runs as the service, and the others.
_RUNS = frozenset({"program", "unit", "drop-in", "environment", "start", "compose", "folder", "key"})
#: What a finding calls each kind.
_WORDS: Mapping[str, str] = {
    "program": "the program",
    "unit": "the unit file",
    "drop-in": "the drop-in",
    "environment": "the environment file",
    "start": "the start file",
    "compose": "the compose file",
    "folder": "the folder of the program",
    "store": "the model store",
    "key": "the key file",
}


def judge_writable(seen: Seen) -> Iterator[Finding]:
    """CRITICAL for what runs or decides what runs, WARNING for a model store, that any user can change."""
    for one, row in _rows(seen):
        path, kind, mode = text_of(row, "path"), text_of(row, "kind"), _mode(row)
        folder = text_of(row, "entry") == "directory"
        loose = text_of(row, "loose_above")
        itself = bool(mode & WRITE) and not (folder and mode & STICKY)
        if not (itself or loose) or row.get("open_way") is not True:
            continue
        status = {True: Status.CRITICAL, False: Status.WARNING}[kind in _RUNS]
        words = f"any user can change {_WORDS[kind]} {path} of {text_of(row, 'of')} (mode {mode:04o})"
        place, fix = path, f"chmod o-w {shlex.quote(path)}"
        if not itself:
            words = f"any user can replace {_WORDS[kind]} {path} of {text_of(row, 'of')}: the folder {loose} is open"
            place, fix = loose, f"chmod o-w {shlex.quote(loose)}"
        why = {
            True: "whoever writes there decides what the service runs, with the service's rights",
            False: "whoever writes there swaps a model for another one, which nobody notices",
        }[kind in _RUNS]
        more = {"kind": kind, "path": place, "mode": f"{mode:04o}"}
        advice = Advice(
            where=place, command=f"stat -c '%A %U:%G %n' {shlex.quote(place)}", why=why, next=fix, more=more
        )
        yield advise("audit.writable", _path(one.subject, path), (status, words), advice, (one,))


def judge_setuid(seen: Seen) -> Iterator[Finding]:
    """CRITICAL for a program or file of a service that runs with its owner's rights, whoever starts it."""
    for one, row in _rows(seen):
        path, mode = text_of(row, "path"), _mode(row)
        if text_of(row, "entry") != "file" or not mode & (SETUID | SETGID):
            continue
        words = f"{path} of {text_of(row, 'of')} is setuid or setgid (mode {mode:04o})"
        advice = Advice(
            where=path,
            command=f"stat -c '%A %U:%G %n' {shlex.quote(path)}",
            why="every user who starts it acts as its owner; no engine needs that",
            next=f"chmod u-s,g-s {shlex.quote(path)}",
            more={"path": path, "mode": f"{mode:04o}"},
        )
        yield advise("audit.setuid", _path(one.subject, path), (Status.CRITICAL, words), advice, (one,))


def judge_secrets(seen: Seen) -> Iterator[Finding]:
    """WARNING for a file that holds a key, token or password and that any user can read."""
    for one, row in _rows(seen):
        path, mode, names = text_of(row, "path"), _mode(row), texts_of(row.get("secrets"))
        holds = bool(names) or text_of(row, "kind") == "key"
        if not holds or not mode & READ or row.get("open_way") is not True:
            continue
        what = ", ".join(names) or "a key"
        words = f"any user can read {what} in {path} (mode {mode:04o})"
        advice = Advice(
            where=path,
            command=f"stat -c '%A %U:%G %n' {shlex.quote(path)}",
            why="every account and every program on the node can take the secret and use it elsewhere",
            next=f"chmod o= {shlex.quote(path)}, then make the secret anew: it was readable until now",
            more={"path": path, "mode": f"{mode:04o}", "names": what},
        )
        yield advise("audit.secrets", _path(one.subject, path), (Status.WARNING, words), advice, (one,))


def judge_told_secrets(seen: Seen) -> Iterator[Finding]:
    """WARNING for a secret among an engine's arguments (which `ps` shows to all) or in its unit (which systemctl does).

    The value itself was masked when it was seen.
    """
    for one in seen.named("engine.process"):
        row = row_of(one.value)
        argv, pid = texts_of(row.get("argv")), text_of(row, "pid")
        if not any(MASK in word for word in argv):
            continue
        flag = _flag_before_mask(argv)
        advice = Advice(
            where=f"process {pid}: {flag} {MASK}",
            command=f"ps -o args= -p {pid}",
            why="the command line of a process is shown to every user of the node, and to every program",
            next="give it as a variable in a file that only the service reads, or by a file of keys, and make it anew",
            more={"kind": "argument", "pid": pid, "flag": flag},
        )
        words = f"{engine_title(seen, one.subject)} was started with a secret in its command line ({flag})"
        yield advise("audit.told_secrets", one.subject, (Status.WARNING, words), advice, (one,))
    yield from _in_units(seen)


def _in_units(seen: Seen) -> Iterator[Finding]:
    for one in seen.named("host.units"):
        for row in rows_of(one.value):
            names = [name for name, value in row_of(row.get("environment")).items() if value == MASK]
            unit = text_of(row, "unit")
            if not names or text_of(row, "manager") != "systemd":
                continue
            user = "--user " * (text_of(row, "scope") == "user")
            advice = Advice(
                where=f"{unit}: Environment= in {text_of(row, 'fragment') or 'its unit'} or a drop-in",
                command=f"systemctl {user}show -p Environment {unit}",
                why="systemctl shows the variables of a unit to every user of the node",
                next="move them into an EnvironmentFile of mode 0600, or use LoadCredential=, and make them anew",
                more={"kind": "unit", "unit": unit, "names": ", ".join(names)},
            )
            words = f"{unit} holds {', '.join(names)} in its Environment=, which any user can ask for"
            subject = Ref("unit", (one.subject.name, unit))
            yield advise("audit.told_secrets", subject, (Status.WARNING, words), advice, (one,))


def _flag_before_mask(argv: tuple[str, ...]) -> str:
    for before, word in zip(("", *argv), argv, strict=False):
        if word == MASK:
            return before
        if MASK in word:
            return word.partition("=")[0]
    return ""


def _rows(seen: Seen) -> Iterator[tuple[Observation, Mapping[str, Value]]]:
    return ((one, row) for one in seen.named("host.served_files") for row in rows_of(one.value))


def _mode(row: Mapping[str, Value]) -> int:
    try:
        return int(text_of(row, "mode"), 8)
    except ValueError:
        return 0


def _path(here: Ref, path: str) -> Ref:
    return Ref("path", (here.name, path))
