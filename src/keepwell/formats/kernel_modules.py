"""Kernel modules in files: /proc/modules, modules-load.d(5), modprobe.d(5), and what modprobe says of one.

A module's name may be written with - or _, which mean the same; `plain_name` makes them equal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

#: A line of modprobe.d that keeps a module from being loaded even by its name.
_NEVER = re.compile(r"install\s+(\S+)\s+(?:/usr)?/bin/(?:false|true)\b")
#: A backslash at the end joins the next line, in modprobe.d only.
_JOINED = re.compile(r"\\\r?\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleRules:
    """What files of modprobe.d say: modules that are not loaded by themselves, options by module, and those that
    are never loaded. Names are plain.
    """

    blacklist: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def plain_name(name: str) -> str:
    """The name as the kernel writes it."""
    return name.replace("-", "_")


def parse_loaded(content: bytes) -> frozenset[str]:
    """/proc/modules: the names."""
    return frozenset(line.split()[0] for line in _lines(content))


def parse_load_list(content: bytes) -> tuple[str, ...]:
    """A file of modules-load.d: plain names in order."""
    return tuple(plain_name(line) for line in _lines(content) if line[0] not in "#;")


def add_to_load_list(content: bytes, names: Iterable[str]) -> bytes:
    """The file with these names at its end, all that was there as it was."""
    return _append(content, names)


def parse_rules(content: bytes) -> ModuleRules:
    """A file of modprobe.d; lines of other kinds are left out."""
    options: dict[str, tuple[str, ...]] = {}
    blacklist, never = set(), set()
    for line in _joined(content):
        kind, name, rest = (*line.split(maxsplit=2), "", "")[:3]
        found = _NEVER.match(line)
        if kind == "blacklist" and name:
            blacklist.add(plain_name(name))
        elif kind == "options" and rest:
            options[plain_name(name)] = (*options.get(plain_name(name), ()), " ".join(rest.split()))
        elif found is not None:
            never.add(plain_name(found[1]))
    return ModuleRules(blacklist=frozenset(blacklist), never=frozenset(never), options=options)


def set_rules(content: bytes, blacklist: Iterable[str], options: Mapping[str, str]) -> bytes:
    """The file with these on the blacklist and these options, which take the place of other options of the module.

    Every other byte stays. Each module has one line of options afterwards, at the end where there was none.
    """
    there = parse_rules(content)
    for name, wished in options.items():
        if there.options.get(plain_name(name)) != (" ".join(wished.split()),):
            content = _without_options(content, plain_name(name))
            content = _append(content, [f"options {name} {' '.join(wished.split())}"])
    return _append(content, [f"blacklist {name}" for name in blacklist if plain_name(name) not in there.blacklist])


def parse_depends(text: str) -> str:
    """What `modprobe --show-depends` says of the module itself: "builtin", "loadable", "" where it says nothing."""
    lines = text.splitlines()
    last = "".join(lines[-1:]).split()
    return _DEPENDS.get("".join(last[:1]), "")


_DEPENDS = {"builtin": "builtin", "insmod": "loadable"}


def _without_options(content: bytes, name: str) -> bytes:
    """The bytes without the lines that give this module options, continued ones wholly."""
    kept = []
    for line in _physical(content):
        words = _JOINED.sub(" ", line).split(maxsplit=2)
        if words[:1] != ["options"] or "".join(map(plain_name, words[1:2])) != name:
            kept.append(line)
    return "".join(kept).encode("utf-8", "surrogateescape")


def _physical(content: bytes) -> list[str]:
    """Lines with their ends; one that goes on is one with those that it goes on in."""
    text = content.decode("utf-8", "surrogateescape")
    return re.findall(r"(?:[^\n]*\\\r?\n)*[^\n]*\n|(?:[^\n]*\\\r?\n)*[^\n]+\Z", text)


def _joined(content: bytes) -> list[str]:
    lines = _JOINED.sub(" ", content.decode("utf-8", "replace")).splitlines()
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def _lines(content: bytes) -> list[str]:
    lines = content.decode("utf-8", "replace").splitlines()
    return [line.strip() for line in lines if line.strip()]


def _append(content: bytes, lines: Iterable[str]) -> bytes:
    added = "".join(f"{line}\n" for line in lines).encode()
    if added and content and not content.endswith(b"\n"):
        return content + b"\n" + added
    return content + added
