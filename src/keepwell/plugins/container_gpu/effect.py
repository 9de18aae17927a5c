"""What makes a changed definition take effect: which container is made anew, what that interrupts. Pure.

A compose project is told by the labels of its containers (docker compose sets them): the same name and the same files
again, else Compose would make a second project beside the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from keepwell.core.step import Activation, RunCommand
from keepwell.plugins.container_gpu.ground import FileKind

#: Labels that Compose sets on its containers, and the order in which they are asked for.
PROJECT, FILES = "com.docker.compose.project", "com.docker.compose.project.config_files"
SERVICE, SETTINGS = "com.docker.compose.service", "com.docker.compose.project.environment_file"
_FIELDS = "\t".join(f'{{{{.Label "{one}"}}}}' for one in (PROJECT, FILES, SERVICE, SETTINGS))
#: Lists every container of Compose with its project, files, service and state.
LIST = ("docker", "ps", "--all", "--no-trunc", "--filter", f"label={PROJECT}", "--format", f"{_FIELDS}\t{{{{.State}}}}")
PROXMOX_RELEASE = ("pveversion",)
PROXMOX = "/etc/pve/"
PLAIN_LXC = re.compile(r"/var/lib/lxc/([A-Za-z0-9._-]+)/config\Z")
#: Folders of Quadlets whose services root's systemd runs.
SYSTEM_QUADLETS = ("/etc/containers/systemd/", "/usr/share/containers/systemd/", "/run/containers/systemd/")
#: Seconds: an image may have to be loaded, a model server to end; Compose gives a container 10 s to stop.
MAKE_SECONDS = 300.0
ANEW = "the container is made anew (seconds; longer for a large image): requests in flight end, a loaded model is gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """The compose project that a service's container belongs to; `running` says whether that runs."""

    name: str
    files: tuple[str, ...]
    settings: tuple[str, ...] = ()
    running: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The commands, what stops meanwhile, and what is left to do by hand ("" for nothing)."""

    activate: tuple[Activation, ...] = ()
    interrupts: str = ""
    by_hand: str = ""


def parse_projects(text: str) -> Iterator[tuple[str, Project]]:
    """The service and the project of each line that LIST prints."""
    for line in text.splitlines():
        fields = line.split("\t")
        if len(fields) == 5:
            name, files, service, settings, state = fields
            found = Project(
                name=name,
                files=tuple(one for one in files.split(",") if one),
                settings=tuple(one for one in settings.split(",") if one),
                running=state == "running",
            )
            yield service, found


def find_project(found: Iterable[tuple[str, Project]], path: str, service: str) -> Project | None:
    """The one whose files this is one of; a container that runs before one that does not."""
    mine = [one for name, one in found if name == service and path in one.files]
    return next((one for one in mine if one.running), next(iter(mine), None))


def container_id(path: str) -> str:
    """The number of a Proxmox container by its file, "" for another."""
    stem = PurePosixPath(path).stem
    if path.startswith(PROXMOX) and stem.isdecimal():
        return stem
    return ""


def state_command(path: str) -> tuple[str, ...]:
    """What tells whether a system container runs; () for another kind of file."""
    plain = PLAIN_LXC.match(path)
    if container_id(path):
        return ("pct", "status", container_id(path))
    if plain is not None:
        return ("lxc-info", "--name", plain[1], "--state")
    return ()


def effect_of_compose(service: str, project: Project | None) -> Effect:
    """The service's container anew, if there is one that runs."""
    if project is None:
        return Effect(by_hand="no container of this service was found: it counts when one is made")
    if not project.running:
        return Effect(by_hand="its container does not run: make it anew with docker compose up")
    files = [word for one in project.files for word in ("--file", one)]
    settings = [word for one in project.settings for word in ("--env-file", one)]
    compose = ("docker", "compose", "--project-name", project.name, *files, *settings)
    argv = (*compose, "up", "--detach", "--no-deps", service)
    return Effect(activate=(RunCommand(argv=argv, timeout_seconds=MAKE_SECONDS),), interrupts=ANEW)


def effect_of_daemon() -> Effect:
    """The daemon reads its run-times again; no container stops."""
    return Effect(activate=(RunCommand(argv=("systemctl", "reload", "docker.service")),))


def effect_of_quadlet(path: str) -> Effect:
    """The generated service anew, if it runs; a user's own is for that user to restart."""
    unit = f"{PurePosixPath(path).stem}.service"
    if not path.startswith(SYSTEM_QUADLETS):
        return Effect(by_hand=f"as its user: systemctl --user daemon-reload; systemctl --user restart {unit}")
    restart = RunCommand(argv=("systemctl", "try-restart", unit), timeout_seconds=MAKE_SECONDS)
    return Effect(activate=(RunCommand(argv=("systemctl", "daemon-reload")), restart), interrupts=ANEW)


def effect_of_container(path: str, running: bool | None) -> Effect:
    """A reboot of a system container that runs: settings are read at its start."""
    if not running:
        return Effect(by_hand="it counts at the container's next start")
    plain = PLAIN_LXC.match(path)
    reboot: tuple[str, ...] = ("pct", "reboot", container_id(path))
    if plain is not None:
        reboot = ("lxc-stop", "--name", plain[1], "--reboot")
    interrupts = "the system container is started again (about half a minute): everything in it stops meanwhile"
    return Effect(activate=(RunCommand(argv=reboot, timeout_seconds=MAKE_SECONDS),), interrupts=interrupts)


def find_effect(kind: FileKind, path: str, service: str, project: Project | None, running: bool | None) -> Effect:
    """What makes a change of this file take effect."""
    if kind == "compose":
        return effect_of_compose(service, project)
    if kind == "docker":
        return effect_of_daemon()
    if kind == "podman":
        return effect_of_quadlet(path)
    return effect_of_container(path, running)
