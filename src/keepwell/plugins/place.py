"""Place and Site: where a probe looks, and where an engine runs. All that a plug-in ever gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from keepwell.config.model import NetworkEntry
from keepwell.core.clock import Clock
from keepwell.core.issue import Supervisor
from keepwell.core.observation import Missing, Observation, Seen, Value
from keepwell.core.ref import Ref
from keepwell.plugins.services import ServiceWish
from keepwell.transport.base import Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingProcess:
    """The operating-system process behind an engine, as far as this user may see it.

    `environment` holds everything that could be read (secrets unmasked: never print it, observe the masked
    form). `state` is the letter of /proc (R S D T Z); `started_at` is seconds since the epoch.
    """

    pid: int
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    user: str
    uid: int
    gid: int
    exe: str = ""
    cwd: str = ""
    state: str = "S"
    started_at: float = 0.0
    parent_pid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSource:
    """Where an engine's log can be read.

    `kind` is file (`where` is a path), journal (a unit), container (a name or id) or process (a pid: what it
    holds open as standard output and error, if that is a regular file).
    """

    kind: str
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One engine on one node, running or not: its address, process, supervisor and logs.

    `url` has no trailing slash. `process` is Missing(absent) when nothing serves it now. `unit` is the name
    of the systemd unit, launchd label or container. `start` is the command line that starts it, `files`
    are the files that hold its settings (drop-ins, environment files), `models_folder` its declared store,
    `user` whom it runs as where that is known without a process.
    """

    ref: Ref
    engine: str
    url: str
    process: ServingProcess | Missing
    supervisor: Supervisor = "process"
    unit: str = ""
    start: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    logs: tuple[LogSource, ...] = ()
    models_folder: str = ""
    api_key: str = ""
    declared: bool = False
    user: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a probe looks: the node, how to reach it, the time, and for an engine probe the engine's site.

    `engine` is the engine's plug-in (see `keepwell.plugins.engine`), None for a node probe. `seen` is what
    earlier probes of the same survey saw. `since_seconds` is how far back logs are read. `origins` are those of
    web pages that every engine must take requests from; `services` and `networks` are those that the owner
    declared here.
    """

    node: Ref
    transport: Transport
    clock: Clock
    seen: Seen = field(default_factory=Seen)
    site: Site | None = None
    engine: object | None = None
    since_seconds: float = 3600.0
    origins: tuple[str, ...] = ()
    services: tuple[ServiceWish, ...] = ()
    networks: tuple[NetworkEntry, ...] = ()

    def saw(self, name: str, value: Value | Missing, source: str, *, subject: Ref | None = None) -> Observation:
        """An observation made here and now, about the site (or the node) unless another subject is given."""
        about = subject
        if about is None and self.site is not None:
            about = self.site.ref
        return Observation(subject=about or self.node, name=name, value=value, at=self.clock.now(), source=source)
