"""Config: what keepwell.toml declares, checked and frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from keepwell.config.alert_model import AlertsEntry, NotifyEntry, QuietEntry, ThresholdEntry
from keepwell.config.ask_model import AskEntry
from keepwell.config.desired_model import DesiredEntry
from keepwell.config.gateway_model import GatewayEntry, ReservationEntry, RouteEntry
from keepwell.config.hub_model import HubEntry
from keepwell.config.objective_model import ObjectiveEntry
from keepwell.config.secret_reference import Secret as Secret
from keepwell.config.sink_model import SinkEntry
from keepwell.config.window_model import DeviceEntry, WindowEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeEntry:
    """A machine: its label, its address (IP or name, "" for this machine) and free words to group by.

    `reach` is how keepwell gets there: "ssh", "agent" or "proxmox" (its API); "" is this machine if `address` is "",
    else ssh. `port` 0 is the usual one. `jump` is another node, or `user@host:port`. `user`, `key` (a path),
    `known_hosts`, `sudo` and `jump` are for ssh; `token` and `fingerprint` (SHA-256 of the certificate, hex) for an
    agent and an API, which has a `user`, too.
    """

    name: str
    address: str = ""
    tags: tuple[str, ...] = ()
    reach: str = ""
    port: int = 0
    user: str = ""
    key: str = ""
    known_hosts: str = ""
    jump: str = ""
    sudo: bool = False
    token: Secret | None = None
    fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkEntry:
    """One of a node's networks: the interface or the address by which it is known there, and its role.

    `role` is "lan", "cluster", "fast" or "storage"; `mbit_per_s` is what the link ought to give, 0 if not said.
    """

    node: str
    role: str
    interface: str = ""
    address: str = ""
    mbit_per_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceEntry:
    """A service beside the engines that should be there.

    `kind` is the name of a known one, or "". What it is found by: `url`, `tcp` (`host:port`), `unit`, `container`
    or `process` (a program's name); one of them is enough. `needs` names services, engines or nodes. With a `prefix`
    the gateway offers it under that path, behind its keys.
    """

    name: str
    node: str = ""
    kind: str = ""
    url: str = ""
    tcp: str = ""
    unit: str = ""
    container: str = ""
    process: str = ""
    needs: tuple[str, ...] = ()
    prefix: str = ""
    api_key: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionEntry:
    """The owner's word: what was decided, why, and until when ("" for good; an ISO date).

    `check` and `issue` are the check (`gpu.placement`, or `gpu.*`) and the cause that it answers; `about` narrows it
    to a node, an engine, a service or a model by name.
    """

    what: str
    why: str
    until: str = ""
    about: str = ""
    check: str = ""
    issue: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineEntry:
    """An engine that should be there.

    `kind` is the name of its plug-in, `url` its address without a trailing slash, `node` "" for this machine.
    `name` is a label for people ("" for none). `start` is the command line that starts it; `environment_file`,
    `log` and `models_folder` are absolute paths on its node; `unit` names its service or container; `user` is
    whom it runs as. What is "" or () is left to discovery. For the gateway: `limit` is how many requests it gets at
    once (0: as many as it says), `weight` its share under weighted routing, `canary` whether it may be asked to see
    what answers.
    """

    kind: str
    url: str
    node: str = ""
    name: str = ""
    tags: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    environment_file: str = ""
    log: str = ""
    models_folder: str = ""
    unit: str = ""
    user: str = ""
    limit: int = 0
    weight: float = 1.0
    canary: bool = False
    api_key: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnoseOptions:
    """How to look: the age of logs to read, the highest level of probes (1-4), and the origins (`https://chat.lan`)
    that every engine must accept.
    """

    since_seconds: float = 3600.0
    level: int = 2
    expect_origin: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that was declared; `path` is None when there is no file."""

    path: Path | None = None
    nodes: tuple[NodeEntry, ...] = ()
    engines: tuple[EngineEntry, ...] = ()
    networks: tuple[NetworkEntry, ...] = ()
    services: tuple[ServiceEntry, ...] = ()
    decisions: tuple[DecisionEntry, ...] = ()
    diagnose: DiagnoseOptions = DiagnoseOptions()
    gateway: GatewayEntry = field(default_factory=GatewayEntry)
    routes: tuple[RouteEntry, ...] = ()
    reservations: tuple[ReservationEntry, ...] = ()
    alerts: AlertsEntry = field(default_factory=AlertsEntry)
    notify: tuple[NotifyEntry, ...] = ()
    quiet: tuple[QuietEntry, ...] = ()
    thresholds: tuple[ThresholdEntry, ...] = ()
    objectives: tuple[ObjectiveEntry, ...] = ()
    sinks: tuple[SinkEntry, ...] = ()
    hub: HubEntry = field(default_factory=HubEntry)
    desired: tuple[DesiredEntry, ...] = ()
    ask: AskEntry = field(default_factory=AskEntry)
    devices: tuple[DeviceEntry, ...] = ()
    windows: tuple[WindowEntry, ...] = ()
