"""The data plane's settings, from what engines tell of themselves and what keepwell.toml says; nobody is asked."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from keepwell.app.serving.engine_facts import Known
from keepwell.app.serving.route_table import Stock, find_gaps, make_routes
from keepwell.config.gateway_model import ReservationEntry
from keepwell.config.model import Config, EngineEntry, ServiceEntry
from keepwell.config.secret import load_secret
from keepwell.core.errors import ConfigurationError
from keepwell.gateway.choice.fronts import SERVICE_DIALECT, Fronted
from keepwell.gateway.choice.reservations import Reservation
from keepwell.gateway.settings import Settings
from keepwell.plugins.routing import Replica, find_port

#: Where the gateway listens if nobody says.
USUAL_LISTEN = "127.0.0.1:4000"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayOptions:
    """How it is started: addresses to listen on (() is what keepwell.toml says), `insecure` lets other machines ask
    without any key, `declared` leaves out engines that are merely found. `here` is this machine's name. With
    `wait_seconds` an address that another program holds is waited for.
    """

    listen: tuple[str, ...] = ()
    insecure: bool = False
    declared: bool = False
    here: str = ""
    wait_seconds: float = 0.0


def find_listens(options: GatewayOptions, config: Config) -> tuple[tuple[str, int], ...]:
    """Addresses and ports to listen on: as it was started, else as keepwell.toml says, else the usual one.

    Raises ConfigurationError for what is no address with a port.
    """
    written = options.listen or config.gateway.listen or (USUAL_LISTEN,)
    return tuple(parse_listen(one) for one in written)


def render_listen(listen: tuple[str, int]) -> str:
    """As it is written: an IPv6 address in brackets."""
    host, port = listen
    if ":" in host:
        return f"[{host}]:{port}"
    return f"{host}:{port}"


def require_safe(options: GatewayOptions, config: Config, *, keyed: bool) -> None:
    """Nobody but this machine is served without a key, unless the owner says so. Raises ConfigurationError."""
    for host, port in find_listens(options, config):
        if not is_local(host) and not keyed and not options.insecure:
            raise ConfigurationError(
                "whoever reaches that address could use every model, since there is no key",
                where=f"--listen {render_listen((host, port))}",
                hint="make one with `keepwell key new NAME`, or say --insecure",
            )


def is_local(host: str) -> bool:
    """True for an address that only this machine reaches. Raises ConfigurationError for what is no address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        raise ConfigurationError(f"{host!r} is no IP address", hint="127.0.0.1, or 0.0.0.0 for all") from None


def make_settings(options: GatewayOptions, known: Iterable[Known], config: Config) -> Settings:
    """Every declared route, and every model of every engine under its own name unless only routes are offered."""
    engines = list(known)
    replicas = [_declare(one.replica, _entry_of(one.replica, config, options.here)) for one in engines]
    stocks = [
        Stock(
            replica=replica,
            label=_label(_entry_of(replica, config, options.here)),
            models=one.models,
            loaded=one.loaded,
            abilities=one.abilities,
            facts=one.facts,
        )
        for one, replica in zip(engines, replicas, strict=True)
    ]
    table = make_routes(stocks, config.routes, config.gateway)
    (host, port), *more = find_listens(options, config)
    gateway = config.gateway
    return Settings(
        host=host,
        port=port,
        more=tuple(more),
        hosts=gateway.hosts,
        origins=gateway.origins,
        tariff=gateway.tariff,
        bodies=tuple(one.name for one in config.routes if one.bodies),
        bodies_seconds=gateway.bodies_seconds,
        certificate=gateway.certificate,
        private_key=gateway.private_key,
        key_required=not all(is_local(one) for one, _ in ((host, port), *more)) and not options.insecure,
        replicas=tuple(replicas),
        routes=table.routes,
        aliases=table.aliases,
        patterns=table.patterns,
        default=table.default,
        offered=table.offered,
        gaps=tuple(find_gaps(table)),
        resident={one.replica.id: one.resident for one in engines},
        services=tuple(_front(one, options.here) for one in config.services if one.prefix),
        reservations=tuple(_reserve(one, stocks) for one in config.reservations),
        well=tuple(one.replica.id for one in engines if one.well),
        connect_seconds=gateway.connect_seconds,
        first_byte_seconds=gateway.first_byte_seconds,
        cold_first_byte_seconds=gateway.cold_first_byte_seconds,
        between_seconds=gateway.between_seconds,
        total_seconds=gateway.total_seconds,
        max_body_bytes=gateway.max_body_bytes,
    )


def describe(settings: Settings) -> Iterator[str]:
    """For a person: what is offered, and by whom."""
    yield f"{len(settings.routes)} models on {len(settings.replicas)} engines"
    names: Mapping[str, list[str]] = {one.name: [] for one in settings.routes}
    for name, route in (*settings.aliases.items(), *settings.patterns):
        names[route].append(name)
    for one in settings.routes:
        also = f"  (also {', '.join(names[one.name])})" * bool(names[one.name])
        yield f"  {one.name}  on {', '.join(one.replicas) or 'nobody'}{also}"
    if not settings.routes:
        yield "  none: start an engine, or declare one in keepwell.toml; it is found without a restart"
    yield from settings.gaps


def _front(entry: ServiceEntry, here: str) -> Fronted:
    """A plain service that is offered under its prefix. Raises ConfigurationError where its key cannot be read."""
    parts = urlsplit(entry.url)
    replica = Replica(
        id=f"service {entry.name}",
        node=entry.node or here,
        host=parts.hostname or "127.0.0.1",
        port=find_port(entry.url),
        tls=parts.scheme == "https",
        dialects=frozenset({SERVICE_DIALECT}),
        api_key=load_secret(entry.api_key, os.environ),
    )
    return Fronted(name=entry.name, prefix=entry.prefix, replica=replica)


def _reserve(entry: ReservationEntry, stocks: Iterable[Stock]) -> Reservation:
    return Reservation(
        replicas=tuple(one.replica.id for one in stocks if one.is_called(entry.engines)),
        keys=entry.keys,
        begin=entry.begin,
        end=entry.end,
        days=entry.days,
        why=entry.why,
    )


def _declare(replica: Replica, entry: EngineEntry | None) -> Replica:
    """With what the owner says of it."""
    if entry is None:
        return replica
    return replace(
        replica,
        limit=entry.limit or replica.limit,
        limit_each=replica.limit_each and not entry.limit,
        weight=entry.weight,
        tags=replica.tags | frozenset(entry.tags),
        canary=entry.canary,
    )


def _entry_of(replica: Replica, config: Config, here: str) -> EngineEntry | None:
    """Its entry: the one of its node and port (an engine is found by another of its addresses than was declared)."""
    for one in config.engines:
        if (one.node or here) == replica.node and find_port(one.url) == replica.port:
            return one
    return None


def _label(entry: EngineEntry | None) -> str:
    if entry is None:
        return ""
    return entry.name


def parse_listen(written: str) -> tuple[str, int]:
    """An address and a port. Raises ConfigurationError."""
    host, _, port = written.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigurationError(f"{written!r} is no address with a port", hint=f"write it like {USUAL_LISTEN}")
    host = host.strip("[]")
    is_local(host)
    return host, int(port)
