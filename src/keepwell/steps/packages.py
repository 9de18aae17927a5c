"""Packages that stay as they are: held, so that no upgrade changes a driver or an engine behind the owner's back.

Another version than the wished one is told with the command that puts it in; it is put in only where the owner says so,
since what an installation brings with it cannot be taken back exactly.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from keepwell.config.sections import Key
from keepwell.config.shapes import flag, texts
from keepwell.config.wish_shapes import values
from keepwell.core.observation import Missing, Seen, failed
from keepwell.core.ref import Ref
from keepwell.core.step import Change, RunCommand
from keepwell.formats.package_locks import parse_versions
from keepwell.plugins.package_systems import RELEASES, PackageSystem, find_system
from keepwell.plugins.wish import Drift, Keeps, Looked, Needs, Wish

#: Seconds for a mark in the package manager's own files, and for an installation: a driver is built for the kernel.
MARK_SECONDS, INSTALL_SECONDS = 60.0, 1800.0
#: A package's name in all three worlds; nothing that could be an option or a pattern.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,127}(?::[a-z0-9]{1,16})?")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+:~^_*-]{0,127}")


def _packages(value: object) -> tuple[str, ...]:
    found = texts(value)
    if not all(_NAME.fullmatch(one) for one in found):
        raise ValueError('a list of names of packages, like ["nvidia-driver"]')
    return found


def _versions(value: object) -> Mapping[str, str]:
    found = values(value)
    if not all(_NAME.fullmatch(name) and _VERSION.fullmatch(version) for name, version in found.items()):
        raise ValueError('names of packages with versions, like {nvidia-driver = "550.*"}')
    return found


@dataclass(frozen=True, slots=True)
class _There:
    """The node's package manager, what it holds (or why it can hold nothing), and versions that are installed."""

    system: PackageSystem
    held: frozenset[str]
    problem: str
    versions: Mapping[str, str]


class _Packages:
    """The step; it holds no state."""

    title = "Held packages and their versions"
    table = "packages"
    keys: tuple[Key, ...] = (
        Key(name="held", shape=_packages, help="packages that no upgrade changes"),
        Key(name="versions", shape=_versions, help='versions by package; "550.*" is any that begins so'),
        Key(name="install", shape=flag, help="put in wished versions; false where nothing is said: they are only told"),
    )

    def needs(self, wish: Wish, looked: Looked) -> Needs:
        """Which system it is; then what is held; then the versions of all that are spoken of."""
        system = find_system(looked)
        if isinstance(system, Missing):
            return Needs(paths=RELEASES)
        held = system.find_held(looked)
        commands = system.commands
        names = _find_names(wish, held)
        if names:
            commands += ((*system.query, *names),)
        return Needs(paths=system.paths, folders=system.folders, commands=commands)

    def compare(self, wish: Wish, looked: Looked) -> Drift | Missing:
        """What is not held, and what has another version."""
        there = _find_there(wish, looked)
        if isinstance(there, Missing):
            return there
        drift = Drift(subject=Ref("node", (looked.node,)), before=_tell_there(wish, there), after=_tell(wish))
        problem = _find_problem(wish, there)
        if problem:
            return Drift(subject=drift.subject, before=drift.before, after=drift.after, problem=problem)
        installs = tuple(_install(looked.node, name, version, there) for name, version in _find_other(wish, there))
        holds = tuple(_hold(looked.node, name, there) for name in wish.get("held", ()) if name not in there.held)
        return Drift(subject=drift.subject, before=drift.before, after=drift.after, changes=(*installs, *holds))

    def copy(self, wish: Wish, looked: Looked) -> Wish | Missing:
        """All that the node holds, in the versions that it has."""
        there = _find_there(wish, looked)
        if isinstance(there, Missing):
            return there
        held = tuple(wish.get("held", sorted(there.held)))
        versions = {name: there.versions[_bare(name)] for name in held if _bare(name) in there.versions}
        return {**{name: one for name, one in {"held": held, "versions": versions}.items() if one}, **wish}

    def propose(self, seen: Seen, node: str) -> tuple[Wish, ...]:
        """One table where a GPU's driver was looked at: that is what is held here."""
        driver = seen.value(Ref("node", (node,)), "device.driver")
        return ({},) * (not isinstance(driver, Missing))


def _find_names(wish: Wish, held: frozenset[str] | str | Missing) -> tuple[str, ...]:
    """Every package that is spoken of."""
    names: Iterable[str] = (*wish.get("held", ()), *wish.get("versions", {}))
    if "held" not in wish and isinstance(held, frozenset):
        names = (*names, *held)
    return tuple(sorted({_bare(one) for one in names}))


def _bare(name: str) -> str:
    """Without its architecture."""
    return name.partition(":")[0]


def _find_there(wish: Wish, looked: Looked) -> _There | Missing:
    system = find_system(looked)
    if isinstance(system, Missing):
        return system
    held = system.find_held(looked)
    if isinstance(held, Missing):
        return held
    names = _find_names(wish, held)
    versions: Mapping[str, str] = {}
    if names:
        ran = looked.ran.get((*system.query, *names), failed("nobody asked for versions"))
        if isinstance(ran, Missing):
            return ran
        versions = parse_versions(ran.text)  # it ends with 1 where one of them is not installed
    if isinstance(held, str):
        return _There(system, frozenset(), held, versions)
    return _There(system, held, "", versions)


def _find_other(wish: Wish, there: _There) -> Iterator[tuple[str, str]]:
    """Packages with the version that is wished instead of the one that is there."""
    for name, version in wish.get("versions", {}).items():
        if not fnmatchcase(there.versions.get(_bare(name), ""), version):
            yield name, version


def _find_problem(wish: Wish, there: _There) -> str:
    if there.problem and wish.get("held"):
        return there.problem
    other = dict(_find_other(wish, there))
    install = wish.get("install", False)
    lacking = [one for one in wish.get("held", ()) if _bare(one) not in there.versions]
    lacking = [one for one in lacking if one not in other]
    words = [f"{one} is not installed, so that there is nothing to hold" for one in lacking]
    for name, version in other.items():
        now = there.versions.get(_bare(name), "not installed")
        if not install:
            words.append(f"{name} is {now}, not {version}: `{shlex.join(_install_command(name, version, there))}`")
    return "; ".join(words)


def _install_command(name: str, version: str, there: _There) -> tuple[str, ...]:
    return (*there.system.install, f"{name}{there.system.joint}{version}")


def _install(node: str, name: str, version: str, there: _There) -> Change:
    now = there.versions.get(_bare(name), "")
    return Change(
        subject=Ref("node", (node,)),
        what=f"version of {name}",
        before=now or "not installed",
        after=version,
        do=RunCommand(argv=_install_command(name, version, there), timeout_seconds=INSTALL_SECONDS),
        undo=None,
        irreversible="what an installation brings and what its scripts do cannot be taken back exactly",
        interrupts="what uses the package, as its scripts decide: services may restart",
    )


def _hold(node: str, name: str, there: _There) -> Change:
    return Change(
        subject=Ref("node", (node,)),
        what=f"hold {name}",
        before="upgraded with the rest",
        after="held",
        do=RunCommand(argv=(*there.system.hold, name), timeout_seconds=MARK_SECONDS),
        undo=RunCommand(argv=(*there.system.unhold, name), timeout_seconds=MARK_SECONDS),
    )


def _tell(wish: Wish) -> str:
    words = [f"{one} held" for one in wish.get("held", ())]
    words += [f"{name} {version}" for name, version in wish.get("versions", {}).items()]
    return ", ".join(words) or "nothing is said of packages"


def _tell_there(wish: Wish, there: _There) -> str:
    words = [f"{one} {_HELD[one in there.held]}" for one in wish.get("held", ())]
    words += [f"{one} {there.versions.get(_bare(one), 'not installed')}" for one in wish.get("versions", {})]
    return ", ".join(words)


_HELD = {True: "held", False: "not held"}

STEP: Keeps = _Packages()
