"""What runs an engine, and so how it is started and restarted: a unit, a launchd job, a container, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from keepwell.core.issue import Supervisor
from keepwell.core.observation import Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.secret import mask_argv
from keepwell.core.values import find_number, rows_of, text_of, texts_of
from keepwell.plugins.engine import Engine
from keepwell.plugins.place import LogSource, ServingProcess
from keepwell.plugins.port_holder import CONTAINER_PROXIES
from keepwell.survey.serving import Family

#: Variables that a program needs to start the same way again, whatever engine it is. PATH is left out: whoever
#: starts it has one of their own, and the program is named by its whole path.
ALWAYS = frozenset(
    {"HOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONPATH", "VIRTUAL_ENV", "TMPDIR"}
    | {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"}
)
#: Families of variables that every engine on a GPU reads.
FAMILIES = ("GGML_", "HF_", "OMP_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervision:
    """How an engine is run. `row` is its row in host.units or host.containers, empty for a plain process."""

    kind: Supervisor
    unit: str = ""
    start: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    logs: tuple[LogSource, ...] = ()
    row: Mapping[str, Value] = field(default_factory=dict)

    def shown(self) -> Mapping[str, Value]:
        """The value of engine.supervisor, secrets masked. What only a unit or container can tell is left out for
        a plain process.
        """
        value: dict[str, Value] = {
            "kind": self.kind,
            "unit": self.unit,
            "start": mask_argv(self.start),
            "restart": mask_argv(self.restart),
            "files": self.files,
        }
        if self.row:
            value |= _told(self.row)
        return value


def _told(row: Mapping[str, Value]) -> dict[str, Value]:
    return {
        "scope": text_of(row, "scope"),
        "state": text_of(row, "active") or text_of(row, "state"),
        "sub_state": text_of(row, "sub") or text_of(row, "health"),
        "result": text_of(row, "result"),
        "restarts": int(find_number(row.get("restarts")) or 0),
        "exit_code": int(find_number(row.get("exit_code")) or 0),
        "exit_kind": text_of(row, "exit_kind"),
        "oom_killed": row.get("oom_killed") is True,
        "enabled": text_of(row, "enabled") or text_of(row, "restart_policy"),
        "need_reload": row.get("need_reload") is True,
        "gpus": text_of(row, "gpus"),
        "error": text_of(row, "error"),
        "runtime": text_of(row, "runtime"),
    }


def find_supervision(node: Ref, seen: Seen, family: Family, pid: int, port: int) -> Supervision | None:
    """The unit or container that a process runs in; None for one that somebody started by hand.

    A process in a container that is reached through a published port is held by the container's proxy, so
    the port tells, too.
    """
    above = set(family.ancestors(pid))
    for row in rows_of(seen.value(node, "host.containers")):
        if find_number(row.get("pid")) in above - {0} or _publishes(row, port, family, pid):
            return by_container(row)
    for row in rows_of(seen.value(node, "host.units")):
        if find_number(row.get("main_pid")) in above - {0, 1}:
            return by_unit(row)
    return None


def _publishes(row: Mapping[str, Value], port: int, family: Family, pid: int) -> bool:
    published = (find_number(one.get("port")) for one in rows_of(row.get("ports")))
    return (pid == 0 or is_proxy(family, pid)) and text_of(row, "state") == "running" and port in published


def is_proxy(family: Family, pid: int) -> bool:
    """True for a program that holds a container's published port."""
    argv = texts_of(family.rows.get(pid, {}).get("argv"))
    return bool(argv) and argv[0].rpartition("/")[2] in CONTAINER_PROXIES


def by_unit(row: Mapping[str, Value]) -> Supervision:
    """How a unit or a launchd job is run."""
    unit, scope = text_of(row, "unit"), text_of(row, "scope")
    files = [text_of(row, "fragment"), *texts_of(row.get("drop_ins")), *texts_of(row.get("environment_files"))]
    known = tuple(path for path in files if path)
    logs = tuple(LogSource(kind="file", where=path) for path in texts_of(row.get("logs")))
    if text_of(row, "manager") == "launchd":
        job = f"{scope}/{unit}"
        return Supervision(
            kind="launchd",
            unit=unit,
            start=("launchctl", "kickstart", job),
            restart=("launchctl", "kickstart", "-k", job),
            files=known,
            logs=logs,
            row=row,
        )
    systemctl = {"user": ("systemctl", "--user")}.get(scope, ("systemctl",))
    return Supervision(
        kind="systemd",
        unit=unit,
        start=(*systemctl, "start", unit),
        restart=(*systemctl, "restart", unit),
        files=known,
        logs=logs,
        row=row,
    )


def by_container(row: Mapping[str, Value]) -> Supervision:
    """How a container is run."""
    name, runtime = text_of(row, "name"), text_of(row, "runtime")
    return Supervision(
        kind="container", unit=name, start=(runtime, "start", name), restart=(runtime, "restart", name), row=row
    )


def by_hand(process: ServingProcess, engine: Engine, relative: Iterable[str]) -> Supervision:
    """How a plain process was started, so that it can be started the same way from anywhere.

    `relative` are the arguments and values that are paths below its working folder; they become absolute.
    """
    below = frozenset(relative)
    argv = [_absolute(item, process.cwd, below) for item in (_program(process), *process.argv[1:])]
    own = own_variables(process.environment, engine)
    values = [f"{name}={_absolute(value, process.cwd, below)}" for name, value in own.items()]
    if values:
        argv = ["env", *values, *argv]
    return Supervision(kind="process", start=tuple(argv))


def _program(process: ServingProcess) -> str:
    """The program by its whole path where that is the same program; a script's interpreter keeps its own name."""
    first = (process.argv or ("",))[0]
    exe = process.exe.removesuffix(" (deleted)")
    if "/" not in first and exe.rpartition("/")[2] == first:
        return exe
    return first


def _absolute(item: str, cwd: str, below: frozenset[str]) -> str:
    if item in below:
        return f"{cwd.rstrip('/')}/{item.removeprefix('./')}"
    name, equals, value = item.partition("=")
    if equals and value in below:
        return f"{name}={cwd.rstrip('/')}/{value.removeprefix('./')}"
    return item


def may_be_relative(process: ServingProcess, engine: Engine) -> tuple[str, ...]:
    """The arguments and values that may be paths below the working folder; whether they are must be looked at."""
    words = [*process.argv, *own_variables(process.environment, engine).values()]
    words += [item.partition("=")[2] for item in process.argv if "=" in item]
    return tuple(dict.fromkeys(word for word in words if _looks_relative(word)))


def _looks_relative(word: str) -> bool:
    return bool(word) and word[0] not in "-/" and len(word) < 4096 and "\0" not in word and word not in (".", "..")


def own_variables(environment: Mapping[str, str], engine: Engine) -> dict[str, str]:
    """The variables of an environment that belong to the engine or that it needs to start, sorted by name."""
    names = {one.name for one in engine.settings}
    families = (*FAMILIES, *_families(names))
    kept = [name for name in environment if name in names or name in ALWAYS or name.startswith(families)]
    return {name: environment[name] for name in sorted(kept)}


def _families(names: Iterable[str]) -> Sequence[str]:
    """The first words of an engine's variables that several of them share."""
    first = [name.partition("_")[0] + "_" for name in names if "_" in name and not name.startswith("-")]
    return sorted({word for word in first if first.count(word) > 1})
