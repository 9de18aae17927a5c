"""Listening TCP sockets and who holds them: /proc/net and the descriptors of processes, on macOS `lsof`."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from keepwell.core.errors import AccessError, NotThere
from keepwell.core.observation import Observation, Value, failed
from keepwell.core.values import find_number, rows_of
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Transport

#: Bytes of /proc/net/tcp that are read: 150 a connection, so a hundred thousand connections.
TABLE_BYTES = 16 * 1024 * 1024
#: Descriptors looked at in all when there is no `ss`: each costs a system call, and a browser has thousands.
DESCRIPTORS = 20_000
SS = ("ss", "-H", "-l", "-t", "-n", "-p", "-e")
LSOF = ("lsof", "-nP", "-iTCP", "-sTCP:LISTEN", "-F", "pun")

_LISTEN = "0A"
_SOCKET_LINK = re.compile(r"^socket:\[(\d+)\]$")
_SS_INODE = re.compile(r"\bino:(\d+)")
_SS_PID = re.compile(r"\bpid=(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A listening socket; `address` is "0.0.0.0" or "::" for all addresses."""

    address: str
    port: int
    uid: int
    inode: int


class Sockets:
    """Gives host.sockets. `pid` is 0 where the holder is hidden from this user or in another container."""

    level = 1
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.05
    gives: tuple[str, ...] = ("host.sockets",)
    needs: tuple[str, ...] = ("host.processes",)

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation; its value is a tuple of mappings, by port."""
        try:
            listeners = await _read_tables(place.transport)
        except NotThere:
            return [await _by_lsof(place)]
        except AccessError as error:
            return [place.saw("host.sockets", failed(error), "/proc/net/tcp")]
        holders, how = await _find_holders(place, {one.inode for one in listeners})
        rows = tuple(_row(one, holders.get(one.inode, 0)) for one in listeners)
        return [place.saw("host.sockets", rows, f"/proc/net/tcp, /proc/net/tcp6 and {how}")]


def _row(one: Listener, pid: int) -> Mapping[str, Value]:
    return {"address": one.address, "port": one.port, "pid": pid, "uid": one.uid, "inode": one.inode}


async def _read_tables(transport: Transport) -> list[Listener]:
    found = parse_table((await transport.read("/proc/net/tcp", max_bytes=TABLE_BYTES)).decode("ascii", "replace"))
    try:
        six = await transport.read("/proc/net/tcp6", max_bytes=TABLE_BYTES)
    except AccessError:  # a kernel without IPv6 has no such table
        six = b""
    found += parse_table(six.decode("ascii", "replace"))
    return sorted(found, key=_by_port)


def _by_port(one: Listener) -> tuple[int, str]:
    return one.port, one.address


async def _find_holders(place: Place, inodes: set[int]) -> tuple[dict[int, int], str]:
    """Socket number to the lowest pid that holds it, and where that was read."""
    try:
        ran = await place.transport.run(SS)
    except AccessError:
        ran = None
    if ran is not None and ran.code == 0:
        return parse_ss(ran.text), shlex.join(SS)
    rows = rows_of(place.seen.value(place.node, "host.processes"))
    pids = [int(found) for row in rows if (found := find_number(row.get("pid")))]
    return await _search_descriptors(place.transport, pids, inodes), "/proc/*/fd"


async def _search_descriptors(transport: Transport, pids: list[int], inodes: set[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    looked = 0
    for pid in pids:
        if inodes <= found.keys() or looked > DESCRIPTORS:
            break
        held = await _sockets_of(transport, pid)
        looked += len(held)
        for inode in inodes.intersection(held):
            found.setdefault(inode, pid)
    return found


async def _sockets_of(transport: Transport, pid: int) -> tuple[int, ...]:
    """Numbers of the sockets that a process holds; () when it has ended or is another user's."""
    folder = f"/proc/{pid}/fd"
    try:
        names = await transport.list(folder)
    except AccessError:
        return ()
    links = await asyncio.gather(*(transport.link(f"{folder}/{name}") for name in names), return_exceptions=True)
    for link in links:
        if isinstance(link, BaseException) and not isinstance(link, AccessError):
            raise link
    matches = (_SOCKET_LINK.match(link) for link in links if isinstance(link, str))
    return tuple(int(match[1]) for match in matches if match is not None)


async def _by_lsof(place: Place) -> Observation:
    try:
        ran = await place.transport.run(LSOF)
    except AccessError as error:
        return place.saw("host.sockets", failed(error), shlex.join(LSOF))
    return place.saw("host.sockets", parse_lsof(ran.text), shlex.join(LSOF))


def parse_table(text: str) -> list[Listener]:
    """The listening sockets of /proc/net/tcp or tcp6; lines of another shape are left out."""
    found: list[Listener] = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < 10 or fields[3] != _LISTEN:
            continue
        address, _, port = fields[1].partition(":")
        try:
            found.append(
                Listener(address=parse_address(address), port=int(port, 16), uid=int(fields[7]), inode=int(fields[9]))
            )
        except ValueError:
            continue
    return found


def parse_address(text: str) -> str:
    """An address as /proc/net writes it: 32-bit words, each with its bytes turned round (on every machine in
    use here, all little-endian). An IPv4 address inside IPv6 comes out as IPv4. ValueError for anything else.
    """
    words = bytes.fromhex(text)
    if len(words) not in (4, 16):
        raise ValueError(f"not an address: {text!r}")
    turned = b"".join(words[at : at + 4][::-1] for at in range(0, len(words), 4))
    address = ipaddress.ip_address(turned)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(address)


def parse_ss(text: str) -> dict[int, int]:
    """Socket number to the lowest pid that holds it, from `ss -H -l -t -n -p -e`."""
    found: dict[int, int] = {}
    for line in text.splitlines():
        inode = _SS_INODE.search(line)
        pids = _SS_PID.findall(line)
        if inode is not None and pids:
            found[int(inode[1])] = min(int(pid) for pid in pids)
    return found


def parse_lsof(text: str) -> tuple[Value, ...]:
    """`lsof -F pun`: a letter and a value a line; p and u hold for the n lines that follow. No socket numbers."""
    rows: dict[tuple[str, int], Mapping[str, Value]] = {}
    pid = uid = 0
    for line in text.splitlines():
        letter, value = line[:1], line[1:]
        if letter == "p" and value.isdecimal():
            pid, uid = int(value), 0
        elif letter == "u" and value.isdecimal():
            uid = int(value)
        elif letter == "n":
            address, _, port = value.rpartition(":")
            if port.isdecimal():
                shown = address.strip("[]").replace("*", "0.0.0.0")
                rows.setdefault(
                    (shown, int(port)), {"address": shown, "port": int(port), "pid": pid, "uid": uid, "inode": 0}
                )
    return tuple(rows.values())


PROBE = Sockets()
