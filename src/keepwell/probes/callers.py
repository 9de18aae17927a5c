"""Whether the addresses that services depend on can be reached from the services' own network. Loads nothing."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Literal

from keepwell.core.errors import AccessError, NotThere, TimedOut
from keepwell.core.observation import Observation, Value, absent, failed
from keepwell.core.ref import Ref
from keepwell.core.text import cut_text, escape_controls
from keepwell.core.values import find_number, row_of, rows_of, text_of
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Ran

#: Seconds for one connection, and for the program that makes it in another network.
CONNECT_SECONDS = 2.0
ENTER_SECONDS = 5.0
#: Addresses of one service that are asked.
ADDRESSES = 8
#: Run in the network of a container by an interpreter of the node: connects once and says how that went. An
#: interpreter of the container's own is seldom there.
CONNECT = f"""
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), {CONNECT_SECONDS:g}).close()
    print("open")
except socket.timeout:
    print("silent")
except ConnectionRefusedError:
    print("refused")
except socket.gaierror:
    print("no-name")
except OSError as error:
    print("no-route", error)
"""


class Callers:
    """Gives service.callers, about each service whose settings name addresses."""

    level = 3
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.5
    gives: tuple[str, ...] = ("service.callers",)
    needs: tuple[str, ...] = ("service.site", "service.links", "host.containers")

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation a service with links; nothing where there is none."""
        linked = [one for one in place.seen.named("service.links") if rows_of(one.value)]
        return await asyncio.gather(*(_about(place, one.subject, rows_of(one.value)) for one in linked))


async def _about(place: Place, ref: Ref, links: tuple[Mapping[str, Value], ...]) -> Observation:
    pid = text_of(row_of(place.seen.value(ref, "service.site")), "pid")
    source = f"connections from the network of process {pid or 'none'}"
    if pid in ("", "0"):
        return place.saw("service.callers", absent("no process of it runs on this node"), source, subject=ref)
    try:
        apart = await _is_apart(place, pid)
    except AccessError as error:
        return place.saw("service.callers", failed(error), source, subject=ref)
    rows = await asyncio.gather(*(_ask(place, pid, apart, link) for link in links[:ADDRESSES]))
    return place.saw("service.callers", tuple(rows), source, subject=ref)


async def _is_apart(place: Place, pid: str) -> bool:
    """Whether a process has a network of its own, told by the kernel's names of both."""
    own, its = await asyncio.gather(
        place.transport.link("/proc/self/ns/net"), place.transport.link(f"/proc/{pid}/ns/net")
    )
    return own != its


async def _ask(place: Place, pid: str, apart: bool, link: Mapping[str, Value]) -> Mapping[str, Value]:
    host, port = text_of(link, "host"), int(find_number(link.get("port")) or 0)
    row: dict[str, Value] = {
        "setting": text_of(link, "setting"),
        "url": text_of(link, "url"),
        "host": host,
        "port": port,
        "target": text_of(link, "target"),
        "reach": text_of(link, "reach"),
        "from": {True: "container", False: "node"}[apart],
    }
    state, said = await {True: _from_container, False: _from_node}[apart](place, pid, host, port)
    return {**row, "state": state, "said": escape_controls(cut_text(said, 200))}


async def _from_node(place: Place, pid: str, host: str, port: int) -> tuple[str, str]:
    try:
        await place.transport.connect(host, port, timeout_seconds=CONNECT_SECONDS)
    except TimedOut as error:
        return "silent", error.what
    except AccessError as error:
        return read_failure(error.what), error.what
    return "open", ""


def read_failure(said: str) -> str:
    """The state for the operating system's words about a connection that was not made. Pure."""
    words = said.lower()
    if "refused" in words:
        return "refused"
    if "name" in words or "address associated" in words or "resolution" in words:
        return "no-name"
    return "no-route"


async def _from_container(place: Place, pid: str, host: str, port: int) -> tuple[str, str]:
    """As the container's own network sees it; its own files give a name's address."""
    enter = ("nsenter", "--target", pid, "--net")
    try:
        address = host
        if host != "localhost" and not _is_address(host):
            asked = await _run(place, (*enter, "--mount", "--", "getent", "ahosts", host))
            address = next(iter(asked.text.split()), "")
            if asked.code == 2:
                return "no-name", f"getent finds no address of {host} in the container"
            if not address:
                return "unknown", asked.stderr.decode("utf-8", "replace").strip()
        python = place.transport.python or "python3"
        ran = await _run(place, (*enter, "--", python, "-c", CONNECT, address, str(port)))
    except NotThere as error:
        return "unknown", f"{error.what}: this needs nsenter"
    except AccessError as error:
        return "unknown", error.what
    state, _, said = ran.text.strip().partition(" ")
    if state not in ("open", "silent", "refused", "no-name", "no-route"):
        return "unknown", ran.stderr.decode("utf-8", "replace").strip()
    return state, said


async def _run(place: Place, argv: tuple[str, ...]) -> Ran:
    return await place.transport.run(argv, timeout_seconds=ENTER_SECONDS)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


PROBE = Callers()
