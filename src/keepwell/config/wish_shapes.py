"""What values of tables below [[desired]] may look like; see `shapes`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from keepwell.config.shapes import LIST_ITEMS, Toml, path, text, texts, user

#: An address that Git clones from without asking anybody: https, ssh or git, or `user@host:path`.
_ADDRESS = re.compile(r"(https?|git)://[^@\s]+|ssh://[^\s:@]+(@[^\s:@]+)?(:\d+)?/[^\s]+|[\w.-]+@[\w.-]+:[^\s]+")
#: What git takes for a branch, a tag or a commit, without ranges and what goes up from it (git-check-ref-format(1)).
_REVISION = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._/+@-]{0,254}[A-Za-z0-9_])?")
_MODE = re.compile(r"0?[0-7]{3,4}")
#: Characters of a whole file that stands in keepwell.toml.
DOCUMENT_CHARACTERS = 65_536


def mode(value: Toml) -> int:
    """Permission bits as octal text, like "0640"."""
    if not isinstance(value, str) or not _MODE.fullmatch(value):
        raise ValueError('permission bits as text, like "0640"')
    return int(value, 8)


def values(value: Toml) -> Mapping[str, str]:
    """Names with values; numbers and true or false are taken as they are written."""
    if not isinstance(value, dict) or len(value) > LIST_ITEMS:
        raise ValueError('names with values, like {NAME = "value"}')
    return {text(name): scalar(one) for name, one in value.items()}


def scalar(value: Toml) -> str:
    """A text of one line, which may be empty, or a number, or true or false, as text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if value == "":
        return ""
    return text(value)


def paths(value: Toml) -> tuple[str, ...]:
    """A list of absolute paths."""
    return tuple(path(one) for one in texts(value))


def document(value: Toml) -> str:
    """The text of a whole file; it may have many lines."""
    if not isinstance(value, str) or len(value) > DOCUMENT_CHARACTERS or "\0" in value:
        raise ValueError(f"a text of up to {DOCUMENT_CHARACTERS} characters")
    return value


def source(value: Toml) -> str:
    """A path below the repository or the folder of keepwell.toml; nothing leads out of it."""
    found = text(value)
    if found.startswith(("/", "~")) or any(part in ("", ".", "..") for part in found.split("/")):
        raise ValueError('a path below the repository, or beside keepwell.toml, like "units/a.conf", without ..')
    return found


def repository(value: Toml) -> str:
    """A Git repository: a folder, or an address without a password in it."""
    found = text(value)
    if found.startswith(("/", "~/")):
        return path(found)
    if not _ADDRESS.fullmatch(found):
        raise ValueError('a folder, or an address like "https://git.lan/config.git", without a login in it')
    return found


def revision(value: Toml) -> str:
    """A branch, a tag or a commit."""
    found = text(value)
    if not _REVISION.fullmatch(found) or ".." in found or "@{" in found:
        raise ValueError('a branch, a tag or a commit, like "main"')
    return found


def whole(value: Toml) -> int:
    """A whole number, 0 or more, as user and group numbers are; 2^32 - 2 is the largest of those."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**32 - 1:
        raise ValueError("a whole number, 0 or more")
    return value


def account_name(value: Toml) -> str:
    """The name of a user or group; a number is none, as programs take it for somebody's number."""
    found = user(value)
    if found.isdecimal():
        raise ValueError("the name of a user or group, not its number")
    return found


def account_names(value: Toml) -> tuple[str, ...]:
    """A list of names of users or groups."""
    return tuple(account_name(one) for one in texts(value))
