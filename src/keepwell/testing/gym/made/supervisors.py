"""What systemctl, journalctl and docker say of a made machine's engines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from keepwell.probes.units import LIST_FILES, PROPERTIES
from keepwell.testing.fake_gpu.linux import LIBRARIES, NOW
from keepwell.testing.gym.made.processes import CONTAINER_ADDRESS, Files, container_id
from keepwell.testing.gym.made.state import Logged, MadeContainer, MadeEngine, MadeState
from keepwell.transport.base import Ran
from keepwell.transport.recorded.tape import Refusal, TapeFile

Commands = dict[tuple[str, ...], Ran | Refusal | str]
#: How many lines keepwell asks a journal and a container for (see `keepwell.probes.engine_log`).
LINES = "5000"
DOCKER_SOCKET = "/run/docker.sock"
_EXEC = (
    "{{ path={program} ; argv[]={command} ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; "
    "code=(null) ; status=0/0 }}"
)


def list_supervisor_files(state: MadeState) -> Files:
    """Files by which supervisors are known, and what is in containers."""
    files: Files = {}
    if state.systemd:
        files["/run/systemd/system"] = TapeFile(kind="directory", mode=0o755)
    if state.docker:
        files[DOCKER_SOCKET] = TapeFile(kind="socket", mode=0o660, inode=777)
    for engine in state.engines:
        if engine.unit is not None:
            files[f"/etc/systemd/system/{engine.unit.name}"] = _unit_file(engine)
            for path, text in engine.unit.drop_ins.items():
                files[path] = text
        if engine.container is not None and engine.running:
            files |= _list_inside(engine, engine.container, state)
    return files


def list_supervisor_commands(state: MadeState) -> Commands:
    """Answers of systemctl, journalctl and docker."""
    answers: Commands = {}
    if state.systemd:
        answers |= _list_units([one for one in state.engines if one.unit is not None])
    for engine in state.engines:
        if engine.unit is not None:
            answers[journal_command(engine.unit.name)] = "".join(_journal_lines(engine))
    if state.docker:
        answers |= _list_containers([one for one in state.engines if one.container is not None])
    return answers


def journal_command(unit: str) -> tuple[str, ...]:
    """The question for a unit's lines."""
    return ("journalctl", f"--unit={unit}", "-n", LINES, "-o", "short-iso", "--no-pager", "-q")


def stamp(ago_seconds: float, form: str) -> str:
    """The instant so long before the look, in UTC."""
    return datetime.fromtimestamp(NOW - ago_seconds, UTC).strftime(form)


def ordered(lines: Iterable[Logged]) -> list[Logged]:
    """Oldest first; lines of the same instant stay as they are."""
    return sorted(lines, key=lambda one: -one[0])


def render_inspect(engine: MadeEngine) -> dict[str, object]:
    """One container as `docker inspect` prints it."""
    container = engine.container
    assert container is not None
    devices = [{"Driver": "nvidia", "Count": -1, "DeviceIDs": None}] if container.gpus else []
    binding = [{"HostIp": engine.host, "HostPort": str(engine.port)}]
    return {
        "Id": container_id(engine),
        "Created": stamp(engine.age_seconds + 3600, "%Y-%m-%dT%H:%M:%S.0Z"),
        "Name": f"/{container.name}",
        "RestartCount": 0,
        "Path": engine.argv[0],
        "Args": list(engine.argv[1:]),
        "State": {
            "Status": container.state,
            "Pid": engine.pid * engine.running,
            "ExitCode": container.exit_code,
            "OOMKilled": container.oom_killed,
            "Error": container.error,
            "StartedAt": stamp(engine.age_seconds, "%Y-%m-%dT%H:%M:%S.0Z"),
        },
        "Image": "sha256:" + "ab" * 32,
        "HostConfig": {
            "NetworkMode": "bridge",
            "RestartPolicy": {"Name": "unless-stopped"},
            "Runtime": container.runtime,
            "Memory": engine.memory_max_bytes,
            "DeviceRequests": devices,
        },
        "Config": {
            "Image": container.image,
            "Env": [f"{name}={text}" for name, text in (engine.environment | container.variables).items()],
            "User": "",
            "Labels": {},
        },
        "NetworkSettings": {
            "IPAddress": CONTAINER_ADDRESS * engine.running,
            "Networks": {"bridge": {"IPAddress": CONTAINER_ADDRESS * engine.running}},
            "Ports": {f"{container.inner_port}/tcp": binding} if engine.running else {},
        },
    }


def _unit_file(engine: MadeEngine) -> str:
    assert engine.unit is not None
    lines = ["[Unit]", "Description=Model server", "After=network-online.target", "", "[Service]"]
    lines += [f"ExecStart={' '.join(engine.argv)}", f"User={engine.user}", "Restart=always"]
    lines += [f'Environment="{name}={text}"' for name, text in engine.unit.environment.items()]
    return "\n".join([*lines, "", "[Install]", "WantedBy=default.target", ""])


def _list_units(engines: list[MadeEngine]) -> Commands:
    names = [one.unit.name for one in engines if one.unit is not None]
    listing = "".join(f"{name} enabled enabled\n" for name in names)
    blocks = "\n".join(_block(one) for one in engines)
    return {
        ("systemctl", *LIST_FILES): f"cron.service enabled enabled\nssh.service enabled enabled\n{listing}",
        ("systemctl", "show", "--no-pager", "-p", PROPERTIES): blocks,
    }


def _block(engine: MadeEngine) -> str:
    unit = engine.unit
    assert unit is not None
    fields = {
        "MainPID": str(engine.pid * engine.running),
        "NRestarts": str(unit.restarts),
        "ExecMainStatus": str(unit.exit_status),
        "ExecMainCode": str(unit.exit_code),
        "User": engine.user,
        "DropInPaths": " ".join(unit.drop_ins),
        "EnvironmentFiles": "",
        "Environment": " ".join(f"{name}={text}" for name, text in unit.environment.items()),
        "Id": unit.name,
        "LoadState": "loaded",
        "ActiveState": unit.active,
        "SubState": unit.sub,
        "Result": unit.result,
        "FragmentPath": f"/etc/systemd/system/{unit.name}",
        "UnitFileState": "enabled",
        "NeedDaemonReload": {True: "yes", False: "no"}[unit.need_reload],
        "ExecStart": _EXEC.format(program=engine.argv[0], command=" ".join(engine.argv)),
    }
    return "\n".join(f"{key}={value}" for key, value in fields.items()) + "\n"


def _journal_lines(engine: MadeEngine) -> Iterator[str]:
    program = engine.argv[0].rpartition("/")[2]
    for ago, text in ordered(engine.log):
        yield f"{stamp(ago, '%Y-%m-%dT%H:%M:%S+0000')} box {program}[{engine.pid}]: {text}\n"


def _list_containers(engines: list[MadeEngine]) -> Commands:
    ids = [container_id(one) for one in engines]
    answers: Commands = {("docker", "ps", "-aq", "--no-trunc"): "\n".join(ids) + "\n" * bool(ids)}
    if ids:
        answers["docker", "inspect", *ids] = json.dumps([render_inspect(one) for one in engines])
    for one in engines:
        assert one.container is not None
        lines = "".join(f"{stamp(ago, '%Y-%m-%dT%H:%M:%S.%f000Z')} {text}\n" for ago, text in ordered(one.log))
        argv = ("docker", "logs", "-t", "--tail", LINES, one.container.name)
        answers[argv] = Ran(argv=argv, code=0, stdout=b"", stderr=lines.encode())
    return answers


def _list_inside(engine: MadeEngine, container: MadeContainer, state: MadeState) -> Files:
    """The container's own root, as root of the machine sees it."""
    root = f"/proc/{engine.pid}/root"
    files: Files = {
        root: TapeFile(kind="directory", mode=0o755),
        f"{root}/etc/hosts": f"127.0.0.1 localhost\n{CONTAINER_ADDRESS} {container.name}\n",
        f"{root}/dev/shm": TapeFile(kind="directory", mode=0o777),
    }
    version = "/proc/driver/nvidia/version"
    if state.machine.driver:
        told = f"NVRM version: NVIDIA UNIX x86_64 Kernel Module  {state.machine.driver}  Thu Feb 22\n"
        files[f"{root}{version}"] = told
    if container.library:
        for name in ("libcuda.so", "libnvidia-ml.so"):
            files[f"{root}{LIBRARIES}/{name}.{container.library}"] = "ELF"
            files[f"{root}{LIBRARIES}/{name}.1"] = TapeFile(kind="link", target=f"{name}.{container.library}")
    names = ["nvidiactl", "nvidia-uvm", *(f"nvidia{number}" for number, _ in enumerate(state.machine.cards))]
    majors = {"nvidiactl": "195:255", "nvidia-uvm": "234:0"}
    for name in names * container.device_nodes:
        device = majors.get(name, f"195:{name.removeprefix('nvidia')}")
        files[f"{root}/dev/{name}"] = TapeFile(kind="character", device=device, mode=0o666, gid=44)
    return files
