"""The package managers that can keep packages as they are: how each is asked and told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from keepwell.core.observation import Missing, failed
from keepwell.formats.package_locks import (
    DPKG_FORMAT,
    RPM_FORMAT,
    parse_holds,
    parse_solver_locks,
    parse_version_lock_table,
    parse_version_locks,
)
from keepwell.formats.system import parse_os_release
from keepwell.plugins.whole_file import find_content
from keepwell.plugins.wish import Looked

#: The first is a link to the second nearly everywhere (os-release(5)).
RELEASES = ("/etc/os-release", "/usr/lib/os-release")
SHOW_HOLDS = ("apt-mark", "showhold")
LOCK_LIST, LOCK_PLUGIN = "/etc/dnf/plugins/versionlock.list", "/etc/dnf/plugins/versionlock.conf"
LOCK_TABLE, DNF5 = "/etc/dnf/versionlock.toml", "/usr/share/dnf5"
SOLVER_LOCKS = "/etc/zypp/locks"
#: apt asks questions unless it is told that nobody is there.
QUIET = ("env", "DEBIAN_FRONTEND=noninteractive")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageSystem:
    """One of them, by the distributions of which it is (`families`: words of ID and ID_LIKE in os-release).

    `paths`, `folders` and `commands` are what tells which packages are held, by `find_held`, with a problem as text
    where none can be. `query` and names ask for versions; `install` puts in `name` and `version`, joined by `joint`.
    """

    families: frozenset[str]
    query: tuple[str, ...]
    hold: tuple[str, ...]
    unhold: tuple[str, ...]
    install: tuple[str, ...]
    joint: str
    find_held: Callable[[Looked], frozenset[str] | str | Missing]
    paths: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()


def find_system(looked: Looked) -> PackageSystem | Missing:
    """The node's own, by its os-release; Missing where that is of none that is known."""
    contents = [find_content(looked, path) for path in RELEASES]
    content = next((one for one in contents if isinstance(one, bytes)), contents[0])
    if isinstance(content, Missing):
        return content
    said = parse_os_release(content.decode("utf-8", "replace"))
    words = {said.get("ID", ""), *said.get("ID_LIKE", "").split()}
    found = next((one for one in _SYSTEMS if one.families & words), None)
    return found or failed(f"no package manager is known that holds packages on {said.get('ID') or 'this system'}")


def _find_holds(looked: Looked) -> frozenset[str] | Missing:
    ran = looked.ran.get(SHOW_HOLDS, failed("nobody asked apt-mark"))
    if isinstance(ran, Missing):
        return ran
    if ran.code:
        return failed(f"apt-mark ended with {ran.code}: {ran.stderr.decode('utf-8', 'replace').strip()[:200]}")
    return parse_holds(ran.text)


def _find_version_locks(looked: Looked) -> frozenset[str] | str | Missing:
    """dnf 5 has its own file; dnf 4 needs a plug-in."""
    five = not isinstance(looked.names.get(DNF5, failed("not looked")), Missing)
    table, old = find_content(looked, LOCK_TABLE), find_content(looked, LOCK_LIST)
    if isinstance(table, bytes):
        try:
            return parse_version_lock_table(table)
        except ValueError as error:
            return failed(f"{LOCK_TABLE}: {error}")
    if five:
        return frozenset()
    plugin = find_content(looked, LOCK_PLUGIN)
    if isinstance(plugin, Missing) and plugin.kind == "absent":
        return "dnf cannot hold packages here: `dnf install python3-dnf-plugin-versionlock`"
    if isinstance(old, bytes):
        return parse_version_locks(old)
    return _none_where_absent(old)


def _find_solver_locks(looked: Looked) -> frozenset[str] | Missing:
    content = find_content(looked, SOLVER_LOCKS)
    if isinstance(content, bytes):
        return parse_solver_locks(content)
    return _none_where_absent(content)


def _none_where_absent(found: Missing) -> frozenset[str] | Missing:
    """Without the file nothing is held."""
    if found.kind == "absent":
        return frozenset()
    return found


_SYSTEMS = (
    PackageSystem(
        families=frozenset({"debian", "ubuntu"}),
        query=("dpkg-query", "--show", f"--showformat={DPKG_FORMAT}"),
        hold=("apt-mark", "hold"),
        unhold=("apt-mark", "unhold"),
        install=(*QUIET, "apt-get", "install", "--yes", "--allow-downgrades", "--allow-change-held-packages"),
        joint="=",
        find_held=_find_holds,
        commands=(SHOW_HOLDS,),
    ),
    PackageSystem(
        families=frozenset({"fedora", "rhel", "centos"}),
        query=("rpm", "--query", "--queryformat", RPM_FORMAT),
        hold=("dnf", "--cacheonly", "versionlock", "add"),
        unhold=("dnf", "--cacheonly", "versionlock", "delete"),
        install=("dnf", "install", "--assumeyes"),
        joint="-",
        find_held=_find_version_locks,
        paths=(LOCK_LIST, LOCK_PLUGIN, LOCK_TABLE),
        folders=(DNF5,),
    ),
    PackageSystem(
        families=frozenset({"suse", "opensuse", "sles"}),
        query=("rpm", "--query", "--queryformat", RPM_FORMAT),
        hold=("zypper", "--non-interactive", "addlock"),
        unhold=("zypper", "--non-interactive", "removelock"),
        install=("zypper", "--non-interactive", "install", "--oldpackage"),
        joint="=",
        find_held=_find_solver_locks,
        paths=(SOLVER_LOCKS,),
    ),
)
