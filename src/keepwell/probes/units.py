"""Service units that may run an engine: systemd's, the system's and the user's own; launchd jobs on macOS."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterable, Mapping
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Observation, Value, absent, failed
from keepwell.core.secret import mask_argv, mask_environment
from keepwell.core.values import rows_of, text_of, texts_of
from keepwell.formats import systemd
from keepwell.formats.launchd import Job, parse_launchctl
from keepwell.formats.procfs import parse_cgroups
from keepwell.formats.startfile import launchd_assignments, launchd_dictionary
from keepwell.plugins.engine import Engine
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.plugins.recognise import engine_of_command, engine_of_name, is_usual_name, load_engines
from keepwell.transport.base import Transport

#: Units shown in one call: a machine has about 200, those of engines are a handful.
UNITS = 40
PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,MainPID,NRestarts,Result,ExecMainStatus,ExecMainCode,FragmentPath,"
    "DropInPaths,NeedDaemonReload,ExecStart,Environment,EnvironmentFiles,User,UnitFileState"
)
LIST_FILES = ("list-unit-files", "--type=service", "--no-legend", "--no-pager", "--plain")
LAUNCHCTL = ("launchctl", "list")
#: Where a launchd job's property list lies, likeliest first; {home} is the user's.
LAUNCHD_FOLDERS = ("{home}/Library/LaunchAgents", "/Library/LaunchAgents", "/Library/LaunchDaemons")
#: ExecMainCode is siginfo's si_code (waitid(2)).
EXIT_KINDS = {"1": "exited", "2": "killed", "3": "dumped"}


class Units:
    """Gives host.units; absent where there is no service manager, or none of its units is an engine's."""

    level = 1
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.15
    gives: tuple[str, ...] = ("host.units",)
    needs: tuple[str, ...] = ("host.processes",)

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation; its value is a tuple of mappings, one a unit."""
        engines = load_engines()
        if await _is_there(place.transport, "/run/systemd/system"):
            rows = await _by_systemd(place, engines)
            return [place.saw("host.units", rows, "systemctl show and systemctl --user show")]
        if await _is_there(place.transport, "/bin/launchctl"):
            return [place.saw("host.units", await _by_launchd(place.transport, engines), shlex.join(LAUNCHCTL))]
        reason = absent("neither systemd (/run/systemd/system) nor launchd runs here")
        return [place.saw("host.units", reason, "/run/systemd/system")]


async def _is_there(transport: Transport, path: str) -> bool:
    try:
        await transport.stat(path)
    except AccessError:
        return False
    return True


async def _by_systemd(place: Place, engines: Mapping[str, Engine]) -> Value | Missing:
    running = await _units_of_processes(place, engines)
    system, own = await asyncio.gather(
        _ask(place.transport, ("systemctl",), [name for name, own in running if not own]),
        _ask(place.transport, ("systemctl", "--user"), [name for name, own in running if own]),
    )
    if isinstance(system, Missing):
        return system
    blocks = [(block, "system") for block in system]
    if not isinstance(own, Missing):  # no session of this user's own: only the system's units count
        blocks += [(block, "user") for block in own]
    rows = {text_of(row, "unit"): row for row in (parse_unit(*block, engines) for block in blocks) if row["engine"]}
    if not rows:
        return absent(f"no unit of an engine; looked for {', '.join(_usual_units(engines))} and names like these")
    return tuple(rows.values())


def _usual_units(engines: Mapping[str, Engine]) -> list[str]:
    return sorted({f"{name}.service" for one in engines.values() for name in one.service_names})


async def _units_of_processes(place: Place, engines: Mapping[str, Engine]) -> list[tuple[str, bool]]:
    """The units that processes like an engine's run in, whatever the units are called."""
    found: list[tuple[str, bool]] = []
    for row in rows_of(place.seen.value(place.node, "host.processes")):
        if engine_of_command(texts_of(row.get("argv")), engines):
            try:
                text = await place.transport.read(f"/proc/{text_of(row, 'pid')}/cgroup")
            except AccessError:
                continue
            unit = systemd.find_unit(parse_cgroups(text.decode("utf-8", "replace")))
            if unit is not None:
                found.append(unit)
    return found


async def _ask(
    transport: Transport, systemctl: tuple[str, ...], running: list[str]
) -> tuple[Mapping[str, str], ...] | Missing:
    engines = load_engines()
    try:
        listed = systemd.parse_list((await transport.run((*systemctl, *LIST_FILES))).text)
        named = [name for name in listed if engine_of_name(name, engines)]
        wanted = list(dict.fromkeys([*running, *_usual_units(engines), *named]))[:UNITS]
        shown = await transport.run((*systemctl, "show", "--no-pager", "-p", PROPERTIES, *wanted))
    except AccessError as error:
        return failed(error)
    if shown.code != 0 and not shown.stdout:
        return failed(f"systemctl says: {shown.stderr.decode('utf-8', 'replace').strip()}")
    return tuple(block for block in systemd.parse_show(shown.text) if block.get("LoadState", "") in _LOADED)


#: LoadState of a unit that is there; "not-found" is what systemctl says of a name without a file.
_LOADED = frozenset({"loaded", "bad-setting", "error", "masked"})


def parse_unit(block: Mapping[str, str], scope: str, engines: Mapping[str, Engine]) -> Mapping[str, Value]:
    """One block of `systemctl show` as a row of host.units; `engine` is the plug-in's name or ""."""
    argv = systemd.parse_exec(block.get("ExecStart", ""))
    unit = block.get("Id", "")
    return {
        "manager": "systemd",
        "unit": unit,
        "scope": scope,
        "engine": _engine_of(unit.removesuffix(".service"), argv, engines),
        "load": block.get("LoadState", ""),
        "active": block.get("ActiveState", ""),
        "sub": block.get("SubState", ""),
        "main_pid": _number(block.get("MainPID", "")),
        "restarts": _number(block.get("NRestarts", "")),
        "result": block.get("Result", ""),
        "exit_code": _number(block.get("ExecMainStatus", "")),
        "exit_kind": EXIT_KINDS.get(block.get("ExecMainCode", ""), ""),
        "fragment": block.get("FragmentPath", ""),
        "drop_ins": systemd.parse_drop_ins(block.get("DropInPaths", "")),
        "need_reload": block.get("NeedDaemonReload") == "yes",
        "enabled": block.get("UnitFileState", ""),
        "argv": mask_argv(argv),
        "environment": mask_environment(systemd.parse_environment(block.get("Environment", ""))),
        "user": block.get("User", ""),
        "environment_files": systemd.parse_environment_files(block.get("EnvironmentFiles", "")),
        "logs": (),
    }


def _engine_of(unit: str, argv: tuple[str, ...], engines: Mapping[str, Engine]) -> str:
    """By the command; by the name only where the command is unknown or the name is an engine's very own."""
    name = engine_of_name(unit, engines)
    if argv and not is_usual_name(unit, name, engines):
        return engine_of_command(argv, engines)
    return engine_of_command(argv, engines) or name


def _number(text: str) -> int:
    if text.isdecimal():
        return int(text)
    return 0


async def _by_launchd(transport: Transport, engines: Mapping[str, Engine]) -> Value | Missing:
    try:
        listed = await transport.run(LAUNCHCTL)
        uid = (await transport.run(("id", "-u"))).text.strip()
        home = (await transport.run(("printenv", "HOME"))).text.strip()
    except AccessError as error:
        return failed(error)
    jobs = parse_launchctl(listed.text)
    wanted = [job for job in jobs if engine_of_name(job.label, engines)]
    if not wanted:
        return absent(f"none of {len(jobs)} launchd jobs is an engine's")
    rows: list[Value] = []
    for job in wanted[:UNITS]:
        path, about = await _find_property_list(transport, job.label, home)
        rows.append(_launchd_row(job, uid, path, about))
    return tuple(rows)


def _launchd_row(job: Job, uid: str, path: str, about: Mapping[str, object]) -> Mapping[str, Value]:
    engines = load_engines()
    argv = _texts(about.get("ProgramArguments"))
    own = f"gui/{uid}"
    return {
        "manager": "launchd",
        "unit": job.label,
        "scope": {True: "system"}.get(path.startswith("/Library/LaunchDaemons"), own),
        "engine": engine_of_command(argv, engines) or engine_of_name(job.label, engines),
        "load": "loaded",
        "active": {True: "active"}.get(job.pid > 0, "inactive"),
        "sub": "",
        "main_pid": job.pid,
        "restarts": 0,
        "result": {0: "success"}.get(job.status, "exit-code"),
        "exit_code": abs(job.status),
        "exit_kind": {True: "killed"}.get(job.status < 0, "exited"),
        "fragment": path,
        "drop_ins": (),
        "need_reload": False,
        "enabled": "",
        "argv": mask_argv(argv),
        "environment": mask_environment({one.name: one.value for one in launchd_assignments(about)}),
        "user": "",
        "environment_files": (),
        "logs": _texts([about.get("StandardErrorPath"), about.get("StandardOutPath")]),
    }


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(one for one in value if isinstance(one, str) and one)


async def _find_property_list(transport: Transport, label: str, home: str) -> tuple[str, Mapping[str, object]]:
    for folder in LAUNCHD_FOLDERS:
        path = f"{folder.format(home=home)}/{label}.plist"
        try:
            return path, launchd_dictionary(await transport.read(path))
        except (AccessError, ValueError):
            continue
    return "", {}


PROBE = Units()
