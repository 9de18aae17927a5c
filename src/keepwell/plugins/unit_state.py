"""What steps share about units of systemd: asking how one stands, and restarting one that runs."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.core.observation import Missing, absent, unknown
from keepwell.core.step import Activation, RunCommand
from keepwell.formats.systemd import parse_environment_files, parse_show
from keepwell.plugins.registry import load, names
from keepwell.plugins.wish import Looked

_PROPERTIES = "LoadState,ActiveState,UnitFileState,FragmentPath,EnvironmentFiles"
#: A service with a large model takes its time to stop; systemd itself gives up after 90 s.
RESTART_SECONDS = 120.0
RELOAD = RunCommand(argv=("systemctl", "daemon-reload"))
#: There where systemd runs the node (sd_booted(3)).
BOOTED = "/run/systemd/system"
INTERRUPTS = "{unit} restarts: requests in flight end, and what it holds in memory is loaded again"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitState:
    """How a unit stands, in systemd's words; `fragment` is its file, "" for none."""

    unit: str
    load: str
    active: str
    enabled: str
    fragment: str
    environment_files: tuple[str, ...]

    @property
    def running(self) -> bool:
        """Whether it runs, or is about to."""
        return self.active in ("active", "activating", "reloading")


def ask_unit(unit: str) -> tuple[str, ...]:
    """The command that tells how a unit stands; it changes nothing."""
    return ("systemctl", "show", "--no-pager", "-p", _PROPERTIES, unit)


def reload(looked: Looked) -> tuple[Activation, ...]:
    """Let systemd read its files again, where it runs the node; asks for the names in `BOOTED`."""
    return (RELOAD,) * (not isinstance(looked.names.get(BOOTED, unknown("nobody looked")), Missing))


def find_unit_state(looked: Looked, unit: str) -> UnitState | Missing:
    """How it stands; Missing where nobody can tell (no systemd), absent where there is no such unit."""
    ran = looked.ran.get(ask_unit(unit), unknown(f"nobody asked about {unit}"))
    if isinstance(ran, Missing):
        return unknown(f"systemd cannot be asked about {unit}: {ran.reason}")
    told = next(iter(parse_show(ran.text)), {})
    if ran.code or "LoadState" not in told:
        said = ran.stderr.decode("utf-8", "replace").strip().partition("\n")[0] or "nothing"
        return unknown(f"systemctl says of {unit}: {said}")
    if told["LoadState"] == "not-found":
        return absent(f"there is no unit {unit}")
    return UnitState(
        unit=unit,
        load=told["LoadState"],
        active=told.get("ActiveState", ""),
        enabled=told.get("UnitFileState", ""),
        fragment=told.get("FragmentPath", ""),
        environment_files=parse_environment_files(told.get("EnvironmentFiles", "")),
    )


def restart(state: UnitState | Missing | None) -> tuple[Activation, ...]:
    """The restart of a unit that runs; a stopped one stays stopped."""
    if not isinstance(state, UnitState) or not state.running:
        return ()
    return (RunCommand(argv=("systemctl", "try-restart", state.unit), timeout_seconds=RESTART_SECONDS),)


def interrupts(state: UnitState | Missing | None) -> str:
    """What its restart stops, "" where nothing runs."""
    if not isinstance(state, UnitState) or not state.running:
        return ""
    return INTERRUPTS.format(unit=state.unit)


def usual_unit(engine: str) -> str:
    """The unit that an engine is usually run by, from its name in an address (`NAME` or `NAME:PORT`); "" if none."""
    name = engine.partition(":")[0]
    if name not in names("engines"):
        return ""
    from keepwell.plugins.engine import Engine

    found = load("engines", name)  # this one alone: all of them cost a quarter of a second
    if not isinstance(found, Engine) or not found.service_names:
        return ""
    return f"{found.service_names[0]}.service"
