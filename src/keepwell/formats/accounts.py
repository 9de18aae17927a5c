"""/etc/passwd and /etc/group, parsed, as getent prints them too; lines of another shape are left out.

Passwords are never among what is kept: neither file holds any on a system of this century.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Accounts from this number on are people's (login.defs, UID_MIN on Debian, Fedora, Arch and their kin).
FIRST_PERSON = 1000
#: The account of nobody, which is no person although its number is large.
NOBODY = 65534
#: Programs that end a login at once, by their last part.
_NO_LOGIN = frozenset({"nologin", "false", "sync", "halt", "shutdown"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One line of /etc/passwd without its password."""

    name: str
    uid: int
    gid: int
    comment: str = ""
    home: str = ""
    shell: str = ""

    @property
    def logs_in(self) -> bool:
        """True if its shell lets somebody in; an empty one is /bin/sh (passwd(5))."""
        return self.shell.rpartition("/")[2] not in _NO_LOGIN

    @property
    def person(self) -> bool:
        """True for somebody's own account: a large number and a shell to log in with."""
        return self.uid >= FIRST_PERSON and self.uid != NOBODY and self.logs_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One line of /etc/group without its password; those whose first group it is are not among its members."""

    name: str
    gid: int
    members: tuple[str, ...] = ()


def parse_passwd(content: bytes) -> tuple[Account, ...]:
    """Every account in order; of two lines with one name the first counts, as for the system."""
    found: dict[str, Account] = {}
    for fields in _rows(content, 7):
        if not (_is_number(fields[2]) and _is_number(fields[3])):
            continue
        made = Account(
            name=fields[0],
            uid=int(fields[2]),
            gid=int(fields[3]),
            comment=fields[4],
            home=fields[5],
            shell=fields[6],
        )
        found.setdefault(made.name, made)
    return tuple(found.values())


def parse_groups(content: bytes) -> tuple[Group, ...]:
    """Every group in order; of two lines with one name the first counts."""
    found: dict[str, Group] = {}
    for fields in _rows(content, 4):
        if _is_number(fields[2]):
            members = tuple(one for one in fields[3].split(",") if one)
            found.setdefault(fields[0], Group(name=fields[0], gid=int(fields[2]), members=members))
    return tuple(found.values())


def _rows(content: bytes, count: int) -> list[list[str]]:
    rows = [line.split(":") for line in content.decode("utf-8", "replace").split("\n")]
    return [fields for fields in rows if len(fields) == count and fields[0] and fields[0][0] not in "+-#"]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10
