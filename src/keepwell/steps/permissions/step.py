"""The step that keeps the permissions of a tree."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace
from operator import attrgetter

from keepwell.config.sections import Key
from keepwell.config.shapes import flag, path, user
from keepwell.config.wish_shapes import mode, paths
from keepwell.core.entry import Entry
from keepwell.core.observation import Missing, Seen, absent, failed, unknown
from keepwell.core.ref import Ref
from keepwell.core.step import Change, SetMode, SetOwner
from keepwell.core.text import escape_controls
from keepwell.core.values import row_of, text_of
from keepwell.formats.found_files import FoundFile, find_below, parse_found
from keepwell.formats.secret_files import grep_secrets, is_secret_file, may_hold_secret
from keepwell.plugins.accounts import find_ids, need_accounts, say_owner
from keepwell.plugins.system_folders import MOUNTINFO, find_mounts, is_system_folder
from keepwell.plugins.wish import Drift, Looked, Needs, Wish
from keepwell.steps.permissions.judge import FILE, OTHERS_READ, Correction, Rules, Verdict, below, judge_tree
from keepwell.transport.base import Ran

#: Paths of one tree that are judged; a models folder has a few hundred, a virtual environment some ten thousand.
PATHS = 20_000
#: Files into which is looked for secrets; a node has some dozen files of settings.
LOOKED_INTO = 300
#: Paths that one plan corrects: each is one entry of a journal, and of what a person reads.
CORRECTED = 2_000
#: Control characters, and bytes that are no UTF-8.
_UNNAMEABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
#: Kinds as find calls them, and as an entry does.
_KINDS = {"f": "file", "d": "folder"}
#: Paths that are named where something is told of many.
NAMED = 5


class Permissions:
    """The step; it holds no state."""

    title = "Keep a tree from those who have no business there"
    table = "permissions"
    keys: tuple[Key, ...] = (
        Key(name="path", shape=path, required=True, help="The folder; it and all below it is meant."),
        Key(name="owner", shape=user, help="Whose everything is, by name or number."),
        Key(name="group", shape=user, help="The group of everything, by name or number."),
        Key(name="files", shape=mode, help='The most that a file may allow, like "0640"; no right is ever added.'),
        Key(name="folders", shape=mode, help='The most that a folder may allow, like "0750".'),
        Key(name="setuid", shape=paths, help="Files that may run with the rights of their owner or group."),
        Key(name="secrets", shape=flag, help="Close keys, tokens and .env files to others: true if left out."),
        Key(name="except", shape=paths, help="Paths that are left as they are, with all below them."),
    )

    def needs(self, wish: Wish, looked: Looked) -> Needs:
        """Everything below by one command, then which of the open files of settings hold a secret."""
        asked = need_accounts((_text(wish, "owner"),), (_text(wish, "group"),))
        commands = [*asked.commands, *[find_below(_path(wish))] * (not is_system_folder(_path(wish)))]
        candidates = _candidates(wish, _files(wish, looked))
        if candidates:
            commands.append(grep_secrets(candidates))
        paths = (*asked.paths, MOUNTINFO)  # never what the wish names: it may be a file that is a secret itself
        return Needs(paths=paths, folders=(posixpath.dirname(_path(wish)),), commands=tuple(commands))

    def compare(self, wish: Wish, looked: Looked) -> Drift | Missing:
        """One change for each mode and each owner that is to be corrected."""
        subject = Ref("path", (looked.node, _path(wish)))
        ids = find_ids(looked, _text(wish, "owner"), _text(wish, "group"))
        if not is_system_folder(_path(wish)) and _is_made(wish, looked):
            return Drift(subject=subject, before="made by an earlier wish", after=_wished_words(wish))
        problem = _objection(wish, ids, looked)
        if problem:
            return Drift(subject=subject, before="not judged", after=_wished_words(wish), problem=problem)
        if isinstance(ids, Missing):
            return ids
        files = _files(wish, looked)
        if isinstance(files, Missing):
            return files
        verdict = judge_tree([one for one in files if _nameable(one.path)], _rules(wish, ids, files, looked))
        corrections = verdict.corrections[:CORRECTED]
        return Drift(
            subject=subject,
            before=_found_words(verdict, len(files)),
            after=_wished_words(wish),
            changes=tuple(change for one in corrections for change in _changes(one, looked)),
            kept=tuple(_kept(wish, files, verdict, looked)),
        )

    def copy(self, wish: Wish, looked: Looked) -> Wish | Missing:
        """Whose the folder is there; its modes are no bounds that somebody wished."""
        files = _files(wish, looked)
        if isinstance(files, Missing):
            return files
        top = next((one for one in files if one.path == _path(wish)), None)
        if top is None or top.kind != "d":
            return absent(f"{_path(wish)} is no folder there")
        owner, _, group = say_owner(looked, top.uid, top.gid).partition(":")
        return {"owner": owner, "group": group, **wish}

    def propose(self, seen: Seen, node: str) -> tuple[Wish, ...]:
        """The folders in which engines keep their models."""
        stores = [row_of(one.value) for one in seen.named("engine.store") if one.subject.node == node]
        found = dict.fromkeys(text_of(row, "path") for row in stores)
        return tuple({"path": one} for one in found if one.startswith("/"))


def _objection(wish: Wish, ids: tuple[int, int] | Missing, looked: Looked) -> str:
    """Why nothing may be made of this wish; "" for nothing."""
    where = _path(wish)
    files = _files(wish, looked)
    if is_system_folder(where):
        return f"{where} is the system's own folder: its packages set its owners and modes"
    if _is_absent(wish, looked):
        return f"there is no {where}; a table `folder` makes it"
    if not isinstance(files, Missing) and any(one.path == where and one.kind == "l" for one in files):
        return f"{where} is a link: name the folder that it leads to"
    if isinstance(ids, Missing) and ids.kind == "absent":
        return f"{ids.reason}; a table `account` makes it"
    return ""


def _is_absent(wish: Wish, looked: Looked) -> bool:
    """Whether nothing lies there, by the names in the folder above."""
    folder, name = posixpath.split(_path(wish))
    names = looked.names.get(folder, ())
    if isinstance(names, Missing):
        return names.kind == "absent"
    return name not in names


def _is_made(wish: Wish, looked: Looked) -> bool:
    """Whether an earlier wish of the same plan makes the folder, in which nothing can lie yet."""
    entry = looked.entries.get(_path(wish))
    return isinstance(entry, Entry) and entry.kind == "folder" and _is_absent(wish, looked)


def _files(wish: Wish, looked: Looked) -> tuple[FoundFile, ...] | Missing:
    """Everything below that is judged."""
    ran = looked.ran.get(find_below(_path(wish)), unknown(f"{_path(wish)} was not looked into"))
    if isinstance(ran, Missing):
        return ran
    found = parse_found(ran.stdout, PATHS)
    if not found:
        said = escape_controls(ran.stderr.decode("utf-8", "replace").strip())[:200]
        return failed(f"what lies below {_path(wish)} cannot be told; it takes GNU find: {said}")
    judged = below(sorted(found, key=attrgetter("path")), (*_excepted(wish), *_mounted(wish, looked)))
    return tuple(_foreseen(one, looked.entries.get(one.path)) for one in judged)


def _foreseen(found: FoundFile, entry: Entry | Missing | None) -> FoundFile:
    """As it will be once the changes of earlier wishes are made, where there are any about it."""
    if not isinstance(entry, Entry) or entry.kind != _KINDS.get(found.kind) or entry.mode < 0:
        return found
    if entry.uid < 0 or entry.gid < 0:
        return replace(found, mode=entry.mode)
    return replace(found, mode=entry.mode, uid=entry.uid, gid=entry.gid)


def _candidates(wish: Wish, files: tuple[FoundFile, ...] | Missing) -> tuple[str, ...]:
    """Files that others may read and that may hold a secret although their names do not say so."""
    if isinstance(files, Missing) or not wish.get("secrets", True):
        return ()
    readable = [one for one in files if one.kind == FILE and one.mode & OTHERS_READ and _nameable(one.path)]
    named = [(one, posixpath.basename(one.path)) for one in readable]
    found = [one.path for one, name in named if not is_secret_file(name) and may_hold_secret(name, one.size_bytes)]
    return tuple(found[:LOOKED_INTO])


def _rules(wish: Wish, ids: tuple[int, int], files: tuple[FoundFile, ...], looked: Looked) -> Rules:
    secrets: set[str] = set()
    if wish.get("secrets", True):
        secrets = {one.path for one in files if is_secret_file(posixpath.basename(one.path))}
        candidates = _candidates(wish, files)
        ran = looked.ran.get(grep_secrets(candidates))
        if isinstance(ran, Ran):
            secrets |= {one.decode("utf-8", "replace") for one in ran.stdout.split(b"\0")} & set(candidates)
    return Rules(
        uid=ids[0],
        gid=ids[1],
        files=int(wish.get("files", 0o777)),
        folders=int(wish.get("folders", 0o777)),
        set_id=frozenset(wish.get("setuid", ())),
        secrets=frozenset(secrets),
    )


def _changes(one: Correction, looked: Looked) -> Iterator[Change]:
    """Rights are taken before the owner changes, so that nothing runs as a new owner in between."""
    found, wished = one.found, one.wished
    subject, why = Ref("path", (looked.node, found.path)), ", ".join(one.why)
    if wished.mode != found.mode:
        yield Change(
            subject=subject,
            what=f"mode of {found.path}",
            before=f"{found.mode:04o}, {why}",
            after=f"{wished.mode:04o}" + _ANEW * ("a secret that others may read" in one.why),
            do=SetMode(path=found.path, mode=wished.mode),
            undo=SetMode(path=found.path, mode=found.mode),
        )
    if (wished.uid, wished.gid) != (found.uid, found.gid):
        yield Change(
            subject=subject,
            what=f"owner of {found.path}",
            before=say_owner(looked, found.uid, found.gid),
            after=say_owner(looked, wished.uid, wished.gid),
            do=SetOwner(path=found.path, uid=wished.uid, gid=wished.gid),
            undo=SetOwner(path=found.path, uid=found.uid, gid=found.gid),
        )


_ANEW = "; make the secret anew: it could be read until now"


def _kept(wish: Wish, files: tuple[FoundFile, ...], verdict: Verdict, looked: Looked) -> Iterator[str]:
    """What was not judged or is left, and why."""
    ran = looked.ran.get(find_below(_path(wish)))
    shut = 0
    total = len(files)
    if isinstance(ran, Ran):
        shut = sum(line.startswith(b"find: ") for line in ran.stderr.splitlines())
        total = ran.stdout.count(b"\0")
    if verdict.shared:
        yield f"{_some(verdict.shared)}: also has a name outside, where a change would count too; change it yourself"
    for one in _mounted(wish, looked):
        yield f"{escape_controls(one)}: something else is mounted there, which is not judged"
    if shut:
        yield f"{shut} folders could not be looked into"
    if total > PATHS:
        yield f"only the first {PATHS} of {total} paths were judged: name folders below by tables of their own"
    unnameable = sum(not _nameable(one.path) for one in files)
    if unnameable:
        yield f"{unnameable} paths have names that no plan can hold (control characters, no UTF-8)"
    if len(verdict.corrections) > CORRECTED:
        yield f"{len(verdict.corrections) - CORRECTED} more paths are corrected by the next plan"
    yield from _kept_of_secrets(wish, files, looked)


def _kept_of_secrets(wish: Wish, files: tuple[FoundFile, ...], looked: Looked) -> Iterator[str]:
    candidates = _candidates(wish, files)
    ran = looked.ran.get(grep_secrets(candidates))
    if len(candidates) >= LOOKED_INTO:
        yield f"secrets were looked for in the first {LOOKED_INTO} files of settings that others may read"
    if candidates and (not isinstance(ran, Ran) or (ran.code > 1 and not ran.stdout)):
        yield "secrets were told by names of files alone: grep did not answer"


def _mounted(wish: Wish, looked: Looked) -> tuple[str, ...]:
    """What is mounted below the folder; a bind mount of the same file system too."""
    return tuple(one.path for one in find_mounts(looked) if one.path.startswith(f"{_path(wish)}/"))


def _excepted(wish: Wish) -> tuple[str, ...]:
    return tuple(posixpath.normpath(one) for one in wish.get("except", ()))


def _found_words(verdict: Verdict, total: int) -> str:
    if not verdict.corrections:
        return f"{total} paths, none looser than wished"
    told = ", ".join(f"{count} {why}" for why, count in sorted(verdict.counts.items()))
    return f"{len(verdict.corrections)} of {total} paths: {told}"


def _wished_words(wish: Wish) -> str:
    parts = ["nothing open for all to write", "nothing setuid" + " but what is named" * bool(wish.get("setuid"))]
    parts += ["secrets closed to others"] * bool(wish.get("secrets", True))
    parts += [f"{key} at most {wish[key]:04o}" for key in ("files", "folders") if key in wish]
    parts += [f"{key} {wish[key]}" for key in ("owner", "group") if key in wish]
    return ", ".join(parts)


def _some(found: list[str]) -> str:
    more = f" and {len(found) - NAMED} more" * (len(found) > NAMED)
    return ", ".join(found[:NAMED]) + more


def _nameable(where: str) -> bool:
    """Whether a Ref and a journal can name it."""
    return _UNNAMEABLE.search(where) is None


def _path(wish: Wish) -> str:
    return "/" + posixpath.normpath(str(wish["path"])).lstrip("/")


def _text(wish: Wish, key: str) -> str:
    return str(wish.get(key, ""))
