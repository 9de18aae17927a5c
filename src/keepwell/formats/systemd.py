"""What systemctl prints, and the unit that a control group names."""

from __future__ import annotations

import re

from keepwell.formats.startfile import split_words

_ARGUMENTS = re.compile(r"argv\[\]=(.*?) ; ignore_errors=")
_SERVICE = re.compile(r"[^/]+\.service$")


def parse_show(text: str) -> tuple[dict[str, str], ...]:
    """`systemctl show -p ... UNIT...`: a mapping of properties for each unit that it printed."""
    blocks: list[dict[str, str]] = []
    current: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if not line.strip():
            if current:
                blocks.append(current)
            current = {}
        elif equals and name.isidentifier():
            current[name] = value
    if current:
        blocks.append(current)
    return tuple(blocks)


def parse_exec(text: str) -> tuple[str, ...]:
    """The arguments in an ExecStart property, split at blanks (systemctl does not keep quotes); () if none."""
    found = _ARGUMENTS.search(text)
    if found is None:
        return ()
    return tuple(found[1].split())


def parse_list(text: str) -> tuple[str, ...]:
    """The first word of each line of `systemctl list-units` or `list-unit-files` with --plain --no-legend."""
    lines = (line.split() for line in text.splitlines())
    return tuple(words[0] for words in lines if words and words[0].endswith(".service"))


def parse_drop_ins(text: str) -> tuple[str, ...]:
    """The paths of a DropInPaths property."""
    return tuple(text.split())


def parse_environment(text: str) -> dict[str, str]:
    """An Environment property: assignments in shell-like quotes, as systemctl shows them."""
    pairs = (item.partition("=") for item in split_words(text))
    return {name: value for name, equals, value in pairs if equals}


def parse_environment_files(text: str) -> tuple[str, ...]:
    """The paths of EnvironmentFiles, each followed by "(ignore_errors=yes)" or no."""
    return tuple(word for word in text.split() if word.startswith("/"))


def find_unit(cgroup_paths: dict[str, str]) -> tuple[str, bool] | None:
    """The service that a process runs in, and whether it is a user's; None when it is in no service.

    The innermost service counts: a login's own services lie in user@1000.service, which is no engine's.
    """
    path = cgroup_paths.get("") or cgroup_paths.get("name=systemd", "")
    pieces = [piece for piece in path.split("/") if _SERVICE.search(piece)]
    if not pieces or pieces[-1].startswith("user@"):
        return None
    return pieces[-1], any(piece.startswith("user@") for piece in pieces[:-1])
