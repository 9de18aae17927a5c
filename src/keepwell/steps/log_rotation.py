"""Keep logs from filling the disk: a file of /etc/logrotate.d, read by the system's own daily run of logrotate."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from keepwell.config.sections import Key
from keepwell.config.shapes import flag, one_of, text, user
from keepwell.config.wish_shapes import paths
from keepwell.core.observation import Missing, Seen, failed
from keepwell.core.ref import Ref
from keepwell.formats.logrotate import (
    PERIODS,
    SIGNALS,
    SIZE,
    Rotation,
    find_paths,
    is_whole,
    parse_rotation,
    render_rotation,
)
from keepwell.plugins.whole_file import NOTHING, WholeFile, find_content, needed_paths, put_file
from keepwell.plugins.wish import Drift, Keeps, Looked, Needs, Wish

FOLDER = "/etc/logrotate.d"
VERSION = ("logrotate", "--version")
#: logrotate leaves out files with a dot and some endings in their name (taboo extensions, logrotate(8)).
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_UNIT = re.compile(r"[A-Za-z0-9:_.@-]+\.service")
#: Bits of a folder's mode.
GROUP_WRITE, WORLD_WRITE = 0o020, 0o002
#: Old logs, and days; more is a slip of the keyboard.
KEEP_MOST = 1000


def _name(value: object) -> str:
    """A name of letters, digits, - and _."""
    found = text(value)
    if not _NAME.fullmatch(found):
        raise ValueError("a name of letters, digits, - and _")
    return found


def _unit(value: object) -> str:
    found = text(value)
    if not _UNIT.fullmatch(found):
        raise ValueError('the name of a service like "ollama.service"')
    return found


def _size(value: object) -> str:
    found = text(value).replace(" ", "").removesuffix("iB").removesuffix("B").replace("K", "k")
    if not SIZE.fullmatch(found):
        raise ValueError('a size like "100M" or "2G"')
    return found


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= KEEP_MOST:
        raise ValueError(f"a whole number from 1 to {KEEP_MOST}")
    return value


class _LogRotation:
    """The step; it holds no state."""

    title = "Rotate logs"
    table = "log_rotation"
    keys: tuple[Key, ...] = (
        Key(name="name", shape=_name, help="the file's name in /etc/logrotate.d", required=True),
        Key(name="paths", shape=paths, help="the logs; wildcards may stand in them"),
        Key(name="every", shape=one_of(*PERIODS), help="how often; daily where nothing is said"),
        Key(name="size", shape=_size, help='also as soon as a log is larger, like "100M"; looked at once a day'),
        Key(name="keep", shape=_count, help="how many old ones stay; 7 where nothing is said"),
        Key(name="max_days", shape=_count, help="old ones are removed after so many days"),
        Key(name="compress", shape=flag, help="whether old ones are compressed; true where nothing is said"),
        Key(
            name="copytruncate",
            shape=flag,
            help="copy the log and empty it in its place: the program writes on, but lines that it writes between "
            "the two are lost; the way where no signal is given",
        ),
        Key(
            name="signal",
            shape=one_of(*SIGNALS),
            help="rename the log, then send this to the unit, which opens it again: loses none",
        ),
        Key(name="unit", shape=_unit, help="the service that gets the signal"),
        Key(name="user", shape=user, help="whom to rotate as, where the logs' folder is not root's: a service account"),
        Key(name="group", shape=user, help="its group; the user's own where nothing is said"),
    )

    def needs(self, wish: Wish, looked: Looked) -> Needs:
        """The file, the others beside it, and whether there is a logrotate."""
        others = looked.names.get(FOLDER, ())
        beside: tuple[str, ...] = ()
        if not isinstance(others, Missing):
            beside = tuple(f"{FOLDER}/{one}" for one in others if _NAME.fullmatch(one))
        paths = (*needed_paths(_path(wish)), *beside, *_log_folders(wish))
        return Needs(paths=paths, folders=(FOLDER,), commands=(VERSION,))

    def compare(self, wish: Wish, looked: Looked) -> Drift | Missing:
        """The file as a whole."""
        content = find_content(looked, _path(wish))
        if isinstance(content, Missing) and content.kind != "absent":
            return content
        problem = _find_problem(wish, looked)
        if isinstance(problem, Missing):
            return problem
        subject, was = Ref("path", (looked.node, _path(wish))), _tell_file(content)
        if problem:
            return Drift(subject=subject, before=was, after=f"rotation of {wish['name']}", problem=problem)
        one = _rotation(wish)
        file = WholeFile(path=_path(wish), content=render_rotation(one), told=_tell(one), was=was)
        changes = put_file(file, looked)
        if isinstance(changes, Missing):
            return changes
        return Drift(subject=subject, before=was, after=_tell(one), changes=changes)

    def copy(self, wish: Wish, looked: Looked) -> Wish | Missing:
        """What the node's file says; Missing for one that says more than this table can."""
        content = find_content(looked, _path(wish))
        if isinstance(content, Missing):
            return content
        try:
            one = parse_rotation(content)
        except ValueError as error:
            return failed(f"{_path(wish)}: {error}")
        if not is_whole(content, one):
            return failed(f"{_path(wish)} says more than a table of log_rotation can: keep it by a table of file")
        return {**_keys_of(one), **wish}

    def propose(self, seen: Seen, node: str) -> tuple[Wish, ...]:
        """None: which logs are an engine's own is in no observation."""
        del seen, node
        return ()


def _path(wish: Wish) -> str:
    return f"{FOLDER}/{wish['name']}"


def _rotation(wish: Wish) -> Rotation:
    said = {name: value for name, value in wish.items() if name != "name"}
    said.setdefault("copytruncate", "signal" not in said)
    return Rotation(**said)


def _keys_of(one: Rotation) -> Wish:
    """A table that says the same; what is as usual is not said."""
    usual = Rotation(paths=())
    return {name: getattr(one, name) for name in Rotation.__slots__ if getattr(one, name) != getattr(usual, name)}


def _find_problem(wish: Wish, looked: Looked) -> str | Missing:
    """Why the wish cannot be met, "" if it can."""
    ran = looked.ran.get(VERSION)
    if ran is None or (isinstance(ran, Missing) and ran.kind != "absent"):
        return ran or failed("nobody asked whether there is a logrotate")
    if isinstance(ran, Missing):
        return "logrotate is not installed: `apt-get install logrotate` (or dnf, zypper)"
    signal, unit = wish.get("signal", ""), wish.get("unit", "")
    if bool(signal) != bool(unit):
        return "a signal needs the unit that gets it, and a unit the signal"
    if signal and wish.get("copytruncate"):
        return "either copytruncate or a signal"
    if not signal and wish.get("copytruncate") is False:
        return "without copytruncate and without a signal the program would go on writing into the old log"
    if not wish.get("paths"):
        return "no paths are named"
    try:
        render_rotation(_rotation(wish))
    except ValueError as error:
        return str(error)
    return "; ".join([*_find_doubles(wish, looked), *_find_open(wish, looked)])


def _find_doubles(wish: Wish, looked: Looked) -> Iterator[str]:
    """Other files that name the same log: logrotate leaves out the second one of two."""
    for path, entry in looked.entries.items():
        if PurePosixPath(path).parent != PurePosixPath(FOLDER) or path == _path(wish):
            continue
        if isinstance(entry, Missing) or entry.kind != "file":
            continue
        same = [one for one in find_paths(entry.content or b"") if one in wish["paths"]]
        if same:
            yield f"{path} rotates {', '.join(same)} already: take it out there first"


def _find_open(wish: Wish, looked: Looked) -> Iterator[str]:
    """Folders in which others than root may write: logrotate leaves out logs there unless it works as somebody."""
    for folder in _log_folders(wish):
        entry = looked.entries.get(folder)
        if entry is None or isinstance(entry, Missing) or entry.kind != "folder" or "user" in wish:
            continue
        if entry.mode & WORLD_WRITE or (entry.mode & GROUP_WRITE and entry.gid != 0):
            yield f"others than root may write in {folder}, so that logrotate refuses: say whose it is as `user`"


def _log_folders(wish: Wish) -> tuple[str, ...]:
    """The folders of the logs, as far as they are named without wildcards."""
    folders = (str(PurePosixPath(one).parent) for one in wish.get("paths", ()))
    return tuple(dict.fromkeys(one for one in folders if not set(one) & set("*?[")))


def _tell_file(content: bytes | Missing) -> str:
    if isinstance(content, Missing):
        return NOTHING
    try:
        return _tell(parse_rotation(content))
    except ValueError:
        return "a file of other content"


def _tell(one: Rotation) -> str:
    words = [one.every, f"over {one.size}" * bool(one.size), f"{one.keep} kept"]
    words += [f"{one.max_days} days" * bool(one.max_days), "compressed" * one.compress]
    words += ["copied and emptied" * one.copytruncate, f"{one.signal} to {one.unit}" * bool(one.signal)]
    return f"{' '.join(one.paths)}: {', '.join(word for word in words if word)}"


STEP: Keeps = _LogRotation()
