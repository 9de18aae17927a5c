"""Keep a folder with its owner, group and mode; the folders above it are made where there are none.

What lies in it is not touched: see the step `permissions`. The owner is found on the node, by name or number.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from keepwell.config.sections import Key
from keepwell.config.shapes import path, user
from keepwell.config.wish_shapes import mode
from keepwell.core.entry import Entry, is_as_wished
from keepwell.core.observation import Missing, Seen, unknown
from keepwell.core.ref import Ref
from keepwell.core.step import Change, Put, RunCommand, reverse
from keepwell.core.values import row_of, text_of
from keepwell.plugins.accounts import find_ids, need_accounts, say_owner
from keepwell.plugins.system_folders import MOUNTINFO, find_mounts, is_system_folder
from keepwell.plugins.whole_file import needed_paths
from keepwell.plugins.wish import Drift, Keeps, Looked, Needs, Wish

#: Permission bits of a folder that nobody wished others for, and of those that are made above it.
USUAL_MODE = 0o755
_NO_FOLDER = "no such folder"


class _Folder:
    """The step; it holds no state."""

    title = "Keep a folder with its owner and mode"
    table = "folder"
    keys: tuple[Key, ...] = (
        Key(name="path", shape=path, required=True, help="The folder; those above it are made too, as usual ones."),
        Key(name="owner", shape=user, help="Whose it is, by name or number; of a new one: who applies the plan."),
        Key(name="group", shape=user, help="Its group, by name or number."),
        Key(
            name="mode",
            shape=mode,
            help='Its permission bits, like "0750", or "2770" to hand its group on; a new one has 0755.',
        ),
    )

    def needs(self, wish: Wish, looked: Looked) -> Needs:
        """The folder, those above it, what is mounted, and who the owner is."""
        asked = need_accounts((_text(wish, "owner"),), (_text(wish, "group"),))
        return Needs(paths=(*needed_paths(_path(wish)), *asked.paths, MOUNTINFO), commands=asked.commands)

    def compare(self, wish: Wish, looked: Looked) -> Drift | Missing:
        """One change for the folder, after one for each folder above that is not there."""
        where = _path(wish)
        found = looked.entries.get(where, unknown(f"{where} was not looked at"))
        ids = find_ids(looked, *(_text(wish, one) * (one not in _coming(wish, looked)) for one in ("owner", "group")))
        if isinstance(found, Missing):
            return found
        if isinstance(ids, Missing) and ids.kind != "absent":
            return ids
        problem = _objection(where, found, ids, looked)
        before, after = _words(found, looked), _wished_words(wish, found, looked)
        if problem or isinstance(ids, Missing):
            return Drift(subject=_subject(where, looked), before=before, after=after, problem=problem)
        wished = Entry(kind="folder", uid=ids[0], gid=ids[1], mode=_wished_mode(wish, found))
        handed = _hand_over(wish, found, looked)
        if is_as_wished(found, wished) and not handed:
            return Drift(subject=_subject(where, looked), before=before, after=before)
        changes = [
            _change(one, above, Entry(kind="folder", mode=USUAL_MODE), looked)
            for one in needed_paths(where)[:-1]
            if isinstance(above := looked.entries.get(one), Entry) and above.kind == "absent"
        ]
        changes += [_change(where, found, wished, looked, after=after)] * (not is_as_wished(found, wished))
        changes += handed
        return Drift(subject=_subject(where, looked), before=before, after=after, changes=tuple(changes))

    def copy(self, wish: Wish, looked: Looked) -> Wish | Missing:
        """Owner and group by name, and the mode."""
        found = looked.entries.get(_path(wish), unknown(f"{_path(wish)} was not looked at"))
        if isinstance(found, Missing):
            return found
        if found.kind != "folder":
            return Missing(kind="absent", reason=f"{_path(wish)} is no folder there")
        owner, _, group = say_owner(looked, found.uid, found.gid).partition(":")
        return {"owner": owner, "group": group, "mode": found.mode, **wish}

    def propose(self, seen: Seen, node: str) -> tuple[Wish, ...]:
        """The folders in which engines keep their models."""
        stores = [row_of(one.value) for one in seen.named("engine.store") if one.subject.node == node]
        paths = dict.fromkeys(text_of(row, "path") for row in stores)
        return tuple({"path": one} for one in paths if one.startswith("/"))


def _objection(where: str, found: Entry, ids: tuple[int, int] | Missing, looked: Looked) -> str:
    """Why it must not, or cannot, be made or changed here; "" for nothing."""
    if is_system_folder(where):
        return f"{where} is the system's own folder: its packages set its owner and mode"
    if found.kind == "link":
        return f"{where} is a link to {found.target}: name the folder that it leads to"
    if found.kind == "file":
        return f"a file lies at {where}: move it away first"
    blocked = [one for one in needed_paths(where)[:-1] if _is_file(looked.entries.get(one))]
    if blocked:
        return f"{blocked[0]} is a file: no folder can lie below it"
    if isinstance(ids, Missing):
        return f"{ids.reason}; a table `account` makes it, and the next plan this folder"
    return ""


def _coming(wish: Wish, looked: Looked) -> tuple[str, ...]:
    """Which of owner and group an earlier wish of the same plan makes."""
    return tuple(one for one in ("owner", "group") if _text(wish, one) in looked.coming)


def _hand_over(wish: Wish, found: Entry, looked: Looked) -> list[Change]:
    """Give it to an owner or group whose number is known only when the plan has made it."""
    where, coming = _path(wish), _coming(wish, looked)
    if not coming:
        return []
    whose = ":".join(_text(wish, one) * (one in coming) for one in ("owner", "group")).removesuffix(":")
    back = RunCommand(argv=("chown", f"{found.uid}:{found.gid}", where))
    if found.kind == "absent":
        back = RunCommand(argv=("true",))  # the folder goes
    return [
        Change(
            subject=_subject(where, looked),
            what=f"owner of {where}",
            before="whoever made it" * (found.kind == "absent") or say_owner(looked, found.uid, found.gid),
            after=f"{whose}, as this plan makes it",
            do=RunCommand(argv=("chown", whose, where)),
            undo=back,
        )
    ]


def _is_file(entry: Entry | Missing | None) -> bool:
    return isinstance(entry, Entry) and entry.kind == "file"


def _wished_mode(wish: Wish, found: Entry) -> int:
    if found.kind == "absent":
        return int(wish.get("mode", USUAL_MODE))
    return int(wish.get("mode", -1))


def _change(where: str, found: Entry, wished: Entry, looked: Looked, after: str = "") -> Change:
    put = Put(path=where, before=found, after=wished)
    return Change(
        subject=_subject(where, looked),
        what=f"folder {where}",
        before=_words(found, looked),
        after=after or f"a folder, mode {wished.mode:04o}",
        do=put,
        undo=reverse(put),
    )


def _words(found: Entry, looked: Looked) -> str:
    if found.kind == "absent":
        return _NO_FOLDER
    return f"{say_owner(looked, found.uid, found.gid)}, mode {found.mode:04o}"


def _wished_words(wish: Wish, found: Entry, looked: Looked) -> str:
    """Whose it is to be and with which mode; that it holds for what is mounted there, where something is."""
    there = ["who applies this", ""]
    if found.kind != "absent":
        there = say_owner(looked, found.uid, found.gid).split(":")
    whose = ":".join([_text(wish, "owner") or there[0], _text(wish, "group") or there[1]]).rstrip(":")
    bits = _wished_mode(wish, found)
    if bits < 0:
        bits = found.mode
    mounted = [one for one in find_mounts(looked) if one.path == _path(wish)]
    said = "".join(f" (of the {one.kind} of {one.device} that is mounted there)" for one in mounted)
    return f"{whose}, mode {bits:04o}{said}"


def _path(wish: Wish) -> str:
    return str(PurePosixPath(str(wish["path"])))


def _text(wish: Wish, key: str) -> str:
    return str(wish.get(key, ""))


def _subject(where: str, looked: Looked) -> Ref:
    return Ref("path", (looked.node, where))


STEP: Keeps = _Folder()
