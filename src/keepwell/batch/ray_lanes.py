"""Lanes over a Ray cluster: each node has one worker, and that asks what the node reaches.

Journal, output and all decisions stay with the runner. The cluster gets requests and gives back what came: a node that
dies costs the tries that were in flight there, and those are asked again by others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic
from urllib.parse import quote, urlsplit

from keepwell.batch.asking import Ended
from keepwell.batch.job import Target
from keepwell.batch.lane import Try
from keepwell.batch.ray_node import Lost, RayNode
from keepwell.batch.ray_worker import Told
from keepwell.core.errors import ConfigurationError
from keepwell.wire.heads import AnswerHead

#: Stands for a node's own address in the address that is asked.
NODE = "{node}"
#: The header in which a gateway tells who answered; a node's name stands in where there is none.
REPLICA = b"x-keepwell-replica"


class RayLane:
    """From one node to one target. `seconds` are those that each part of an answer may take."""

    def __init__(self, node: RayNode, target: Target, seconds: float) -> None:
        """Raises ConfigurationError for an address that is none."""
        self.target = target
        self.node = node
        self._seconds = seconds
        url = target.url.replace(NODE, _bracket(node.node.address))
        self._prefix = check_address(url).rstrip("/")
        self._url = url
        self._lines: Mapping[str, str] = _make_lines(target)

    def ask(self, method: str, path: str, body: bytes, tell: Callable[[Try, Ended], None]) -> Try:
        """See `Lane`."""
        made = RayTry(self.node, tell)
        where = quote(f"{self._prefix}{path}", safe="/?&=:%+,;@-._~")
        self.node.ask((made.number, self._url, method, where, self._lines, body, self._seconds), made.take)
        return made

    async def answers(self) -> bool:
        """See `Lane`."""
        return await self.node.answers(self._url)

    def close(self) -> None:
        """Nothing: the worker may be another lane's, too, and ends with the cluster."""


class RayTry:
    """One request on its way over the cluster."""

    __slots__ = ("_node", "_over", "_tell", "begun", "number")

    def __init__(self, node: RayNode, tell: Callable[[Try, Ended], None]) -> None:
        self.begun = monotonic()
        self.number = node.next_number()
        self._node = node
        self._tell = tell
        self._over = False

    def give_up(self, failure: str, why: str) -> None:
        """See `Try`."""
        if not self._over:
            self._node.drop(self.number)
            self._end(Ended(failure=failure, why=why, seconds=monotonic() - self.begun))

    def take(self, told: Told | None, lost: Lost, why: str) -> None:
        """What came of it, or how it was lost."""
        if self._over:
            return
        if told is None:
            self._end(Ended(failure=lost, why=why, seconds=monotonic() - self.begun))
            return
        _, failure, said, status, headers, body, seconds = told
        name = self._node.node.name
        if failure:
            self._end(Ended(failure=failure, why=f"{name}: {said}", seconds=seconds))
            return
        kept = [one for one in headers if one[0] != b"content-length"]  # it came whole
        if all(one[0] != REPLICA for one in kept):
            kept.append((REPLICA, name.encode("latin-1", "replace")))
        self._end(Ended(head=AnswerHead(status, kept, stays=True), body=body, seconds=seconds))

    def _end(self, ended: Ended) -> None:
        self._over = True
        self._tell(self, ended)


def check_address(url: str) -> str:
    """The path of an address. Raises ConfigurationError for one that is none."""
    found = urlsplit(url.replace(NODE, "node"))
    try:
        good = found.scheme in ("http", "https") and bool(found.hostname) and found.port != 0
    except ValueError:
        good = False
    if not good or found.query or found.fragment:
        raise ConfigurationError("not an address of an engine", where=url, hint="such as http://127.0.0.1:11434")
    return found.path


def _make_lines(target: Target) -> Mapping[str, str]:
    lines = {
        "User-Agent": "keepwell-batch",
        "Accept": "application/json",
        "Content-Type": "application/json",
        "X-Keepwell-Priority": "batch",
    }
    if target.api_key:
        lines["Authorization"] = f"Bearer {target.api_key}"
    if any("\r" in one or "\n" in one for one in lines.values()):
        raise ConfigurationError("the key has a line break in it", where=target.url)
    return lines


def _bracket(address: str) -> str:
    """An address as it stands in a URL."""
    return {True: f"[{address}]", False: address}[":" in address]
