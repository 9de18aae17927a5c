"""The gateway's address, and how it is written where an engine's address stood."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from keepwell.core.errors import ConfigurationError

#: Where a host is, as far as its name tells: this machine, this machine as a container sees it, a name without dots,
#: what is filled in when the program runs, a network of one's own, or the world.
Whereabouts: TypeAlias = Literal["here", "outside", "name", "template", "private", "world"]

#: Names and addresses by which containers and virtual machines reach the machine that they run on.
OUTSIDE = (
    "host.docker.internal",
    "gateway.docker.internal",
    "host.containers.internal",
    "host.lima.internal",
    "172.17.0.1",
    "10.0.2.2",
)
_OWN_ENDINGS = (".local", ".lan", ".home", ".internal", ".localdomain", ".home.arpa", ".svc", ".test", ".localhost")
_HERE = ("localhost", "0.0.0.0", "::", "::1", "ip6-localhost")
_PORTS: dict[str, int] = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The gateway as a client names it; `prefix` is the path that stands before every other, "" for none."""

    scheme: str = "http"
    host: str = "127.0.0.1"
    port: int = 4000
    prefix: str = ""

    @property
    def authority(self) -> str:
        """Host and port; the port is left out where the scheme says it."""
        host = self.host
        if ":" in host:
            host = f"[{host}]"
        if _PORTS[self.scheme] == self.port:
            return host
        return f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """Without a slash at its end."""
        return f"{self.scheme}://{self.authority}{self.prefix}"

    @property
    def is_here(self) -> bool:
        """True where only programs of the gateway's own machine reach it."""
        return find_whereabouts(self.host) == "here"


def parse_target(written: str) -> Target:
    """The address in a URL. Raises ConfigurationError for what is none."""
    hint = "write it as clients reach it: --to http://192.168.1.5:4000"
    try:
        found = urlsplit(written)
        port = found.port
    except ValueError as error:
        raise ConfigurationError(f"{written!r} is no address of a gateway: {error}", hint=hint) from error
    if found.scheme not in _PORTS or not found.hostname or re.search(r"[\s\"'`\\<>{}$]", written):
        raise ConfigurationError(f"{written!r} is no address of a gateway", hint=hint)
    if found.username is not None or found.query or found.fragment:
        raise ConfigurationError("the gateway's address holds more than host, port and path", hint=hint)
    prefix = found.path.rstrip("/")
    return Target(scheme=found.scheme, host=found.hostname, port=port or _PORTS[found.scheme], prefix=prefix)


def find_whereabouts(host: str) -> Whereabouts:
    """What a host's name tells of where it is."""
    low = host.lower().strip("[]")
    if low in OUTSIDE:
        return "outside"
    if low in _HERE:
        return "here"
    if re.search(r"[{}$%<>]", low):
        return "template"
    try:
        address = ip_address(low)
    except ValueError:
        return _of_name(low)
    if address.is_loopback:
        return "here"
    if address.is_private or address.is_link_local:
        return "private"
    return "world"


def _of_name(low: str) -> Whereabouts:
    if "." not in low:
        return "name"
    if low.endswith(_OWN_ENDINGS) or ".svc." in low:
        return "private"
    return "world"
