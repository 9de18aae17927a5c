"""What keepwell.toml declares for the gateway: where it listens, its routes, and who has what to itself when."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayEntry:
    """The gateway itself.

    `listen` are addresses with ports, () for the usual one. `offer` is "all" (each model under its own name, and the
    routes) or "routes" (these alone). `hosts` are names by which it may be called, `origins` web pages that may ask.
    `certificate` and `private_key` are paths of PEM files, "" for plain HTTP. Seconds are limits: for a connection to
    an engine, its first byte, between two bytes, and all. `waiting`, `wait_seconds` and `policy` hold for every route
    that says nothing else.
    """

    listen: tuple[str, ...] = ()
    offer: str = "all"
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    certificate: str = ""
    private_key: str = ""
    connect_seconds: float = 2.0
    first_byte_seconds: float = 300.0
    between_seconds: float = 60.0
    total_seconds: float = 3600.0
    max_body_bytes: int = 64 * 1024 * 1024
    waiting: int = 256
    wait_seconds: float = 60.0
    policy: tuple[str, ...] = ("resident", "least_work")


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteEntry:
    """A public model name and who answers for it.

    `aliases` are further names; one with a `*` stands for every name that fits. `models` are the names that engines
    know the model by, the first that an engine has counts; () is the route's own name. `engines` (labels, replicas or
    nodes) and `tags` narrow who may answer; () leaves it to whoever has the model. `fallback` is the route for when
    none of them can. `default` takes every name that nobody has. `policy` (), `waiting` -1, `wait_seconds` 0 and
    `priority` "" are what the gateway says, or the key. `comments` keeps a stream that waits open with comments.
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
