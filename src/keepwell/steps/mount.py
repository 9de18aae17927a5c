"""Mount a file system at every boot and now: one line of /etc/fstab, every other byte of which stays.

The line bears an option of keepwell's own, which mount reads over: by it exactly this line is mounted and taken down
again, and doing so twice does nothing the second time. A share gets `nofail` and a time limit, so that a server that is
gone does not keep the node from starting; nothing is mounted over a folder in which something lies.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from keepwell.config.sections import Key
from keepwell.config.shapes import path, text, texts
from keepwell.core.observation import Missing, Seen, failed
from keepwell.core.ref import Ref
from keepwell.core.secret import MASK, is_secret_name, mask_text
from keepwell.core.step import Change, RunCommand
from keepwell.core.values import rows_of, text_of, texts_of
from keepwell.formats.fstab import FstabEntry, parse_fstab, same_place, set_entry
from keepwell.formats.mounts import Mount, parse_mountinfo
from keepwell.plugins.mount_source import find_source_problem, is_mounted_from, source_needs
from keepwell.plugins.whole_file import WholeFile, find_content, make_folders, needed_paths, put_file
from keepwell.plugins.wish import Drift, Keeps, Looked, Needs, Wish

FSTAB, MOUNTED = "/etc/fstab", "/proc/self/mountinfo"
#: There where systemd runs the node (sd_booted(3)); it makes units of fstab, and has to read it again.
SYSTEMD = "/run/systemd/system"
RELOAD = RunCommand(argv=("systemctl", "daemon-reload"))
#: What a share gets that says nothing of it: without the first the boot stops where its server is gone, without the
#: last it waits 90 s.
SHARE_OPTIONS = ("nofail", "_netdev", "x-systemd.mount-timeout=30")
#: Seconds for mount: a share's own limit, and more for a disk whose journal is played.
MOUNT_SECONDS = 120.0
_MARK = re.compile(r"[^A-Za-z0-9]+")


class _Mount:
    """The step; it holds no state."""

    title = "Mounts"
    table = "mount"
    keys: tuple[Key, ...] = (
        Key(name="where", shape=path, help="the folder", required=True),
        Key(name="what", shape=text, help='a device, "UUID=...", a share like "nas:/models", or a folder to bind'),
        Key(name="type", shape=text, help='the file system, like "xfs" or "nfs4"; "none" for a bind'),
        Key(name="options", shape=texts, help="options of mount; a share also gets nofail and a time limit"),
    )

    def needs(self, wish: Wish, looked: Looked) -> Needs:
        """fstab and what is mounted; then the folder, unless something is mounted there, which may hang."""
        here = _find_mount(wish, looked)
        entry = _wished(wish, looked)
        if isinstance(here, Missing) or isinstance(entry, Missing):
            return Needs(paths=(*needed_paths(FSTAB), MOUNTED), folders=(SYSTEMD,))
        needs = source_needs(entry.what, here)
        if here is None:
            folders = (wish["where"], *needs.folders)
            return replace(needs, paths=(*needed_paths(wish["where"]), *needs.paths), folders=folders)
        return needs

    def compare(self, wish: Wish, looked: Looked) -> Drift | Missing:
        """The line, and whether it is mounted."""
        here, entry = _find_mount(wish, looked), _wished(wish, looked)
        for one in (here, entry):
            if isinstance(one, Missing):
                return one
        assert not isinstance(here, Missing)
        assert not isinstance(entry, Missing)
        problem = _find_problem(wish, entry, here, looked)
        if isinstance(problem, Missing):
            return problem
        subject, before = Ref("mount", (looked.node, wish["where"])), _tell_there(wish, here, looked)
        if problem:
            return Drift(subject=subject, before=before, after=_tell(entry), problem=problem)
        changes = _changes(entry, here, looked)
        if isinstance(changes, Missing):
            return changes
        kept = _find_kept(entry, here, changed=bool(changes))
        return Drift(subject=subject, before=before, after=_tell(entry), changes=changes, kept=kept,
                     activate=(RELOAD,) * (bool(changes) and _has_systemd(looked)))  # fmt: skip

    def copy(self, wish: Wish, looked: Looked) -> Wish | Missing:
        """As the node's fstab has it."""
        content = find_content(looked, FSTAB)
        if isinstance(content, Missing):
            return content
        one = _find_entry(wish, parse_fstab(content))
        if one is None:
            return failed(f"{FSTAB} has no line for {wish['where']}")
        return {"what": one.what, "type": one.kind, "options": _unmarked(one.options), **wish}

    def propose(self, seen: Seen, node: str) -> tuple[Wish, ...]:
        """Shares that are mounted: disks of one node are not those of another."""
        rows = rows_of(seen.value(Ref("node", (node,)), "host.mounts"))
        mounts = [
            Mount(path=text_of(row, "path"), kind=text_of(row, "kind"), device=text_of(row, "device"),
                  options=texts_of(row.get("options")))
            for row in rows
        ]  # fmt: skip
        return tuple({"where": one.path} for one in mounts if one.remote)


def _find_mount(wish: Wish, looked: Looked) -> Mount | Missing | None:
    """What is mounted there."""
    content = find_content(looked, MOUNTED)
    if isinstance(content, Missing):
        return content
    mounts = parse_mountinfo(content.decode("utf-8", "surrogateescape"))
    return next((one for one in mounts if same_place(one.path, wish["where"])), None)


def _read_fstab(looked: Looked) -> bytes | Missing:
    """Its bytes; a node without one has none mounted by it."""
    content = find_content(looked, FSTAB)
    if isinstance(content, Missing) and content.kind == "absent":
        return b""
    return content


def _wished(wish: Wish, looked: Looked) -> FstabEntry | Missing:
    """The line that is wished; what is not said is as it stands there."""
    content = _read_fstab(looked)
    if isinstance(content, Missing):
        return content
    old = _find_entry(wish, parse_fstab(content)) or FstabEntry(what="", where=wish["where"], kind="auto")
    what, kind = wish.get("what", old.what), wish.get("type", old.kind)
    options = tuple(wish.get("options", _unmarked(old.options))) or ("defaults",)
    if Mount(path=wish["where"], kind=kind, device=what, options=()).remote:
        options = _without_defaults((*options, *(one for one in SHARE_OPTIONS if not _has(options, one))))
    return FstabEntry(what=what, where=wish["where"], kind=kind, options=options, dump=old.dump, check=old.check)


def _find_entry(wish: Wish, entries: Sequence[FstabEntry]) -> FstabEntry | None:
    return next((one for one in entries if same_place(one.where, wish["where"])), None)


def _has(options: Sequence[str], wanted: str) -> bool:
    """Whether the option, or another value for it, or its contrary, is said."""
    names = {one.partition("=")[0] for one in options}
    name = wanted.partition("=")[0]
    return bool(names & {name, name.removeprefix("no"), f"no{name}"})


def _without_defaults(options: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one for one in options if one != "defaults") or options


def _mark(where: str) -> str:
    """The option by which exactly this line is found."""
    return f"x-keepwell.{_MARK.sub('-', where).strip('-')}"


def _unmarked(options: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one for one in options if not one.startswith("x-keepwell."))


def _find_problem(wish: Wish, entry: FstabEntry, here: Mount | None, looked: Looked) -> str | Missing:
    """Why it cannot be mounted there, "" if it can."""
    if not entry.what:
        return "it is not said what is mounted there"
    if any("," in one or not one.strip() for one in entry.options):
        return "an option with a comma in it: each is an item of its own"
    if here is not None:
        return _find_other(entry, here, looked)
    problem = find_source_problem(entry.what, looked)
    if problem or isinstance(problem, Missing):
        return problem
    folder = looked.entries.get(wish["where"], failed(f"{wish['where']} was not looked at"))
    if isinstance(folder, Missing):
        return folder
    if folder.kind == "absent":
        return ""
    if folder.kind != "folder":
        return f"{wish['where']} is a {folder.kind}, not a folder"
    names = looked.names.get(wish["where"], failed(f"{wish['where']} was not looked at"))
    if isinstance(names, Missing):
        return names
    if names:
        return f"{wish['where']} holds {len(names)} things, which the mount would hide: move them away first"
    return ""


def _find_other(entry: FstabEntry, here: Mount, looked: Looked) -> str:
    """Whether something else is mounted there."""
    kinds = {entry.kind, here.kind}
    same_kind = len(kinds) == 1 or bool(kinds & {"auto", "none"}) or kinds == {"nfs", "nfs4"}
    bound = "bind" in entry.options or "rbind" in entry.options
    if bound or (same_kind and is_mounted_from(entry.what, here, looked)):
        return ""
    return f"{here.device} ({here.kind}) is mounted there: take it down first (`umount {here.path}`)"


def _changes(entry: FstabEntry, here: Mount | None, looked: Looked) -> tuple[Change, ...] | Missing:
    """The folder, the line, and the mount."""
    folders: tuple[Change, ...] | Missing = ()
    if here is None:
        folders = make_folders(needed_paths(entry.where), looked)
    if isinstance(folders, Missing):
        return folders
    mounts = here is None and "noauto" not in entry.options
    line = _put_line(entry, looked, marked=mounts)
    if isinstance(line, Missing):
        return line
    node = looked.node
    return (*folders, *line, *(_reload(node),) * (mounts and _has_systemd(looked)), *(_mount(node, entry),) * mounts)


def _put_line(entry: FstabEntry, looked: Looked, *, marked: bool) -> tuple[Change, ...] | Missing:
    """The line, with the mark where it is needed; as it stands where it says the same."""
    content = _read_fstab(looked)
    if isinstance(content, Missing):
        return content
    old = _find_entry({"where": entry.where}, parse_fstab(content))
    marks: tuple[str, ...] = (_mark(entry.where),)
    if old is not None and not marked:
        marks = tuple(one for one in old.options if one not in _unmarked(old.options))
    wished = replace(entry, options=(*entry.options, *marks))
    if old is not None and replace(old, where=entry.where) == wished:
        return ()
    was = "(no line)"
    if old is not None:
        was = _tell(old)
    try:
        after = set_entry(content, wished)
    except ValueError as error:
        return failed(f"{FSTAB}: {error}")
    return put_file(WholeFile(path=FSTAB, content=after, told=_tell(wished), was=was), looked)


def _mount(node: str, entry: FstabEntry) -> Change:
    mark = _mark(entry.where)
    return Change(
        subject=Ref("mount", (node, entry.where)),
        what=f"mount {entry.where}",
        before="not mounted",
        after=f"{mask_text(entry.what)} mounted",
        do=RunCommand(argv=("mount", "--all", "--test-opts", mark), timeout_seconds=MOUNT_SECONDS),
        undo=RunCommand(argv=("umount", "--all", "--test-opts", mark), timeout_seconds=MOUNT_SECONDS),
    )


def _reload(node: str) -> Change:
    """Before the mount: systemd takes down again what its old reading of fstab does not know."""
    return Change(
        subject=Ref("node", (node,)),
        what="systemd's units of fstab",
        before="of the file as it was",
        after="of the file as it is",
        do=RELOAD,
        undo=RELOAD,
    )


def _has_systemd(looked: Looked) -> bool:
    return not isinstance(looked.names.get(SYSTEMD, failed("not looked")), Missing)


def _find_kept(entry: FstabEntry, here: Mount | None, *, changed: bool) -> tuple[str, ...]:
    if here is not None and changed:
        return (f"{entry.where} stays mounted as it is; the line is in force from its next mount on",)
    if here is None and "noauto" in entry.options:
        return (f"{entry.where} is not mounted, as `noauto` says",)
    return ()


def _tell_there(wish: Wish, here: Mount | None, looked: Looked) -> str:
    content = _read_fstab(looked)
    words = ["not mounted"] * (here is None)
    old = None
    if isinstance(content, bytes):
        old = _find_entry(wish, parse_fstab(content))
    if old is None:
        return ", ".join([f"no line in {FSTAB}", *words])
    return ", ".join([_tell(old), *words])


def _tell(entry: FstabEntry) -> str:
    options = ",".join(map(_tell_option, _unmarked(entry.options)))
    return f"{mask_text(entry.what)} {entry.kind} ({options})"


def _tell_option(option: str) -> str:
    """Shares of Windows may have their password in an option."""
    name, equals, _ = option.partition("=")
    if equals and (name == "pass" or is_secret_name(name)):
        return f"{name}={MASK}"
    return option


STEP: Keeps = _Mount()
