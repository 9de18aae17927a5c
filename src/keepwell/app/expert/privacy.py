"""What leaves this machine, and where to: an address outside of the owner's own network needs the owner's word."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from keepwell.ask.orders import is_own
from keepwell.config.model import Config
from keepwell.core.errors import AccessError
from keepwell.redact import Redactor, learn_people
from keepwell.transport.base import Transport

#: Endings of names that no public server has (RFC 6762, RFC 8375, and what routers and overlay networks give).
_OWN_ENDINGS = (".local", ".lan", ".home", ".internal", ".home.arpa", ".ts.net", ".localdomain")
#: Accounts of this machine stand here.
_ACCOUNTS = "/etc/passwd"


def is_outside(url: str, config: Config) -> bool:
    """Whether an address may be somebody else's: by how it is written, and by the machines that the owner declared. No
    name is looked up.
    """
    host = _host(url)
    if is_own(url) or ("." not in host and ":" not in host) or host.endswith(_OWN_ENDINGS):
        return False
    nodes = {one.name for one in config.nodes}
    own = {one.address.lower() for one in config.nodes if one.address}
    own |= {_host(one.url) for one in config.engines if one.node in nodes}
    return host not in own


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


async def make_redactor(hands: Transport, names: Iterable[str]) -> Redactor:
    """What masks all that goes to somebody else: secrets, people of this machine, and these names of machines."""
    texts: list[bytes] = []
    try:
        texts.append(await hands.read(_ACCOUNTS))
    except AccessError:
        texts = []
    return Redactor(learn_people(texts, [one for one in names if not _is_address(one)]))


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
