"""Running containers of Docker, Podman, Kubernetes, LXC and systemd, by their control groups.

No container engine is asked: that takes a daemon's time for each container, and seconds where there are many. Names
come from whoever has asked the engine anyway (the watched processes), or from Docker's own file where that may be
read; a container without a name has the first twelve digits of its number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from keepwell.core.errors import AccessError
from keepwell.core.ref import Ref
from keepwell.core.series import Reading, SeriesKey
from keepwell.formats.cgroup import ROOT_V2
from keepwell.plugins.cgroup_load import READERS, RESOURCES, is_version_2
from keepwell.plugins.collecting import FileCollector
from keepwell.plugins.collector import Collector, Moment, Sight

#: Seconds between two looks: each container costs ten files.
EVERY_SECONDS = 5.0
#: Looks between two of which containers there are.
FIND_LOOKS = 2
#: Containers that are told of, folders that are looked into for them, and how deep: a pod's container is five deep.
CONTAINERS = 128
FOLDERS = 400
DEPTH = 6
#: Where the groups of version 1 are looked for: a controller that every container has.
ROOT_V1 = f"{ROOT_V2}/memory"
#: Digits of a number by which people know a container.
SHORT = 12

PLAIN = (
    "cpu_seconds_total",
    "throttled_seconds_total",
    "memory_bytes",
    "memory_working_bytes",
    "memory_limit_bytes",
    "swap_bytes",
    "oom_kills_total",
    "processes",
    "read_bytes_total",
    "written_bytes_total",
)
PRESSURE = "container.pressure_ratio"
_NUMBERED = re.compile(r"^(?:docker-|libpod-|crio-|cri-containerd-|containerd-|nerdctl-)?([0-9a-f]{64})(?:\.scope)?$")
_NAMED = re.compile(r"^(?:lxc\.payload\.|machine-)([\w.\\-]{1,80}?)(?:\.scope)?$")
_ROOM = re.compile(
    r"^(?:.*\.slice|user@\d{1,10}\.service|docker|lxc|kubepods|burstable|besteffort|libpod_parent|pod[0-9a-f_-]{36})$"
)
_DOCKER_NAME = re.compile(rb'"Name":"/([\w.-]{1,128})"')
_IN_GROUP = re.compile(r"([0-9a-f]{64})")


class Containers:
    """One look costs about 100 us a container."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._paths: dict[str, str] = {}
        self._keys: dict[str, list[tuple[SeriesKey, str]]] = {}
        self._subjects: dict[str, str] = {}
        self._two = True
        self._looks = 0

    def look(self, sight: Sight, moment: Moment) -> Iterable[Reading]:
        """All of it; nothing where no container runs."""
        if self._looks % FIND_LOOKS == 0:
            self._two = is_version_2(sight)
            self._paths = self._find(sight)
            self._name(sight)
        self._looks += 1
        found: list[Reading] = []
        for name, path in self._paths.items():
            try:
                told = READERS[self._two](path, sight)
            except AccessError:
                continue  # it has ended since it was found
            found += ((key, told[word]) for key, word in self._keys_of(self._subjects.get(name, name)))
        return found

    def close(self) -> None:
        """Nothing is held."""

    def _find(self, sight: Sight) -> dict[str, str]:
        """Numbers or names of containers, with the paths of their groups."""
        root = {True: ROOT_V2, False: ROOT_V1}[self._two]
        found: dict[str, str] = {}
        waiting = [("", 0)]
        looked = 0
        while waiting and looked < FOLDERS and len(found) < CONTAINERS:
            path, depth = waiting.pop(0)
            looked += 1
            try:
                names = sight.names(f"{root}/{path}".rstrip("/"))
            except AccessError:
                continue
            for name, container in _sort_out(path, names):
                below = f"{path}/{name}".lstrip("/")
                if container:
                    found.setdefault(container, below)
                elif depth < DEPTH:
                    waiting.append((below, depth + 1))
        return found

    def _name(self, sight: Sight) -> None:
        """Give containers their names, as far as they can be known."""
        self._subjects = {name: text for name, text in self._subjects.items() if name in self._paths}
        for pid, text in sight.watched.items():
            if text.startswith("container:"):
                for number in _groups_of(pid, sight) & self._paths.keys():
                    self._subjects[number] = text
        for name in self._paths.keys() - self._subjects.keys():
            self._subjects[name] = str(Ref("container", (self._node, _own_name(name, sight))))

    def _keys_of(self, subject: str) -> list[tuple[SeriesKey, str]]:
        keys = self._keys.get(subject)
        if keys is None:
            if len(self._keys) > 2 * CONTAINERS:
                self._keys.clear()
            keys = [(SeriesKey(f"container.{word}", subject), word) for word in PLAIN]
            keys += [(SeriesKey(PRESSURE, subject, (("resource", one),)), f"pressure_{one}") for one in RESOURCES]
            self._keys[subject] = keys
        return keys


def _sort_out(path: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Names of groups in a folder that are containers, with their number or name, or that may hold some ("")."""
    for name in names:
        numbered, named = _NUMBERED.match(name), _NAMED.match(name)
        if numbered is not None:
            yield name, numbered[1]
        elif named is not None:
            yield name, named[1]
        elif path == "lxc" and "." not in name:
            yield name, name
        elif _ROOM.match(name):
            yield name, ""


def _groups_of(pid: int, sight: Sight) -> set[str]:
    try:
        text = sight.read(f"/proc/{pid}/cgroup").decode("ascii", "replace")
    except AccessError:
        return set()
    return set(_IN_GROUP.findall(text))


def _own_name(name: str, sight: Sight) -> str:
    if _NUMBERED.match(name) is None:
        return name
    try:
        found = _DOCKER_NAME.search(sight.read(f"/var/lib/docker/containers/{name}/config.v2.json"))
    except AccessError:
        return name[:SHORT]
    if found is None:
        return name[:SHORT]
    return found[1].decode("ascii")


COLLECTOR: Collector = FileCollector(
    every_seconds=EVERY_SECONDS, gives=(*(f"container.{word}" for word in PLAIN), PRESSURE), begin=Containers
)
