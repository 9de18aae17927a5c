"""A systemctl for a `RootedNode` that really starts and ends processes: units and drop-ins are read below its root.

As systemd does: unit files count as they were at the last daemon-reload, an empty `ExecStart=` forgets those before it,
drop-ins count in the order of their names. What else units can say is left out.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from keepwell.formats.startfile import parse_assignments, parse_unit_file, unit_assignments, unit_environment_files
from keepwell.formats.timer_unit import parse_command
from keepwell.transport.base import Ran

#: Where units lie, those of the owner first.
FOLDERS = ("etc/systemd/system", "usr/lib/systemd/system")
#: Seconds for a process to end by itself; then it is killed, as systemd does after 90.
STOP_SECONDS = 10.0
NO_UNIT = 5


@dataclass(frozen=True, slots=True)
class Definition:
    """What a unit's files said when they were read."""

    command: tuple[str, ...]
    environment: dict[str, str]


@dataclass(slots=True)
class UnitRunner:
    """The program; `output` is the file that everything that it starts writes to, None for nowhere.

    `processes` are those that it started last, by unit. `close` ends them.
    """

    output: Path | None = None
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    definitions: dict[str, Definition | None] = field(default_factory=dict)

    def __call__(self, argv: Sequence[str], root: Path) -> Ran:
        """`systemctl VERB [UNIT]`."""
        words = [word for word in argv[1:] if not word.startswith("-")]
        verb, unit = words[0], words[-1]
        if verb == "daemon-reload":
            self.definitions = {name: read_unit(root, name) for name in self.definitions}
            return _ran(0)
        made = self.definitions.setdefault(unit, read_unit(root, unit))
        if verb == "show":
            return _ran(0, self._show(unit, made))
        if made is None:
            return _ran(NO_UNIT, said=f"Unit {unit} not found.")
        if verb in ("stop", "restart") or (verb == "try-restart" and self.runs(unit)):
            self._stop(unit)
            self._start(unit, made) if verb != "stop" else None
        elif verb == "start" and not self.runs(unit):
            self._start(unit, made)
        return _ran(0)

    def runs(self, unit: str) -> bool:
        """Whether its process is there."""
        process = self.processes.get(unit)
        return process is not None and process.poll() is None

    def close(self) -> None:
        """End everything that it started."""
        for unit in list(self.processes):
            self._stop(unit)

    def _start(self, unit: str, made: Definition) -> None:
        output = self.output.open("ab") if self.output else subprocess.DEVNULL
        self.processes[unit] = subprocess.Popen(
            made.command, env=made.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/"
        )
        if not isinstance(output, int):
            output.close()

    def _stop(self, unit: str) -> None:
        process = self.processes.get(unit)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _show(self, unit: str, made: Definition | None) -> str:
        if made is None:
            return f"Id={unit}\nLoadState=not-found\nActiveState=inactive\n"
        runs = self.runs(unit)
        pid = self.processes[unit].pid if runs else 0
        words = " ".join(made.command)
        told = f"{{ path={made.command[0]} ; argv[]={words} ; ignore_errors=no ; pid={pid} }}"
        state = "active" if runs else "inactive"
        return f"Id={unit}\nLoadState=loaded\nActiveState={state}\nMainPID={pid}\nExecStart={told}\n"


def read_unit(root: Path, unit: str) -> Definition | None:
    """The command and the variables of a unit with its drop-ins; None where there is no such unit."""
    file = next((root / folder / unit for folder in FOLDERS if (root / folder / unit).is_file()), None)
    if file is None:
        return None
    found = {path.name: path for folder in FOLDERS[::-1] for path in (root / folder / f"{unit}.d").glob("*.conf")}
    paths = [file, *(found[name] for name in sorted(found))]
    entries = [entry for path in paths for entry in parse_unit_file(path.read_text("utf-8"))]
    command: tuple[str, ...] = ()
    for entry in entries:
        if (entry.section, entry.key) == ("Service", "ExecStart"):
            command = parse_command(entry.value)
    environment = {one.name: one.value for one in unit_assignments(entries)}
    for path in unit_environment_files(entries):
        text = (root / path.lstrip("/")).read_text("utf-8")
        environment |= {one.name: one.value for one in parse_assignments(text)}
    return Definition(command, environment)


def _ran(code: int, text: str = "", said: str = "") -> Ran:
    return Ran(argv=("systemctl",), code=code, stdout=text.encode(), stderr=said.encode(), seconds=0.0)
