"""Whether names resolve: localhost, this node, and the hosts in the addresses of its engines."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable
from typing import Literal
from urllib.parse import urlsplit

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Observation, Value, failed
from keepwell.core.values import row_of, text_of
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Transport

#: Names asked for: localhost, the node, and its engines' hosts are a handful.
NAMES = 8
#: Seconds for one name: a dead name server must not hold up the rest.
NAME_SECONDS = 1.5


class Names:
    """Gives host.names: name to tuple of addresses, empty for a name that does not resolve."""

    level = 1
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.05
    gives: tuple[str, ...] = ("host.names",)
    needs: tuple[str, ...] = ("engine.site",)

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation; Missing when neither the resolver nor /etc/hosts could be asked."""
        names = list(dict.fromkeys(["localhost", *_hosts(place)]))[:NAMES]
        answers = await asyncio.gather(*(_resolve(place.transport, name) for name in names))
        found: dict[str, Value] = {}
        trouble: Missing | None = None
        for name, answer in zip(names, answers, strict=True):
            if isinstance(answer, Missing):
                trouble = answer
            else:
                found[name] = answer
        if not found and trouble is not None:
            return [place.saw("host.names", trouble, "getent ahosts localhost")]
        return [place.saw("host.names", found, "getent ahosts, else /etc/hosts")]


def _hosts(place: Place) -> list[str]:
    sites = [row_of(one.value) for one in place.seen.named("engine.site")]
    hosts = [urlsplit(text_of(site, "url")).hostname or "" for site in sites]
    return [host for host in hosts if host and not _is_address(host)]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def _resolve(transport: Transport, name: str) -> tuple[str, ...] | Missing:
    try:
        ran = await transport.run(("getent", "ahosts", name), timeout_seconds=NAME_SECONDS)
        if ran.code in (0, 2):  # 2: the name is not known (getent(1))
            return parse_getent(ran.text)
    except AccessError:
        pass  # no getent (macOS), or no answer in time: the file is still worth a look
    try:
        return parse_hosts((await transport.read("/etc/hosts")).decode("utf-8", "replace"), name)
    except AccessError as error:
        return failed(error)


def parse_getent(text: str) -> tuple[str, ...]:
    """The addresses in `getent ahosts NAME`, in its order, each once."""
    words = (line.split() for line in text.splitlines())
    return tuple(dict.fromkeys(line[0] for line in words if line and _is_address(line[0])))


def parse_hosts(text: str, name: str) -> tuple[str, ...]:
    """The addresses that a hosts file gives a name, in its order, each once."""
    found: list[str] = []
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if name in words[1:] and _is_address(words[0]):
            found.append(words[0])
    return tuple(dict.fromkeys(found))


PROBE = Names()
