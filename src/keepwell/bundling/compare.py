"""In what two recordings of nodes differ: what a person changed, not what a machine counts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TypeAlias

from keepwell.transport.base import Ran, Reply
from keepwell.transport.recorded.tape import Tape, TapeFile

#: Kind, what, before, after.
Row: TypeAlias = tuple[str, str, str, str]
#: Folders whose files change by themselves from second to second.
_LIVE = ("/proc/", "/sys/", "/run/", "/dev/")
#: Commands whose output says how a machine is set up, by their program.
_SETTLED = frozenset({"uname", "docker", "podman", "systemctl", "getent"})
_SHOWN = 120


def compare(before: Tape, after: Tape) -> list[Row]:
    """Rows for files by digest, environments of processes, versions that engines told, and settled commands."""
    rows: list[Row] = []
    rows += _rows("file", _files(before), _files(after))
    rows += _rows("setting", _settings(before), _settings(after))
    rows += _rows("version", _versions(before), _versions(after))
    rows += _rows("command", _commands(before), _commands(after))
    return rows


def _rows(kind: str, before: Mapping[str, str], after: Mapping[str, str]) -> list[Row]:
    keys = sorted(before.keys() | after.keys())
    return [(kind, key, before.get(key, ""), after.get(key, "")) for key in keys if before.get(key) != after.get(key)]


def _files(tape: Tape) -> dict[str, str]:
    return {path: _digest(file) for path, file in tape.files.items() if file.pieces and not path.startswith(_LIVE)}


def _digest(file: TapeFile) -> str:
    digest = hashlib.sha256()
    for at, content in file.pieces:
        digest.update(b"%d:" % at + content)
    return f"sha256:{digest.hexdigest()[:16]}"


def _settings(tape: Tape) -> dict[str, str]:
    """Variables by program and name: numbers of processes differ between two looks, settings should not."""
    found: dict[str, str] = {}
    for path, file in tape.files.items():
        folder, _, name = path.rpartition("/")
        command = tape.files.get(f"{folder}/cmdline")
        if name != "environ" or not path.startswith("/proc/") or command is None:
            continue
        program = _text(command).partition("\0")[0].rpartition("/")[2] or folder
        for pair in _text(file).split("\0"):
            variable, equals, value = pair.partition("=")
            if equals:
                found[f"{program} {variable}"] = value[:_SHOWN]
    return found


def _versions(tape: Tape) -> dict[str, str]:
    """Short answers of addresses that tell a version."""
    return {
        one.url: one.answer.body.decode("utf-8", "replace")[:_SHOWN]
        for one in tape.exchanges
        if isinstance(one.answer, Reply) and one.url.rstrip("/").endswith("version")
    }


def _commands(tape: Tape) -> dict[str, str]:
    found: dict[str, str] = {}
    for argv, ran in tape.commands.items():
        if argv and argv[0].rpartition("/")[2] in _SETTLED and isinstance(ran, Ran):
            digest = hashlib.sha256(ran.stdout).hexdigest()[:16]
            found[" ".join(argv)[:_SHOWN]] = f"sha256:{digest} (exit {ran.code})"
    return found


def _text(file: TapeFile) -> str:
    return b"".join(content for _, content in file.pieces).decode("utf-8", "replace")
