"""What keepwell.toml declares for the gateway: where it listens, its routes, and who has what to itself when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

#: A value of an option with which a model is loaded.
OptionValue: TypeAlias = bool | int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayEntry:
    """The gateway itself.

    `listen` are addresses with ports, () for the usual one. `offer` is "all" (each model under its own name, and the
    routes) or "routes" (these alone). `hosts` are names by which it may be called, `origins` web pages that may ask.
    `certificate` and `private_key` are paths of PEM files, "" for plain HTTP. Seconds are limits: for a connection to
    an engine, its first byte (`cold`: of a model that is not in memory), between two bytes, and all.
    `waiting`, `wait_seconds` and `policy` hold for every route
    that says nothing else. `energy`: what devices draw is read for the record, `tariff` is the price of a
    kilowatt-hour. `bodies_seconds` is how long bodies are kept, of routes that keep them.

    `reload_options` is what becomes of a request's options that would load a model anew: "normalise", "refuse" or
    "allow". Models that are not pinned leave memory after `unload_seconds` without a request (0: when the engine
    wants); one that was loaded stays `residency_seconds` before another may take its place. `on_mismatch` is what a
    client gets where another model answered than was asked: "tell" or "error". `canary_seconds` lie between two looks
    at what engines with `canary` answer.
    """

    listen: tuple[str, ...] = ()
    offer: str = "all"
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    certificate: str = ""
    private_key: str = ""
    connect_seconds: float = 2.0
    first_byte_seconds: float = 300.0
    cold_first_byte_seconds: float = 600.0
    between_seconds: float = 60.0
    total_seconds: float = 3600.0
    max_body_bytes: int = 64 * 1024 * 1024
    waiting: int = 256
    wait_seconds: float = 60.0
    policy: tuple[str, ...] = ("resident", "least_work")
    energy: bool = False
    tariff: float = 0.0
    bodies_seconds: float = 7 * 86400.0
    reload_options: str = "normalise"
    unload_seconds: float = 0.0
    residency_seconds: float = 0.0
    on_mismatch: str = "tell"
    canary_seconds: float = 6 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteEntry:
    """A public model name and who answers for it.

    `aliases` are further names; one with a `*` stands for every name that fits. `models` are the names that engines
    know the model by, the first that an engine has counts; () is the route's own name. `engines` (labels, replicas or
    nodes) and `tags` narrow who may answer; () leaves it to whoever has the model. `fallback` is the route for when
    none of them can. `default` takes every name that nobody has. `policy` (), `waiting` -1, `wait_seconds` 0 and
    `priority` "" are what the gateway says, or the key. `comments` keeps a stream that waits open with comments.
    `bodies`: what was asked and answered is kept, without what names a person or a secret.
    `gpu` leaves out engines that have the model in memory, but not all of it on GPUs. `pinned` models are loaded
    beforehand and stay. `options` are values of options with which the model is loaded, for every client.
    """

    name: str
    aliases: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    policy: tuple[str, ...] = ()
    fallback: str = ""
    default: bool = False
    waiting: int = -1
    wait_seconds: float = 0.0
    priority: str = ""
    comments: bool = False
    bodies: bool = False
    gpu: bool = False
    pinned: bool = False
    options: Mapping[str, OptionValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationEntry:
    """Engines that some keys have to themselves for a time.

    `engines` are labels, replicas or nodes. `begin` and `end` are "HH:MM" on each of `days` ("mon" to "sun", () for
    every day; an end before its begin is on the next day), or two moments "YYYY-MM-DDTHH:MM"; both of this machine's
    time.
    """

    engines: tuple[str, ...]
    keys: tuple[str, ...]
    begin: str
    end: str
    days: tuple[str, ...] = ()
    why: str = ""
