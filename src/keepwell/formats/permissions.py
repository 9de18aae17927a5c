"""Whether a user may read, write or search a path, judged from owner, group and mode alone.

So the answer holds for the user that serves, whoever asks. Access lists (ACLs) and security modules are not
seen: they may allow or deny more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

READ, WRITE, SEARCH = 4, 2, 1
#: CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH (capabilities(7)), as bits of CapEff.
_OVERRIDE = 1 << 1
_READ_SEARCH = 1 << 2


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Who asks. `groups` holds the main group too; `capabilities` are CapEff's bits (root usually has all)."""

    name: str
    uid: int
    gid: int
    groups: frozenset[int]
    capabilities: int = 0


def user_of_status(name: str, status: Mapping[str, str]) -> User:
    """The user that a process acts as for files, from /proc/PID/status; ValueError if fields are missing."""
    try:
        uid, gid = int(status["Uid"].split()[3]), int(status["Gid"].split()[3])
        capabilities = int(status["CapEff"], 16)
        groups = frozenset(int(word) for word in status.get("Groups", "").split())
    except (KeyError, IndexError) as error:
        raise ValueError(f"/proc/PID/status lacks {error}") from error
    return User(name=name, uid=uid, gid=gid, groups=groups | {gid}, capabilities=capabilities)


def find_user(name: str, passwd: str, group: str) -> User | None:
    """A user by name from the text of /etc/passwd and /etc/group; root has every capability. None if unknown."""
    for line in passwd.splitlines():
        fields = line.split(":")
        if len(fields) < 4 or fields[0] != name or not (fields[2].isdecimal() and fields[3].isdecimal()):
            continue
        uid, gid = int(fields[2]), int(fields[3])
        rows = (row.split(":") for row in group.splitlines())
        named = (row for row in rows if len(row) == 4 and row[2].isdecimal() and name in row[3].split(","))
        privileged = (_OVERRIDE | _READ_SEARCH) * (uid == 0)
        groups = frozenset({gid, *(int(row[2]) for row in named)})
        return User(name=name, uid=uid, gid=gid, groups=groups, capabilities=privileged)
    return None


def lacks(user: User, want: int, *, owner: tuple[int, int], mode: int, folder: bool) -> int:
    """Which of the wanted bits (READ | WRITE | SEARCH) this user does not have; 0 when all are there."""
    if user.capabilities & _OVERRIDE:
        return 0
    missing = want & ~(mode >> _shift(user, owner))
    if user.capabilities & _READ_SEARCH:
        missing &= ~READ
        if folder:
            missing &= ~SEARCH
    return missing


def with_bits(user: User, bits: int, *, owner: tuple[int, int], mode: int) -> int:
    """The mode that would give this user these bits, in the class that it falls in (owner, group or others)."""
    return mode | bits << _shift(user, owner)


def _shift(user: User, owner: tuple[int, int]) -> int:
    """Only one class counts: an owner without the bit is refused though others have it."""
    if user.uid == owner[0]:
        return 6
    return 3 * (owner[1] in user.groups)
