"""Command lines that start a container (`docker run`, `podman run`, `nerdctl run`): what they ask for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

#: Flags without a value; all others with a single name take the next word, unless written with an equals sign.
_SWITCHES = frozenset(
    {"-d", "-i", "-t", "--rm", "--init", "--detach", "--interactive", "--tty", "--privileged", "-P", "--publish-all"}
    | {"--read-only", "--no-healthcheck", "--oom-kill-disable", "--sig-proxy", "--disable-content-trust", "--replace"}
)
_RUNTIMES = ("docker", "podman", "nerdctl", "nvidia-docker", "docker.exe")
#: Bytes in words such as 512m, 8g.
_SIZE = re.compile(r"^(\d{1,12}(?:\.\d{1,3})?)([bkmgt]?)i?b?$", re.I)
_FACTORS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_DIGITS = re.compile(r"^\d{1,5}$")


@dataclass(slots=True, kw_only=True)
class Asked:
    """What a container is asked to be; 0, "" and empty where nothing is said.

    `gpus` is "none" or what was asked for; `ports` are (address, port on the node, port inside).
    """

    image: str = ""
    name: str = ""
    gpus: str = "none"
    network: str = ""
    memory_max_bytes: int = 0
    shared_memory_bytes: int = 0
    host_ipc: bool = False
    cores: float = 0.0
    user: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    ports: list[tuple[str, int, int]] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    command: tuple[str, ...] = ()


def parse_run(words: Sequence[str]) -> Asked | None:
    """What a command line asks for; None if it starts no container. Words after the image are its command."""
    start = _start(words)
    if start < 0:
        return None
    asked = Asked()
    if words[start - 2].endswith("nvidia-docker"):
        asked.gpus = "all"
    place = start
    while place < len(words):
        word = words[place]
        place += 1
        if not word.startswith("-") or word == "-":
            asked.image, asked.command = word, tuple(words[place:])
            break
        name, equals, value = word.partition("=")
        if name in _SWITCHES or (re.fullmatch(r"-[ditP]{2,4}", name) is not None):
            continue
        if not equals and not (name.startswith("--") or len(name) == 2):
            name, value = name[:2], name[2:]  # -p8080:80
        elif not equals and place < len(words):
            value = words[place]
            place += 1
        take_option(asked, name, value)
    return asked


def take_option(asked: Asked, name: str, value: str) -> None:
    """Note one option of a command line (`name` with its dashes)."""
    if name in ("--gpus", "--runtime", "--device"):
        _take_device(asked, name, value)
    elif name in ("-e", "--env"):
        key, equals, text = value.partition("=")
        if equals:
            asked.environment[key.strip("'\"")] = text
    elif name in ("-p", "--publish"):
        port = parse_port(value)
        if port is not None:
            asked.ports.append(port)
    elif name in ("-v", "--volume", "--mount"):
        asked.volumes.append(value)
    elif name in ("-m", "--memory"):
        asked.memory_max_bytes = parse_size(value)
    elif name == "--shm-size":
        asked.shared_memory_bytes = parse_size(value)
    elif name == "--ipc":
        asked.host_ipc = value == "host"
    elif name == "--cpus":
        asked.cores = parse_cores(value)
    elif name == "--cpuset-cpus":
        asked.cores = float(count_set(value))
    elif name in ("--network", "--net"):
        asked.network = value
    elif name == "--name":
        asked.name = value
    elif name in ("-u", "--user"):
        asked.user = value
    elif name == "--add-host":
        asked.hosts.append(value)


def parse_port(text: str) -> tuple[str, int, int] | None:
    """`[address:]port:inner[/tcp]`: address (0.0.0.0 if not told), port, inner port; None for other forms."""
    plain = text.strip("\"'").partition("/")[0]
    outer, _, inner = plain.rpartition(":")
    address, _, port = outer.rpartition(":")
    if not _DIGITS.match(inner) or (port and not _DIGITS.match(port)):
        return None
    if not port:
        return None
    return address.strip("[]") or "0.0.0.0", int(port), int(inner)


def parse_size(text: str) -> int:
    """Bytes of `512m`, `8g`, `1073741824`; 0 for anything else."""
    found = _SIZE.match(text.strip("\"'"))
    if found is None:
        return 0
    return int(float(found[1]) * _FACTORS[found[2].lower()])


def parse_cores(text: str) -> float:
    """A number of processors such as `4` or `1.5`; 0 for anything else."""
    if re.fullmatch(r"\d{1,4}(?:\.\d{1,3})?", text.strip("\"'")):
        return float(text.strip("\"'"))
    return 0.0


def count_set(text: str) -> int:
    """Processors in a list such as `0-3,8`; 0 for anything else."""
    count = 0
    for part in text.strip("\"'").split(","):
        found = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", part.strip())
        if found is None:
            return 0
        count += max(0, int(found[2] or found[1]) - int(found[1]) + 1)
    return count


def _take_device(asked: Asked, name: str, value: str) -> None:
    plain = value.strip("\"'")
    if name == "--runtime" and plain in ("runc", "crun", "runsc"):
        return
    wished = {"--runtime": f"runtime {plain}"}.get(name, plain.partition(":")[0])
    asked.gpus = f"{asked.gpus} {wished}".removeprefix("none ")


def _start(words: Sequence[str]) -> int:
    """Where the options begin: after `docker run`, `docker container run`, `docker create`; -1 if they do not."""
    for place, word in enumerate(words[:8]):
        if word.rsplit("/", 1)[-1] in _RUNTIMES:
            rest = list(words[place + 1 : place + 3])
            if rest[:1] == ["container"]:
                rest, place = rest[1:], place + 1
            if rest[:1] in (["run"], ["create"]):
                return place + 2
    return -1
