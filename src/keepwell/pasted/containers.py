"""Containers: `docker run`, compose files, `docker inspect`: as rows of host.containers, and what follows from them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from keepwell.core.observation import Value
from keepwell.core.secret import mask_environment
from keepwell.formats.container_run import Asked, count_set, parse_cores, parse_port, parse_run, parse_size
from keepwell.formats.indented import Node, parse_indented, parse_rows, texts, walk
from keepwell.formats.inspect import parse_inspect
from keepwell.formats.transcript import Line, Transcript, split_command
from keepwell.plugins.pasted import Told
from keepwell.plugins.recognise import engine_of_name, load_engines

_RUN = re.compile(r"\b(?:docker|podman|nerdctl)(?:\.exe)? (?:container )?(?:run|create)\b")
_SERVICES = re.compile(r"^\s{0,8}services:\s*$")
_IMAGE = re.compile(r"^\s+image:\s*\S")
#: Lines of a command that goes on over several lines, with or without backslashes.
_GOES_ON = re.compile(r"^\s*(?:--?[a-z]|\S+\s*\\?$)")


#: A published port as `docker ps` shows it, and the state of a container that ended.
_PUBLISHED = re.compile(r"(?P<address>\d{1,3}(?:\.\d{1,3}){3}|\[::\]|:::?):?(?P<port>\d{1,5})->(?P<inner>\d{1,5})/tcp")
_ENDED = re.compile(
    r"^[0-9a-f]{12}\s+(?P<image>\S{1,120})\s.{0,120}?\b(?P<state>Exited"
    r"|Restarting) \((?P<code>\d{1,3})\)"
)


class Containers:
    """Gives host.containers, text.listening (published ports), text.settings and text.cores (limits of containers)."""

    hints = ("docker", "podman", "nerdctl", "image:", '"hostconfig"', "->", "exited (", "restarting (")
    gives = ("host.containers", "text.listening", "text.settings", "text.cores")

    def read(self, text: Transcript) -> Iterable[Told]:
        """Every container that is asked for or shown."""
        rows: list[Value] = []
        lines: list[int] = []
        for number, one in (*_runs(text), *_composed(text)):
            if not one.image:
                continue
            rows.append(_row(one) | {"line": number})
            lines.append(number)
            yield from _follow(number, one)
        for number, row in _inspected(text):
            rows.append(row)
            lines.append(number)
        for line in text.lines:
            yield from _listed(line)
        if rows:
            yield Told(name="host.containers", value=tuple(rows), lines=tuple(lines))


def _runs(text: Transcript) -> Iterator[tuple[int, Asked]]:
    for section in text.sections:
        typed = parse_run(section.command)
        if typed is not None:
            rest = [one.text for one in section.lines[:40] if not typed.image]
            whole = parse_run(split_command(" ".join([*section.command, *rest])))
            yield section.command_line, whole or typed
    lines = text.lines
    for place, line in enumerate(lines):
        found = _RUN.search(line.text)
        if found is not None:
            asked = parse_run(split_command(_whole_command(lines, place, found.start())))
            if asked is not None:
                yield line.number, asked


def _whole_command(lines: Sequence[Line], place: int, start: int) -> str:
    """The command that begins in a line, with the lines in which it goes on."""
    found = [lines[place].text[start:].strip().strip("`")]
    while place + 1 < len(lines) and len(found) < 40:
        goes_on = found[-1].endswith("\\") or lines[place + 1].text.lstrip().startswith("-")
        if not goes_on or not _GOES_ON.match(lines[place + 1].text):
            break
        place += 1
        found.append(lines[place].text.strip())
    return " ".join(one.rstrip("\\") for one in found)


def _composed(text: Transcript) -> Iterator[tuple[int, Asked]]:
    lines = text.lines
    starts = [place for place, line in enumerate(lines) if _SERVICES.match(line.text)]
    if not starts and not any(_IMAGE.match(line.text) for line in lines):
        return
    for start in starts or [0]:
        rows = parse_rows([(line.number, line.text) for line in lines[start:]])
        tree = parse_indented(rows)
        services = tree
        if starts:
            services = walk(tree, "services")
        if not isinstance(services, dict):
            continue
        for name, service in services.items():
            if isinstance(service, dict) and isinstance(service.get("image"), str):
                at = next((row.number for row in rows if row.text.startswith("image:")), lines[start].number)
                yield at, _service(name, service)


def _service(name: str, service: Mapping[str, Node]) -> Asked:
    asked = Asked(name=name, image=str(service.get("image", "")))
    devices = walk(dict(service), "deploy", "resources", "reservations", "devices")
    wished = [*_texts_of(service, "devices"), *_texts_of(service, "gpus")]
    if devices:
        wished.append("reservation")
    runtime = service.get("runtime")
    if isinstance(runtime, str) and runtime not in ("", "runc", "crun"):
        wished.append(f"runtime {runtime}")
    asked.gpus = " ".join(wished) or "none"
    asked.environment = dict(one.partition("=")[::2] for one in _texts_of(service, "environment"))
    asked.ports = [port for one in _texts_of(service, "ports") if (port := parse_port(one)) is not None]
    asked.memory_max_bytes = parse_size("".join(_texts_of(service, "mem_limit")[:1]))
    asked.shared_memory_bytes = parse_size("".join(_texts_of(service, "shm_size")[:1]))
    asked.host_ipc = service.get("ipc") == "host"
    asked.network = "".join(_texts_of(service, "network_mode")[:1])
    asked.cores = parse_cores("".join(_texts_of(service, "cpus")[:1]))
    asked.cores = asked.cores or float(count_set("".join(_texts_of(service, "cpuset")[:1])))
    limit = walk(dict(service), "deploy", "resources", "limits", "cpus")
    if isinstance(limit, str) and limit:
        asked.cores = parse_cores(limit)
    asked.hosts = _texts_of(service, "extra_hosts")
    return asked


def _texts_of(service: Mapping[str, Node], key: str) -> list[str]:
    return texts(service.get(key, ""))


def _inspected(text: Transcript) -> Iterator[tuple[int, Value]]:
    for section in text.sections:
        body = section.text.strip()
        if not (body.startswith("[") and '"HostConfig"' in body):
            continue
        try:
            rows = parse_inspect(body.encode("utf-8", "replace"), "docker")
        except ValueError:
            continue  # a part of it, or something around it: nothing is told
        for row in rows:
            name = f"{row.get('image', '')} {row.get('name', '')}"
            masked = mask_environment({k: str(v) for k, v in _mapping(row.get("environment")).items()})
            yield (
                section.lines[0].number,
                {**row, "engine": engine_of_name(name, load_engines()), "environment": masked},
            )


def _listed(line: Line) -> Iterator[Told]:
    """A line of `docker ps`."""
    ports = tuple(
        {
            "address": one["address"].strip("[]"),
            "port": int(one["port"]),
            "inner_port": int(one["inner"]),
            "line": line.number,
        }
        for one in _PUBLISHED.finditer(line.text)
    )
    if ports:
        yield Told(name="text.listening", value=ports, lines=(line.number,))
    ended = _ENDED.match(line.text)
    if ended is not None:
        row: dict[str, Value] = {
            "runtime": "docker",
            "name": line.text.split()[-1],
            "image": ended["image"],
            "engine": engine_of_name(ended["image"], load_engines()),
            "state": {"Exited": "exited"}.get(ended["state"], "restarting"),
            "exit_code": int(ended["code"]),
            "line": line.number,
        }
        yield Told(name="host.containers", value=(row,), lines=(line.number,))


def _mapping(value: Value | None) -> Mapping[str, Value]:
    if isinstance(value, Mapping):
        return value
    return {}


def _row(one: Asked) -> dict[str, Value]:
    return {
        "runtime": "docker",
        "name": one.name or one.image,
        "image": one.image,
        "engine": engine_of_name(f"{one.image} {one.name}", load_engines()),
        "gpus": one.gpus,
        "network": one.network,
        "environment": mask_environment(one.environment),
        "ports": tuple({"address": address, "port": port, "inner_port": inner} for address, port, inner in one.ports),
        "memory_max_bytes": one.memory_max_bytes,
        "shared_memory_bytes": one.shared_memory_bytes,
        "host_ipc": one.host_ipc,
    }


def _follow(number: int, one: Asked) -> Iterator[Told]:
    """What else a container's start tells."""
    rows: tuple[Value, ...] = tuple(
        {"address": address, "port": port, "inner_port": inner, "program": one.name or one.image, "line": number}
        for address, port, inner in one.ports
    )
    if rows:
        yield Told(name="text.listening", value=rows, lines=(number,))
    if one.cores:
        yield Told(name="text.cores", value=({"kind": "quota", "count": one.cores, "line": number},), lines=(number,))
    settings: tuple[Value, ...] = tuple(
        {"name": name, "value": value, "where": "container", "line": number}
        for name, value in mask_environment(one.environment).items()
    )
    if settings:
        yield Told(name="text.settings", value=settings, lines=(number,))


PASTED = Containers()
