"""What the data plane works by: one file that the control side writes whole and the data plane reads again when it
changes. It holds engines' keys, so it is its owner's alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from keepwell.core.errors import ConfigurationError
from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.fronts import Fronted
from keepwell.gateway.choice.needs import Shortage
from keepwell.gateway.choice.options import Guard
from keepwell.gateway.choice.reservations import Reservation
from keepwell.gateway.work.attest import Standing
from keepwell.plugins.dialect import Offered
from keepwell.plugins.routing import Replica

#: Where it lies in the state folder.
SETTINGS_FILE = "gateway/settings.json"
#: Bytes of the file: a few dozen engines with a few hundred models take some hundred thousand.
SETTINGS_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where to listen, and everything that the scheduler, the surface and the access are made of.

    `more` are further addresses to listen on. `patterns` are further names with a * in them and their routes, in order;
    `gaps` is what the owner should know of routes that cannot do what they were declared for.
    `key_required`: nobody is admitted while there is no key. `resident` are the models in memory by replica, `well`
    the replicas that answered the last look at their health.

    `standings` are by replica and model, `guards` and `shortages` by route; see `attest`, `options` and `needs`.
    """

    host: str = "127.0.0.1"
    port: int = 4000
    more: tuple[tuple[str, int], ...] = ()
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    tariff: float = 0.0
    bodies: tuple[str, ...] = ()
    bodies_seconds: float = 7 * 86400.0
    certificate: str = ""
    private_key: str = ""
    key_required: bool = False
    default: str = ""
    replicas: tuple[Replica, ...] = ()
    routes: tuple[Route, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    patterns: tuple[tuple[str, str], ...] = ()
    gaps: tuple[str, ...] = ()
    offered: tuple[Offered, ...] = ()
    resident: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    well: tuple[str, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    services: tuple[Fronted, ...] = ()
    connect_seconds: float = 2.0
    first_byte_seconds: float = 300.0
    cold_first_byte_seconds: float = 600.0
    between_seconds: float = 60.0
    total_seconds: float = 3600.0
    max_body_bytes: int = 64 * 1024 * 1024
    standings: Mapping[str, Mapping[str, Standing]] = field(default_factory=dict)
    guards: Mapping[str, Guard] = field(default_factory=dict)
    shortages: Mapping[str, Shortage] = field(default_factory=dict)
    on_mismatch: str = "tell"


def render_settings(settings: Settings) -> bytes:
    """As JSON."""
    return msgspec.json.encode(settings)


def parse_settings(content: bytes) -> Settings:
    """Raises ConfigurationError for what is none."""
    if len(content) > SETTINGS_BYTES:
        raise ConfigurationError(f"more than {SETTINGS_BYTES} bytes of settings")
    try:
        return msgspec.json.decode(content, type=Settings)
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"these are no settings of a gateway: {error}") from error


def load_settings(path: Path) -> Settings:
    """Read the file. Raises ConfigurationError."""
    try:
        return parse_settings(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"cannot be read: {error.strerror}", where=str(path)) from error
