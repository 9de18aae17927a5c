"""Keep the limits of a user: how many files, processes and bytes of locked memory what runs as it may have.

They count for logins (PAM) from the next one on. A service of systemd does not read them: what runs as one is told, and
its unit's own limits belong to the table `unit`. What runs goes on with what it has.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import get_args

from keepwell.config.sections import Key
from keepwell.config.shapes import Toml, path, text
from keepwell.config.wish_shapes import values
from keepwell.core.observation import Missing, Seen
from keepwell.core.ref import Ref
from keepwell.formats.limits_conf import (
    LimitKind,
    LimitLine,
    find_limit,
    is_unlimited,
    parse_limits_conf,
    same_limit,
    set_limit,
)
from keepwell.formats.number import find_whole
from keepwell.formats.procfs import parse_cgroups, parse_limits
from keepwell.plugins.whole_file import WholeFile, find_content, needed_paths, put_file
from keepwell.plugins.wish import Drift, Keeps, Looked, Needs, Wish
from keepwell.transport.base import Ran

FILE, FOLDER = "/etc/security/limits.d/90-keepwell.conf", "/etc/security/limits.d"
#: The most files that any process may have: a login with a higher limit fails (setrlimit(2), EPERM).
MOST_FILES = "/proc/sys/fs/nr_open"
#: Limits by their name in the file: as /proc/PID/limits calls them, and what one of the file's units is there.
ITEMS: Mapping[str, tuple[str, int]] = {
    "nofile": ("Max open files", 1),
    "nproc": ("Max processes", 1),
    "memlock": ("Max locked memory", 1024),
    "stack": ("Max stack size", 1024),
    "core": ("Max core file size", 1024),
    "as": ("Max address space", 1024),
    "data": ("Max data size", 1024),
    "fsize": ("Max file size", 1024),
    "rtprio": ("Max realtime priority", 1),
    "sigpending": ("Max pending signals", 1),
}
#: Processes of the user that are looked at: a service has a few.
PROCESSES = 16
_DOMAIN = re.compile(r"@?[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?")
_VALUE = re.compile(r"\d{1,18}|-1|unlimited|infinity")
KINDS: tuple[LimitKind, ...] = get_args(LimitKind)


def domain(value: Toml) -> str:
    """A user, or a group with an @ before it."""
    found = text(value)
    if not _DOMAIN.fullmatch(found):
        raise ValueError('the name of a user, or of a group like "@llm"')
    return found


def limits(value: Toml) -> Mapping[str, str]:
    """Names of limits with numbers, or "unlimited"."""
    found = values(value)
    for name, one in found.items():
        if name not in ITEMS or not _VALUE.fullmatch(one):
            raise ValueError(f'limits like {{nofile = 65536, memlock = "unlimited"}}; known: {", ".join(ITEMS)}')
    return found


class _Limits:
    """The step; it holds no state."""

    title = "Keep the limits of a user"
    table = "limits"
    keys: tuple[Key, ...] = (
        Key(name="user", shape=domain, required=True, help='Whose limits: a user, or a group like "@llm".'),
        Key(name="soft", shape=limits, help="What a process starts with, like {nofile = 65536}; memory in KiB."),
        Key(name="hard", shape=limits, help='What it may raise that to, like {memlock = "unlimited"}.'),
        Key(name="file", shape=path, help=f"The file that keeps them; {FILE} if left out."),
    )

    def needs(self, wish: Wish, looked: Looked) -> Needs:
        """The file, those read later, and what runs as the user."""
        later = tuple(_later(wish, looked))
        running = tuple(f"/proc/{pid}/{name}" for pid in _pids(wish, looked) for name in ("limits", "cgroup"))
        commands = (_running(wish),) * (not str(wish["user"]).startswith("@"))
        paths = (*needed_paths(_file(wish)), MOST_FILES, *later, *running)
        return Needs(paths=paths, folders=(FOLDER,), commands=commands)

    def compare(self, wish: Wish, looked: Looked) -> Drift | Missing:
        """One change: the file with these limits in it."""
        content = find_content(looked, _file(wish))
        if isinstance(content, Missing):
            if content.kind != "absent":
                return content
            content = b""
        before = parse_limits_conf(content)
        for kind, item, value in _wished(wish):
            content = set_limit(content, str(wish["user"]), kind, item, value)
        was = ", ".join(_say(wish, kind, item, _value(before, wish, kind, item)) for kind, item, _ in _wished(wish))
        told = ", ".join(_say(wish, kind, item, value) for kind, item, value in _wished(wish))
        puts = put_file(WholeFile(path=_file(wish), content=content, told=told, was=was), looked)
        if isinstance(puts, Missing):
            return puts
        problem = _objection(wish, looked)
        return Drift(
            subject=Ref("path", (looked.node, _file(wish))),
            before=was,
            after=told,
            changes=puts * (not problem),
            problem=problem,
            kept=(*_overridden(wish, looked), *_going_on(wish, looked)),
        )

    def copy(self, wish: Wish, looked: Looked) -> Wish | Missing:
        """The user's limits in the file there."""
        content = find_content(looked, _file(wish))
        if isinstance(content, Missing):
            return content
        lines = [one for one in parse_limits_conf(content) if one.domain == wish["user"] and one.item in ITEMS]
        told = {kind: {one.item: one.value for one in lines if one.kind in (kind, "-")} for kind in KINDS}
        return {**{kind: found for kind, found in told.items() if found}, **wish}

    def propose(self, seen: Seen, node: str) -> tuple[Wish, ...]:
        """None: what serves usually runs as a unit, which has limits of its own."""
        return ()


def _objection(wish: Wish, looked: Looked) -> str:
    """Why nothing may be made of this wish; "" for nothing."""
    folder, name = posixpath.split(_file(wish))
    if folder != FOLDER or not name.endswith(".conf"):
        return f"nothing reads {_file(wish)}: let it be a .conf in {FOLDER}"
    for item, soft in wish.get("soft", {}).items():
        hard = wish.get("hard", {}).get(item, "unlimited")
        if not is_unlimited(hard) and (is_unlimited(soft) or int(soft) > int(hard)):
            return f"the soft limit of {item}, {soft}, is above the hard one, {hard}"
    most = find_content(looked, MOST_FILES)
    if isinstance(most, Missing):
        return ""
    ceiling = find_whole(most.decode("ascii", "replace"))
    for kind, item, value in _wished(wish):
        if item == "nofile" and ceiling is not None and (is_unlimited(value) or int(value) > ceiling):
            return f"{kind} nofile {value} is above fs.nr_open ({ceiling}): every login of {wish['user']} would fail"
    return ""


def _overridden(wish: Wish, looked: Looked) -> Iterator[str]:
    """What files that are read later say otherwise of the same user."""
    for where in _later(wish, looked):
        content = find_content(looked, where)
        if isinstance(content, Missing):
            continue
        lines = parse_limits_conf(content)
        for kind, item, value in _wished(wish):
            found = find_limit(lines, str(wish["user"]), kind, item)
            if found is not None and not same_limit(found.value, value):
                yield f"{where}, line {found.line}, sets {kind} {item} to {found.value}: it is read after {_file(wish)}"


def _going_on(wish: Wish, looked: Looked) -> Iterator[str]:
    """What runs with other limits, and why it will or will not get these."""
    for pid in _pids(wish, looked):
        content, groups = find_content(looked, f"/proc/{pid}/limits"), find_content(looked, f"/proc/{pid}/cgroup")
        if isinstance(content, Missing):
            continue
        has = parse_limits(content.decode("utf-8", "replace"))
        others = [one for one in _wished(wish) if not _has(has, *one)]
        unit = _unit(groups)
        if not others:
            continue
        said = ", ".join(f"{kind} {item} {_shown(has, kind, item)}" for kind, item, _ in others)
        why = "it gets these when it is started again from a new login"
        if unit:
            why = f"it is {unit}, which does not read {_file(wish)}: wish its limits in a table `unit`"
        yield f"process {pid} has {said}; {why}"


def _has(has: Mapping[str, tuple[str, str]], kind: LimitKind, item: str, value: str) -> bool:
    title, factor = ITEMS[item]
    found = has.get(title, ("", ""))[kind == "hard"]
    if is_unlimited(value):
        return found == "unlimited"
    return found == str(int(value) * factor)


def _shown(has: Mapping[str, tuple[str, str]], kind: LimitKind, item: str) -> str:
    """As the file would write it."""
    title, factor = ITEMS[item]
    found = has.get(title, ("", ""))[kind == "hard"]
    if found.isdecimal():
        return str(int(found) // factor)
    return found or "(not told)"


def _unit(groups: bytes | Missing) -> str:
    """The service of systemd that a process belongs to, "" for none."""
    if isinstance(groups, Missing):
        return ""
    found = parse_cgroups(groups.decode("utf-8", "replace"))
    parts = (found.get("") or found.get("name=systemd") or "").split("/")
    services = [part for part in parts if part.endswith(".service") and not part.startswith("user@")]
    return (services or [""])[-1]


def _running(wish: Wish) -> tuple[str, ...]:
    return ("ps", "-o", "pid=", "-U", str(wish["user"]))


def _pids(wish: Wish, looked: Looked) -> tuple[int, ...]:
    ran = looked.ran.get(_running(wish))
    if not isinstance(ran, Ran):
        return ()
    return tuple(int(word) for word in ran.text.split() if word.isdecimal())[:PROCESSES]


def _later(wish: Wish, looked: Looked) -> Iterator[str]:
    """Files that are read after the wish's own, in their order."""
    names = looked.names.get(FOLDER, ())
    if not isinstance(names, Missing):
        yield from (f"{FOLDER}/{name}" for name in sorted(names) if _is_later(name, wish))


def _is_later(name: str, wish: Wish) -> bool:
    return name.endswith(".conf") and name > posixpath.basename(_file(wish))


def _wished(wish: Wish) -> Iterator[tuple[LimitKind, str, str]]:
    for kind in KINDS:
        for item, value in wish.get(kind, {}).items():
            yield kind, item, value


def _value(lines: tuple[LimitLine, ...], wish: Wish, kind: LimitKind, item: str) -> str:
    found = find_limit(lines, str(wish["user"]), kind, item)
    if found is None:
        return ""
    return found.value


def _say(wish: Wish, kind: LimitKind, item: str, value: str) -> str:
    return f"{wish['user']} {kind} {item} {value or '(not set)'}"


def _file(wish: Wish) -> str:
    return str(wish.get("file", FILE))


STEP: Keeps = _Limits()
