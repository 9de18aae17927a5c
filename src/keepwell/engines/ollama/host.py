"""OLLAMA_HOST: what Ollama makes of it, and what is wrong with it.

Measured on release 0.9.3: a bad port is replaced by the default with a warning; a host that is no address
stops the server with "no such host"; `http://` without a port means port 80; quotes and blanks around are
taken off; what follows a slash is ignored.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from keepwell.core.observation import Missing, failed
from keepwell.plugins.engine import Setting
from keepwell.plugins.value_rules import Fault

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 11434
_SCHEME_PORTS = {"http": 80, "https": 443}
#: A name that a resolver may be asked for; an underscore is no host name's letter, but containers use it.
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?\.?")
_DOTTED = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
_IP_AND_PORT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3}){3})(?:[^0-9-]+([0-9]{1,5}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The address that the server binds with this value; `fault` is "" when nothing is wrong with it.

    `usable` is False when no address can come of it, and the server ends at once.
    """

    host: str
    port: int
    fault: str = ""
    usable: bool = True


def clean(value: str) -> str:
    """A variable's value as Ollama reads it: blanks off, then quotes of either kind."""
    return value.strip().strip("\"'")


def parse_host(value: str) -> Host:
    """What Ollama makes of OLLAMA_HOST. Never raises: what is wrong stands in `fault`."""
    text = clean(value).strip()
    scheme, found, rest = text.partition("://")
    if not found:
        scheme, rest = "http", text
    default = DEFAULT_PORT
    if found:
        default = _SCHEME_PORTS.get(scheme, DEFAULT_PORT)
    place = rest.partition("/")[0]
    host, port_text = _split(place)
    if port_text is None:
        host, port_text = _bare(host), str(default)
    port, fault = _port(port_text, default)
    broken_scheme = host.lower() in _SCHEME_PORTS and place != rest
    usable = _is_host(host) and not broken_scheme
    if broken_scheme:
        fault = f"{rest!r} begins like a scheme, but has no '://', so that Ollama takes {host!r} for the host"
    elif not usable:
        fault = f"{host!r} is no host name and no IP address"
    elif found and scheme not in _SCHEME_PORTS:
        fault = f"{scheme!r} is no scheme that Ollama knows"
    elif scheme == "https":
        fault = "a server of Ollama never speaks TLS, whatever the scheme says"
    return Host(host=host, port=port, fault=fault, usable=usable)


def judge_host(setting: Setting, value: str) -> Fault | None:
    """What is wrong with a value of OLLAMA_HOST, and an address that is probably meant."""
    found = parse_host(value)
    if not found.fault:
        return None
    happens = f"Ollama binds {found.host or '*'}:{found.port}" if found.usable else "Ollama ends at start"
    return Fault(problem=f"{setting.name} is {value!r}: {found.fault}; {happens}", suggested=_meant(value, found))


def with_port(value: str, port: int) -> str | Missing:
    """The value with another port: scheme and host stay as they are written, what follows a slash (nobody reads it)
    goes. Missing where the server would not start with it.
    """
    found = parse_host(value)
    if not found.usable:
        return failed(f"OLLAMA_HOST is malformed: {found.fault}")
    text = clean(value).strip()
    scheme, written, _ = text.partition("://")
    host = f"[{found.host}]" if ":" in found.host else found.host
    return f"{scheme}://{host}:{port}" if written else f"{host}:{port}"


def same_host(one: str, other: str) -> bool:
    """True if two values bind the same address; every spelling of "all addresses" is one."""
    first, second = parse_host(one), parse_host(other)
    return (_plain(first.host), first.port) == (_plain(second.host), second.port)


def _plain(host: str) -> str:
    return "*" if host in ("", "0.0.0.0", "::") else host.lower()


def _split(place: str) -> tuple[str, str | None]:
    """Host and port text as Go's SplitHostPort; None where it finds no port and fails."""
    if place.startswith("["):
        host, bracket, port = place[1:].partition("]")
        if bracket and port.startswith(":"):
            return host, port[1:]
        return place, None
    if place.count(":") == 1:
        host, _, port = place.partition(":")
        return host, port
    return place, None


def _bare(place: str) -> str:
    """A host without a port: an IP address loses its brackets, nothing at all is the default host."""
    return place.strip("[]") if _is_ip(place.strip("[]")) else place or DEFAULT_HOST


def _port(text: str, default: int) -> tuple[int, str]:
    if re.fullmatch(r"[+-]?[0-9]{1,9}", text) and 0 <= int(text) <= 65535:
        return int(text), ""
    return default, f"the port {text!r} is not a number from 0 to 65535"


def _is_host(host: str) -> bool:
    if not host or _is_ip(host):
        return True
    return bool(_NAME.fullmatch(host)) and not _DOTTED.fullmatch(host)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def _meant(value: str, found: Host) -> str:
    """The address that a person probably meant: an IP address and a port somewhere in the value, or the default."""
    seen = _IP_AND_PORT.search(value)
    if seen is not None and _is_ip(seen[1]):
        port = int(seen[2] or DEFAULT_PORT)
        return f"{seen[1]}:{port if 0 < port <= 65535 else DEFAULT_PORT}"
    if found.usable and found.host:
        shown = f"[{found.host}]" if ":" in found.host else found.host
        return f"{shown}:{found.port}"
    return f"{DEFAULT_HOST}:{found.port}"
