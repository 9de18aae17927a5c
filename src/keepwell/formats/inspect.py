"""What `docker inspect` and `podman inspect` print: JSON, much the same from both."""

from __future__ import annotations

import json
from collections.abc import Mapping

from keepwell.core.observation import Value

#: Labels that Compose sets on its containers begin so; it alone is the project's name.
COMPOSE = "com.docker.compose.project"


def parse_inspect(content: bytes, runtime: str) -> tuple[Mapping[str, Value], ...]:
    """The containers as rows of host.containers, without `engine`; ValueError if it is not such a list."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(found, list):
        raise ValueError("not a list of containers")
    return tuple(_row(one, runtime) for one in found if isinstance(one, dict))


def _row(one: Mapping[str, object], runtime: str) -> Mapping[str, Value]:
    state, config, host = _part(one, "State"), _part(one, "Config"), _part(one, "HostConfig")
    network = _part(one, "NetworkSettings")
    labels = _part(config, "Labels")
    environment = dict(item.partition("=")[::2] for item in _texts(config.get("Env")))
    return {
        "runtime": runtime,
        "name": _text(one, "Name").lstrip("/"),
        "id": _text(one, "Id"),
        "image": _text(config, "Image") or _text(one, "ImageName"),
        "image_id": _text(one, "Image") or _text(one, "ImageDigest"),
        "created_at": _text(one, "Created"),
        "finished_at": _text(state, "FinishedAt"),
        "state": _text(state, "Status"),
        "health": _text(_part(state, "Health"), "Status"),
        "pid": _number(state, "Pid"),
        "exit_code": _number(state, "ExitCode"),
        "oom_killed": state.get("OOMKilled") is True,
        "error": _text(state, "Error"),
        "started_at": _text(state, "StartedAt"),
        "restarts": _number(one, "RestartCount"),
        "restart_policy": _text(_part(host, "RestartPolicy"), "Name"),
        "command": (*_texts([one.get("Path")]), *_texts(one.get("Args"))),
        "environment": environment,
        "user": _text(config, "User"),
        "ports": _published(network),
        "addresses": _addresses(network),
        "network": _text(host, "NetworkMode"),
        "gpus": _gpus(host),
        "memory_max_bytes": _number(host, "Memory"),
        "compose": _text(labels, "com.docker.compose.project.working_dir"),
        **_of_compose(labels),
        **_rights(one, host),
    }


def _of_compose(labels: Mapping[str, object]) -> Mapping[str, Value]:
    """Which service of which files it is, where Compose made it."""
    if not _text(labels, f"{COMPOSE}.config_files"):
        return {}
    return {
        "compose_files": tuple(one for one in _text(labels, f"{COMPOSE}.config_files").split(",") if one),
        "compose_settings": tuple(one for one in _text(labels, f"{COMPOSE}.environment_file").split(",") if one),
        "compose_project": _text(labels, COMPOSE),
        "compose_service": _text(labels, "com.docker.compose.service"),
    }


def _rights(one: Mapping[str, object], host: Mapping[str, object]) -> Mapping[str, Value]:
    """What it may do beyond a container of its own, as far as it may: rights that it was given, the node's folders."""
    mounts = [mount for mount in _list(one.get("Mounts")) if isinstance(mount, dict)]
    binds = tuple(_text(mount, "Source") for mount in mounts if _text(mount, "Type") == "bind")
    found: dict[str, Value] = {
        "privileged": host.get("Privileged") is True,
        "rights_added": _texts(host.get("CapAdd")),
        "unconfined": tuple(text for text in _texts(host.get("SecurityOpt")) if "unconfined" in text),
        "node_processes": _text(host, "PidMode") == "host",
        "binds": tuple(path for path in binds if path),
    }
    return {name: value for name, value in found.items() if value}


def _published(network: Mapping[str, object]) -> tuple[Value, ...]:
    """Published TCP ports: address and port on the node, port inside."""
    found: list[Value] = []
    for inner, bindings in _part(network, "Ports").items():
        port, _, protocol = inner.partition("/")
        if protocol not in ("", "tcp") or not port.isdecimal() or not isinstance(bindings, list):
            continue
        for one in bindings:
            outer = _text(one, "HostPort") * isinstance(one, dict)
            if outer.isdecimal():
                address = _text(one, "HostIp") or "0.0.0.0"
                found.append({"address": address, "port": int(outer), "inner_port": int(port)})
    return tuple(found)


def _addresses(network: Mapping[str, object]) -> tuple[str, ...]:
    networks = _part(network, "Networks").values()
    found = [_text(network, "IPAddress"), *(_text(one, "IPAddress") for one in networks if isinstance(one, dict))]
    return tuple(dict.fromkeys(address for address in found if address))


def _gpus(host: Mapping[str, object]) -> str:
    """What was asked for that may be a GPU: device requests, device nodes, a run-time of its own; "none" if nothing."""
    asked: list[str] = []
    for request in _list(host.get("DeviceRequests")):
        if isinstance(request, dict):
            named = ",".join(_texts(request.get("DeviceIDs")))
            asked.append(named or {-1: "all"}.get(_number(request, "Count"), str(_number(request, "Count"))))
    for device in _list(host.get("Devices")):
        if isinstance(device, dict):
            asked.append(_text(device, "PathOnHost"))
    runtime = _text(host, "Runtime")
    if runtime and runtime not in PLAIN_RUNTIMES:
        asked.append(f"runtime {runtime}")
    return " ".join(one for one in asked if one) or "none"


#: Run-times that give a container no device by themselves.
PLAIN_RUNTIMES = frozenset({"runc", "crun", "oci", "io.containerd.runc.v2", "kata-runtime", "runsc"})


def _part(one: object, key: str) -> Mapping[str, object]:
    if isinstance(one, Mapping):
        found = one.get(key)
        if isinstance(found, Mapping):
            return found
    return {}


def _list(value: object) -> list[object]:
    if isinstance(value, list):
        return value
    return []


def _texts(value: object) -> tuple[str, ...]:
    return tuple(one for one in _list(value) if isinstance(one, str) and one)


def _text(one: object, key: str) -> str:
    if isinstance(one, Mapping):
        found = one.get(key)
        if isinstance(found, str):
            return found
    return ""


def _number(one: Mapping[str, object], key: str) -> int:
    found = one.get(key)
    if isinstance(found, int):
        return found
    return 0
