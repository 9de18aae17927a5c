"""A made-up engine and its site, for tests of probes about engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from keepwell.core.observation import Missing, Observation, absent
from keepwell.core.ref import engine
from keepwell.plugins.engine import (
    Effective,
    Health,
    HealthState,
    Identity,
    LoadedModel,
    ModelInfo,
    Setting,
    StoreEntry,
)
from keepwell.plugins.place import LogSource, Place, ServingProcess, Site
from keepwell.transport.base import Transport
from tests.machines import Machine

REF = engine("node", "made")


class PlainEngine:
    """An engine without any capability."""

    title = "Made"
    specificity = 10
    ports: tuple[int, ...] = (7000,)
    programs: tuple[str, ...] = ("made",)
    service_names: tuple[str, ...] = ("made",)
    settings: tuple[Setting, ...] = (
        Setting(name="MADE_ORIGINS", kind="list"),
        Setting(name="MADE_HOST", kind="address"),
    )
    follow_ups: tuple[str, ...] = ("ended because of that",)
    state: HealthState = "well"

    def resembles(self, argv: Sequence[str]) -> bool:
        """By its program's name."""
        return argv[0].endswith("made")

    def address(self, argv: Sequence[str], environment: Mapping[str, str]) -> tuple[str, int] | Missing:
        """Its usual place."""
        return "127.0.0.1", 7000

    async def detect(self, url: str, transport: Transport, *, api_key: str = "") -> Identity | Missing:
        """By one path."""
        await transport.http("GET", f"{url}/version")
        return Identity(version="1.2", proof="/version")

    async def health(self, site: Site, transport: Transport) -> Health:
        """As the test wants it."""
        return Health(state=self.state, http_status=200, seconds=0.01, said="fine \x1b[31m")


@dataclass
class WholeEngine(PlainEngine):
    """An engine with every capability, answering from data."""

    offered: tuple[ModelInfo, ...] | Missing = ()
    in_memory: tuple[LoadedModel, ...] | Missing = ()
    readings: Mapping[str, float] | Missing = field(default_factory=dict)
    files: tuple[StoreEntry, ...] | Missing = ()
    folder: str = "/models"
    log_places: tuple[LogSource, ...] = ()
    itself: bool = False
    fills_store: bool = True
    asked: list[object] = field(default_factory=list)

    async def models(self, site: Site, transport: Transport) -> tuple[ModelInfo, ...] | Missing:
        """From data."""
        return self.offered

    async def loaded(self, site: Site, transport: Transport) -> tuple[LoadedModel, ...] | Missing:
        """From data."""
        return self.in_memory

    async def metrics(self, site: Site, transport: Transport) -> Mapping[str, float] | Missing:
        """From data."""
        return self.readings

    def effective(
        self, process: ServingProcess | Missing, log: Sequence[str], version: str, wished: Mapping[str, str]
    ) -> tuple[Effective, ...]:
        """Everything that is wished, malformed; keeps what it was asked with."""
        self.asked = [process, tuple(log), version, dict(wished)]
        return tuple(
            Effective(name=name, value=value, origin="file", problem="odd", kind="malformed", suggested="1")
            for name, value in wished.items()
        )

    def logs(self, site: Site, platform: str) -> tuple[LogSource, ...]:
        """From data."""
        return self.log_places

    def store(self, process: ServingProcess | Missing, site: Site) -> str:
        """From data."""
        return self.folder

    async def entries(self, folder: str, transport: Transport) -> tuple[StoreEntry, ...] | Missing:
        """From data."""
        return self.files

    def child_model(self, argv: Sequence[str]) -> str | Missing:
        """A `made runner MODEL`."""
        if argv[:2] == ("made", "runner"):
            return argv[2]
        return absent("no runner")

    def runs_itself(self, process: ServingProcess) -> bool:
        """From data."""
        return self.itself


def process(pid: int = 700, **more: Any) -> ServingProcess:
    """The process that serves, as discovery read it."""
    plain = ServingProcess(
        pid=pid, argv=("made", "serve"), environment={}, user="mia", uid=1000, gid=1000, started_at=0.0
    )
    return replace(plain, **more)


def place_of(machine: Machine, made: object, *seen: Observation, site: Site | None = None) -> Place:
    """Where a probe about the made-up engine looks."""
    usual = Site(ref=REF, engine="made", url="http://127.0.0.1:7000", process=process())
    return replace(machine.place(*seen), site=site or usual, engine=made)


def dead_site(**more: Any) -> Site:
    """The site of an engine of which no process is left."""
    site = Site(ref=REF, engine="made", url="http://127.0.0.1:7000", process=absent("nothing serves"))
    return replace(site, **more)
