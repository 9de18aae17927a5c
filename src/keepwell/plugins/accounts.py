"""What steps share that name users and groups: their numbers on the node that was looked at.

The node's own files come first, as on every usual system; getent knows those of a directory (LDAP, SSSD) too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from keepwell.core.entry import Entry
from keepwell.core.observation import Missing, absent, failed
from keepwell.formats.accounts import Account, Group, parse_groups, parse_passwd
from keepwell.plugins.wish import Looked, Needs
from keepwell.transport.base import Ran

PASSWD, GROUP = "/etc/passwd", "/etc/group"
#: What getent says when nobody has that name (getent(1)).
_NOBODY = 2

T = TypeVar("T")


def need_accounts(users: Iterable[str], groups: Iterable[str]) -> Needs:
    """What tells these users and groups, by name or number; what is "" is left out."""
    commands = [("getent", "passwd", one) for one in users if one]
    commands += [("getent", "group", one) for one in groups if one]
    return Needs(paths=(PASSWD, GROUP), commands=tuple(commands))


def find_account(looked: Looked, name: str) -> Account | Missing:
    """The account of this name or number; Missing(absent) where there is none."""
    here = local_accounts(looked)
    if isinstance(here, Missing):
        return here
    found = next((one for one in here if name in (one.name, str(one.uid))), None)
    if found is not None:
        return found
    asked = ("getent", "passwd", name)
    return _first(looked, asked, parse_passwd(_said(looked, asked)))


def find_group(looked: Looked, name: str) -> Group | Missing:
    """The group of this name or number; Missing(absent) where there is none."""
    here = local_groups(looked)
    if isinstance(here, Missing):
        return here
    found = next((one for one in here if name in (one.name, str(one.gid))), None)
    if found is not None:
        return found
    asked = ("getent", "group", name)
    return _first(looked, asked, parse_groups(_said(looked, asked)))


def local_accounts(looked: Looked) -> tuple[Account, ...] | Missing:
    """The accounts of the node's own file: the only ones that its programs for accounts change."""
    content = _content(looked, PASSWD)
    if isinstance(content, Missing):
        return content
    return parse_passwd(content)


def local_groups(looked: Looked) -> tuple[Group, ...] | Missing:
    """The groups of the node's own file."""
    content = _content(looked, GROUP)
    if isinstance(content, Missing):
        return content
    return parse_groups(content)


def find_ids(looked: Looked, owner: str, group: str) -> tuple[int, int] | Missing:
    """The numbers of an owner and a group by name or number; -1 for "". A bare number needs no account."""
    numbers: list[int] = []
    for name, known in ((owner, _uid), (group, _gid)):
        number = _number(looked, name, known)
        if isinstance(number, Missing):
            return number
        numbers.append(number)
    return numbers[0], numbers[1]


def say_owner(looked: Looked, uid: int, gid: int) -> str:
    """Owner and group in words, by name where the node's files know one."""
    users: Mapping[int, str] = {}
    groups: Mapping[int, str] = {}
    accounts, named = local_accounts(looked), local_groups(looked)
    if not isinstance(accounts, Missing):
        users = {one.uid: one.name for one in reversed(accounts)}
    if not isinstance(named, Missing):
        groups = {one.gid: one.name for one in reversed(named)}
    return f"{users.get(uid, str(uid))}:{groups.get(gid, str(gid))}"


def _uid(looked: Looked, name: str) -> int | Missing:
    found = find_account(looked, name)
    if isinstance(found, Missing):
        return found
    return found.uid


def _gid(looked: Looked, name: str) -> int | Missing:
    found = find_group(looked, name)
    if isinstance(found, Missing):
        return found
    return found.gid


def _number(looked: Looked, name: str, known: Callable[[Looked, str], int | Missing]) -> int | Missing:
    if not name:
        return -1
    if name.isascii() and name.isdigit():
        return int(name)
    return known(looked, name)


def _content(looked: Looked, path: str) -> bytes | Missing:
    found = looked.entries.get(path)
    if isinstance(found, Entry) and found.kind == "absent":
        return failed(f"there is no {path}: who has an account there cannot be told")
    if isinstance(found, Entry) and found.content is not None:
        return found.content
    if isinstance(found, Missing):
        return found
    return failed(f"{path} could not be read")


def _said(looked: Looked, argv: tuple[str, ...]) -> bytes:
    """What getent printed; nothing where there is no getent: then the node's files are all there is."""
    ran = looked.ran.get(argv)
    if isinstance(ran, Ran):
        return ran.stdout
    return b""


def _first(looked: Looked, argv: tuple[str, ...], rows: tuple[T, ...]) -> T | Missing:
    ran = looked.ran.get(argv)
    if rows:
        return rows[0]
    if isinstance(ran, Ran) and ran.code not in (0, _NOBODY):
        return failed(f"{' '.join(argv)} ended with {ran.code}: whether there is such an account cannot be told")
    return absent(f"this node has no {_WORDS[argv[1]]} {argv[2]}")


_WORDS = {"passwd": "account", "group": "group"}
