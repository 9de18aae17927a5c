"""Measures the link between two nodes, only when asked: speed, the way there and back, and what is lost."""

from __future__ import annotations

import asyncio
import json
import secrets
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from keepwell.app.operation import Caller
from keepwell.app.targets import Target, find_target
from keepwell.app.wiring import reach, wire
from keepwell.config.model import Config
from keepwell.core.errors import AccessError, ConfigurationError, KeepwellError
from keepwell.core.text import cut_text, escape_controls
from keepwell.transport import link_end
from keepwell.transport.base import Ran, Transport

#: A measured link below this share of what was declared is too slow: headers and other traffic take a part.
SPEED_SHARE = 0.8
#: Seconds besides the measuring itself: both programs start, meet and end.
EXTRA_SECONDS = 25.0
#: Ports tried when none is given; above those of services, below those that kernels hand out.
FIRST_PORT, PORTS = 20_000, 10_000
MEGABYTE = 1_000_000
#: Characters of an error of the other side that are told.
ERROR_CHARACTERS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to a node: the address there, the role of its network ("" if none is declared), what it ought to give."""

    address: str
    role: str = ""
    wished_mbit_per_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one way gave. `loss_ratio` is the share of segments that had to be sent again, None where the sender's
    system does not tell. `problem` says why there are no numbers, or is "".
    """

    way: Way
    mbit_per_s: float = 0.0
    rtt_seconds: float = 0.0
    loss_ratio: float | None = None
    received_bytes: int = 0
    seconds: float = 0.0
    problem: str = ""

    @property
    def slow(self) -> bool:
        """True if it was measured, and gives much less than declared."""
        return not self.problem and self.mbit_per_s < SPEED_SHARE * self.way.wished_mbit_per_s


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkReport:
    """The answer of `link`: who sent, who took, and every way between them."""

    sender: str
    receiver: str
    ways: tuple[Measured, ...]

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.link/1"

    @property
    def exit_code(self) -> int:
        """0 as fast as declared, 1 slower, 3 if no way could be measured."""
        if all(one.problem for one in self.ways):
            return 3
        return int(any(one.slow or one.problem for one in self.ways))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long and how much at most, and at which port (0: one of PORTS)."""

    seconds: float = 3.0
    megabytes: int = 200
    port: int = 0


async def measure_link(caller: Caller, words: tuple[str, str], *, address: str, bounds: Bounds) -> LinkReport:
    """Send from the first node to the second, over each of its networks. Raises ConfigurationError where no address
    of the second is known, AccessError where a node cannot be reached at all.
    """
    async with AsyncExitStack() as stack:
        wiring = await stack.enter_async_context(wire(caller))
        sender, receiver = (find_target(word, wiring.config, wiring.hands.name) for word in words)
        ways = find_ways(receiver, wiring.config, local=sender.node is None, address=address)
        ends = [(await stack.enter_async_context(reach(wiring, one))).transport for one in (sender, receiver)]
        found = []
        for done, way in enumerate(ways):
            caller.progress(f"sending to {way.address}", done, len(ways))
            found.append(await measure(ends[0], ends[1], way, bounds))
    return LinkReport(sender=sender.name, receiver=receiver.name, ways=tuple(found))


def find_ways(receiver: Target, config: Config, *, local: bool, address: str = "") -> tuple[Way, ...]:
    """The ways to a node: the address that was asked for, else its declared networks, else the one it is known by."""
    if receiver.bundle is not None:
        raise ConfigurationError("a recorded node has no link", where=receiver.name, hint="name a node")
    declared = {
        one.address: Way(address=one.address, role=one.role, wished_mbit_per_s=one.mbit_per_s)
        for one in config.networks
        if one.node == receiver.name and one.address
    }
    if address:
        return (declared.get(address, Way(address=address)),)
    if declared:
        return tuple(declared.values())
    if receiver.node is not None:
        return (Way(address=receiver.node.address),)
    if local:
        return (Way(address="127.0.0.1"),)
    raise ConfigurationError(
        "no address of this machine is known that the other could send to",
        where=receiver.name,
        hint="name it with --address, or declare it as a [[network]]",
    )


async def measure(sender: Transport, receiver: Transport, way: Way, bounds: Bounds) -> Measured:
    """Measure one way once; what went wrong stands in the result."""
    port = bounds.port or FIRST_PORT + secrets.randbelow(PORTS)
    token = f"{secrets.token_hex(link_end.TOKEN_BYTES)}\n".encode()
    taking = asyncio.create_task(_run(receiver, "serve", way.address, port, token, bounds))
    try:
        sent = await _run(sender, "send", way.address, port, token, bounds)
    except KeepwellError as error:
        return Measured(way=way, problem=str(error))
    finally:
        taking.cancel()
        (took,) = await asyncio.gather(taking, return_exceptions=True)
    problem = _problem(sent, took, f"{way.address}:{port}")
    if problem:
        return Measured(way=way, problem=problem)
    return _measured(way, json.loads(sent.text))


def _measured(way: Way, told: dict[str, float]) -> Measured:
    seconds = max(told["seconds"], 1e-6)
    loss: float | None = None
    if told.get("segments"):
        loss = told.get("retransmitted", 0.0) / told["segments"]
    return Measured(
        way=way,
        mbit_per_s=told["received"] * 8 / seconds / 1e6,
        rtt_seconds=told["rtt_seconds"],
        loss_ratio=loss,
        received_bytes=int(told["received"]),
        seconds=seconds,
    )


async def _run(node: Transport, kind: str, host: str, port: int, token: bytes, bounds: Bounds) -> Ran:
    limit = str(bounds.megabytes * MEGABYTE)
    argv = (node.python or "python3", "-c", program(), kind, host, str(port), str(bounds.seconds), limit)
    try:
        return await node.run(argv, stdin=token, timeout_seconds=bounds.seconds + EXTRA_SECONDS)
    except AccessError as error:
        raise AccessError(f"{node.name} could not {kind}: {error.what}", where=node.name, hint=error.hint) from error


@cache
def program() -> str:
    """The text of the program that both ends run."""
    return Path(link_end.__file__).read_text(encoding="utf-8")


def _problem(sent: Ran, took: Ran | BaseException, where: str) -> str:
    """Why there is no result: what the sender said, and what the taking end said if it ended before."""
    if sent.code == 0 and sent.text.strip():
        return ""
    words = [f"nothing could be sent to {where}: {_said(sent)}"]
    if isinstance(took, Ran) and took.code != 0:
        words.append(f"the other end: {_said(took)}")
    elif isinstance(took, KeepwellError):
        words.append(f"the other end: {took}")
    return "; ".join(words) + "; a firewall between the two drops it, or the address is not that node's"


def _said(ran: Ran) -> str:
    said = ran.stderr.decode("utf-8", "replace").strip().splitlines() or [f"exit code {ran.code}"]
    return cut_text(escape_controls(said[-1]), ERROR_CHARACTERS)
