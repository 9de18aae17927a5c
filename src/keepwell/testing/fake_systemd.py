"""A systemctl for nodes without systemd: real files below a folder, as systemd itself keeps them.

    node = RootedNode(root, programs={"systemctl": systemctl})

Units lie where packages and owners put them; enabling makes the links that systemd makes. What runs is a file below
/run/fake-systemd; a start, stop or restart adds a line to /run/fake-systemd/done.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from keepwell.formats.drop_in import parse_install
from keepwell.formats.startfile import parse_unit_file
from keepwell.transport.base import Ran

OWN = "etc/systemd/system"
FOLDERS = (OWN, "usr/lib/systemd/system", "lib/systemd/system")
STATE = "run/fake-systemd"


def systemctl(argv: Sequence[str], root: Path) -> Ran:
    """What systemctl gives for this argument list, and what it leaves on the node."""
    words = [one for one in argv[1:] if one not in ("--no-pager", "--now", "--quiet", "-p")]
    verb, names = words[0], words[1:]
    if verb == "show":
        said = "\n".join(_show(root, name, names[0].split(",")) for name in names[1:])
        return Ran(argv=tuple(argv), code=0, stdout=said.encode(), stderr=b"")
    code, said = 0, ""
    for name in names:
        code, said = _VERBS[verb](root, name)
    return Ran(argv=tuple(argv), code=code, stdout=said.encode(), stderr=(said if code else "").encode())


def done(root: Path) -> list[str]:
    """Everything that was started, stopped and restarted, in order."""
    log = root / STATE / "done"
    return log.read_text().splitlines() if log.exists() else []


def start_unit(root: Path, name: str) -> None:
    """Let a unit run, without a line about it."""
    (root / STATE).mkdir(parents=True, exist_ok=True)
    (root / STATE / f"{name}.active").touch()


def _show(root: Path, name: str, wanted: Sequence[str]) -> str:
    path = _find(root, name)
    masked = _is_masked(root, name)
    running = (root / STATE / f"{name}.active").exists()
    told = {
        "Id": name,
        "LoadState": "masked" if masked else "loaded" if path else "not-found",
        "ActiveState": "active" if running else "inactive",
        "UnitFileState": _enabled(root, name) if path or masked else "",
        "FragmentPath": f"/{path.relative_to(root)}" if path else "",
        "EnvironmentFiles": " ".join(f"{one} (ignore_errors=yes)" for one in _environment_files(root, name, path)),
    }
    return "".join(f"{one}={told.get(one, '')}\n" for one in wanted)


def _environment_files(root: Path, name: str, path: Path | None) -> list[str]:
    files = [path] if path else []
    files += sorted((root / OWN / f"{name}.d").glob("*.conf"))
    entries = [one for file in files for one in parse_unit_file(file.read_text())]
    return [one.value.removeprefix("-") for one in entries if one.key == "EnvironmentFile"]


def _find(root: Path, name: str) -> Path | None:
    paths = [root / folder / name for folder in FOLDERS]
    return next((path for path in paths if path.is_file() and not path.is_symlink()), None)


def _is_masked(root: Path, name: str) -> bool:
    path = root / OWN / name
    return path.is_symlink() and os.readlink(path) == "/dev/null"


def _links(root: Path, name: str) -> list[Path]:
    places = [root / OWN / link for link in _install(root, name)]
    return [place for place in places if place.is_symlink()]


def _install(root: Path, name: str) -> tuple[str, ...]:
    path = _find(root, name)
    return parse_install(path.read_bytes(), name).links if path else ()


def _enabled(root: Path, name: str) -> str:
    if _is_masked(root, name):
        return "masked"
    if not _install(root, name):
        return "static"
    return "enabled" if _links(root, name) else "disabled"


def _enable(root: Path, name: str) -> tuple[int, str]:
    path = _find(root, name)
    if path is None:
        return 1, f"Failed to enable unit: Unit file {name} does not exist."
    for link in _install(root, name):
        place = root / OWN / link
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.is_symlink():
            place.symlink_to(f"/{path.relative_to(root)}")
    return 0, ""


def _disable(root: Path, name: str) -> tuple[int, str]:
    for place in _links(root, name):
        place.unlink()
        if place.parent != root / OWN and not any(place.parent.iterdir()):
            place.parent.rmdir()
    return 0, ""


def _mask(root: Path, name: str) -> tuple[int, str]:
    place = root / OWN / name
    if _is_masked(root, name):
        return 0, ""
    if place.exists():
        return 1, f"Failed to mask unit: File /{OWN}/{name} already exists."
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to("/dev/null")
    return 0, ""


def _unmask(root: Path, name: str) -> tuple[int, str]:
    if _is_masked(root, name):
        (root / OWN / name).unlink()
    return 0, ""


def _start(root: Path, name: str) -> tuple[int, str]:
    if _is_masked(root, name):
        return 1, f"Failed to start {name}: Unit {name} is masked."
    if _find(root, name) is None:
        return 5, f"Failed to start {name}: Unit {name} not found."
    if not (root / STATE / f"{name}.active").exists():
        start_unit(root, name)
        _note(root, f"start {name}")
    return 0, ""


def _stop(root: Path, name: str) -> tuple[int, str]:
    active = root / STATE / f"{name}.active"
    if active.exists():
        active.unlink()
        _note(root, f"stop {name}")
    return 0, ""


def _try_restart(root: Path, name: str) -> tuple[int, str]:
    if (root / STATE / f"{name}.active").exists():
        _note(root, f"restart {name}")
    return 0, ""


def _restart(root: Path, name: str) -> tuple[int, str]:
    if (root / STATE / f"{name}.active").exists():
        return _try_restart(root, name)
    return _start(root, name)


def _is_enabled(root: Path, name: str) -> tuple[int, str]:
    state = _enabled(root, name)
    return int(state != "enabled"), f"{state}\n"


def _note(root: Path, line: str) -> None:
    with (root / STATE / "done").open("a") as file:
        file.write(f"{line}\n")


_VERBS: dict[str, Callable[[Path, str], tuple[int, str]]] = {
    "daemon-reload": lambda root, name: (0, ""),
    "enable": _enable,
    "disable": _disable,
    "mask": _mask,
    "unmask": _unmask,
    "start": _start,
    "stop": _stop,
    "restart": _restart,
    "try-restart": _try_restart,
    "is-enabled": _is_enabled,
}
