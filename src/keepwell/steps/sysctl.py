"""Keep settings of the kernel: in the file that is read at boot, and in the kernel that runs.

A file that is read later and says otherwise is told, as it wins at the next boot. What cannot be taken back while the
kernel runs says so. Nothing is made of a wish of which any key is not this kernel's.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from keepwell.config.sections import Key
from keepwell.config.shapes import path
from keepwell.config.wish_shapes import values
from keepwell.core.entry import Entry
from keepwell.core.observation import Missing, Seen
from keepwell.core.ref import Ref
from keepwell.core.secret import is_secret_name
from keepwell.core.step import Change, RunCommand
from keepwell.formats.mounts import find_mount
from keepwell.formats.sysctl import parse_key, parse_sysctl, render_key, same_value, set_value
from keepwell.plugins.system_folders import MOUNTINFO, find_mounts
from keepwell.plugins.whole_file import WholeFile, find_content, needed_paths, put_file
from keepwell.plugins.wish import Drift, Keeps, Looked, Needs, Wish

FILE = "/etc/sysctl.d/90-keepwell.conf"
ROOT = "/proc/sys/"
#: Folders whose files are read at boot, in the order of the files' names; of two files of one name that of the
#: earlier folder counts (sysctl.d(5)).
FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d")
#: Read after all of them by `sysctl --system`; where it is not, it is a link's target in one of the folders.
LAST = "/etc/sysctl.conf"
#: Files that do something once when they are written, and keep no value (proc(5)).
ORDERS = frozenset({"vm/drop_caches", "vm/compact_memory", "net/ipv4/route/flush", "net/ipv6/route/flush"})
#: Values after which the kernel takes no other until it starts again.
LASTING: Mapping[str, tuple[str, ...]] = {
    "kernel/modules_disabled": ("1",),
    "kernel/kexec_load_disabled": ("1",),
    "kernel/unprivileged_bpf_disabled": ("1",),
    "kernel/yama/ptrace_scope": ("3",),
}
_AT_BOOT = "(not set at boot)"


class _Sysctl:
    """The step; it holds no state."""

    title = "Keep settings of the kernel"
    table = "sysctl"
    keys: tuple[Key, ...] = (
        Key(name="values", shape=values, help='Settings with values, like {"vm.swappiness" = 10}.'),
        Key(name="file", shape=path, help=f"The file that keeps them at boot; {FILE} if left out."),
    )

    def needs(self, wish: Wish, looked: Looked) -> Needs:
        """The file, the running values, and every file that is read later."""
        running = tuple(ROOT + one for one in _wished(wish))
        later = tuple(one for one in _later(wish, looked) if one not in looked.entries)
        targets = tuple(_target(one, looked) for one in _later(wish, looked))
        paths = (*needed_paths(_file(wish)), *running, MOUNTINFO, *later, *(one for one in targets if one))
        return Needs(paths=paths, folders=FOLDERS)

    def compare(self, wish: Wish, looked: Looked) -> Drift | Missing:
        """The file as it ought to be, then a command for each value that the kernel has otherwise."""
        content = _content(wish, looked)
        wished = _wished(wish)
        if isinstance(content, Missing):
            return content
        unreadable = [one for one in (looked.entries.get(ROOT + key) for key in wished) if isinstance(one, Missing)]
        if unreadable:
            return unreadable[0]
        problem = _objection(wish, looked)
        running = {key: _running(key, looked) for key in wished}
        saved = {one.key: one.value for one in parse_sysctl(content)}
        file = _file_wished(wish, content, saved)
        puts = put_file(file, looked)
        if isinstance(puts, Missing):
            return puts
        changed = [key for key, value in wished.items() if not same_value(running[key], value)]
        runs = tuple(_set_now(key, running[key], wished[key], looked) for key in changed)
        if changed and not problem:
            problem = _read_only(changed, looked)
        return Drift(
            subject=Ref("path", (looked.node, _file(wish))),
            before=", ".join(_say(key, running[key], saved.get(key)) for key in wished),
            after=", ".join(_say(key, value, value) for key, value in wished.items()),
            changes=(*puts, *runs) * (not problem),
            problem=problem,
            kept=tuple(_overridden(wish, looked)),
        )

    def copy(self, wish: Wish, looked: Looked) -> Wish | Missing:
        """The settings of the file there, where the wish names none."""
        content = find_content(looked, _file(wish))
        if "values" in wish:
            return wish
        if isinstance(content, Missing):
            return content
        return {**wish, "values": {render_key(one.key): one.value for one in parse_sysctl(content)}}

    def propose(self, seen: Seen, node: str) -> tuple[Wish, ...]:
        """None: which settings somebody chose cannot be told from those that the kernel chose."""
        return ()


def _objection(wish: Wish, looked: Looked) -> str:
    """Why nothing may be made of this wish; "" for nothing."""
    for text in wish.get("values", {}):
        try:
            key = parse_key(text)
        except ValueError as error:
            return str(error)
        if key in ORDERS:
            return f"{text} does something once and keeps no value"
        if is_secret_name(key.replace("/", ".")):
            return f"{text} is a secret: it must not stand in a plan"
        found = looked.entries.get(ROOT + key)
        if isinstance(found, Entry) and found.kind != "file":
            return f"this kernel has no setting {text}: its module may not be loaded, or it is another release's"
    folder, name = posixpath.split(_file(wish))
    if _file(wish) != LAST and (folder not in FOLDERS or not name.endswith(".conf")):
        return f"nothing reads {_file(wish)} at boot: let it be a .conf in {FOLDERS[0]}"
    return ""


def _read_only(changed: list[str], looked: Looked) -> str:
    mount = find_mount(ROOT + changed[0], find_mounts(looked))
    if mount is None or not mount.read_only:
        return ""
    return (
        f"{mount.path} is read-only here, as in a container: set {render_key(changed[0])} on the machine that runs it"
    )


def _file_wished(wish: Wish, content: bytes, saved: Mapping[str, str]) -> WholeFile:
    wished = _wished(wish)
    for key, value in wished.items():
        content = set_value(content, key, value)
    was = ", ".join(_say_saved(key, saved.get(key)) for key in wished)
    told = ", ".join(_say_saved(key, value) for key, value in wished.items())
    return WholeFile(path=_file(wish), content=content, told=told, was=was)


def _set_now(key: str, old: str, new: str, looked: Looked) -> Change:
    """Set in the kernel that runs."""
    undo, lasting = RunCommand(argv=("sysctl", "-w", f"{render_key(key)}={old}")), ""
    if new in LASTING.get(key, ()):
        lasting = "the kernel takes it back only when it starts again"
    elif not old:
        lasting = "it had no value, and sysctl writes no empty one"
    return Change(
        subject=Ref("node", (looked.node,)),
        what=render_key(key),
        before=old or "(empty)",
        after=new,
        do=RunCommand(argv=("sysctl", "-w", f"{render_key(key)}={new}")),
        undo={False: undo, True: None}[bool(lasting)],
        irreversible=lasting,
    )


def _overridden(wish: Wish, looked: Looked) -> Iterator[str]:
    """What files that are read later say otherwise."""
    wished = _wished(wish)
    for where in _later(wish, looked):
        content = find_content(looked, _target(where, looked) or where)
        if isinstance(content, Missing):
            continue
        for one in parse_sysctl(content):
            if one.key in wished and not same_value(one.value, wished[one.key]):
                said = f"{where}, line {one.line}, sets {render_key(one.key)} to {one.value}"
                yield f"{said}: it is read after {_file(wish)}, so that counts at the next boot"


def _later(wish: Wish, looked: Looked) -> tuple[str, ...]:
    """Files that are read at boot after the wish's own, in their order."""
    own = posixpath.basename(_file(wish))
    if _file(wish) == LAST:
        return ()
    found: dict[str, str] = {}
    for folder in FOLDERS:
        names = looked.names.get(folder, ())
        if not isinstance(names, Missing):
            for name in names:
                found.setdefault(name, f"{folder}/{name}")
    return (*(found[name] for name in sorted(found) if name > own and name.endswith(".conf")), LAST)


def _target(where: str, looked: Looked) -> str:
    """Where a file that is a link leads; "" for others."""
    found = looked.entries.get(where)
    if isinstance(found, Entry) and found.kind == "link":
        return posixpath.normpath(posixpath.join(posixpath.dirname(where), found.target))
    return ""


def _content(wish: Wish, looked: Looked) -> bytes | Missing:
    """The file's bytes; none where there is no such file."""
    found = find_content(looked, _file(wish))
    if isinstance(found, Missing) and found.kind == "absent":
        return b""
    return found


def _running(key: str, looked: Looked) -> str:
    """The value in the kernel that runs, its numbers told apart by blanks."""
    found = looked.entries.get(ROOT + key)
    if isinstance(found, Entry) and found.content is not None:
        return found.content.decode("utf-8", "replace").strip("\n").replace("\t", " ")
    return ""


def _wished(wish: Wish) -> Mapping[str, str]:
    """Paths below /proc/sys with values; keys that are none are left out."""
    return dict(_pairs(wish))


def _pairs(wish: Wish) -> Iterator[tuple[str, str]]:
    for text, value in wish.get("values", {}).items():
        try:
            yield parse_key(text), str(value)
        except ValueError:
            continue


def _file(wish: Wish) -> str:
    return str(wish.get("file", FILE))


def _say(key: str, running: str, saved: str | None) -> str:
    said = f"{render_key(key)} = {running or '(empty)'}"
    if saved is None:
        return f"{said} {_AT_BOOT}"
    return said + f" (at boot {saved})" * (not same_value(running, saved))


def _say_saved(key: str, saved: str | None) -> str:
    if saved is None:
        return f"{render_key(key)} {_AT_BOOT}"
    return f"{render_key(key)} = {saved}"


STEP: Keeps = _Sysctl()
