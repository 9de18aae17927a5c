"""FakeRay: the dashboard of a Ray cluster on loopback, in the words of Ray 2.60 as recorded from two real nodes.

async with FakeRay(nodes=(FakeRayNode(address="10.0.0.1", gpus=2, head=True),)) as ray:
    ...                                       # ask ray.url
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from keepwell.testing.fake_http import (
    BadRequest,
    FakeAnswer,
    FakeRequest,
    json_answer,
    read_request,
    text_answer,
    write_answer,
)

COMMIT = "b7f4259e944bf6959f721b106adc366ddfa0c356"


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeRayNode:
    """A node of the cluster; `state` is ALIVE or DEAD."""

    address: str
    gpus: float = 0.0
    cpus: float = 1.0
    head: bool = False
    state: str = "ALIVE"
    name: str = "node"


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeGroup:
    """A placement group: equal bundles, and whether they are placed."""

    name: str
    bundles: int
    wants: Mapping[str, float] = field(default_factory=lambda: {"GPU": 1.0})
    placed: bool = False


class FakeRay:
    """The paths that keepwell asks for; 404 for the rest. `requests` are those that came, in order.

    `young`: a cluster of a few seconds, whose summary lists no node yet while its status knows them all (measured).
    """

    def __init__(
        self,
        *,
        nodes: Sequence[FakeRayNode] = (),
        groups: Sequence[FakeGroup] = (),
        release: str = "2.60.0",
        broken: bool = False,
        young: bool = False,
    ) -> None:
        self.nodes = tuple(nodes)
        self.groups = tuple(groups)
        self.release = release
        self.broken = broken
        self.young = young
        self.requests: list[FakeRequest] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self.place}"

    @property
    def place(self) -> str:
        """Host and port, as a raylet's command line has them."""
        assert self._server is not None, "not started"
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"{host}:{port}"

    def raylet(self, address: str, *, package: str = "", more: Mapping[str, float] | None = None) -> tuple[str, ...]:
        """The command line of the raylet of one of its nodes, as Ray starts it."""
        (one,) = [node for node in self.nodes if node.address == address]
        head = next(node.address for node in self.nodes if node.head)
        promises: dict[str, float] = {f"node:{address}": 1.0, "CPU": one.cpus, "GPU": one.gpus, **(more or {})}
        if one.head:
            promises["node:__internal_head__"] = 1.0
        listed = ",".join(f"{name},{number:g}" for name, number in promises.items())
        folder = package or "/opt/ray/lib/python3.11/site-packages/ray"
        worker = f"/opt/ray/bin/python3 {folder}/_private/workers/setup_worker.py --webui={self.place} --redis-address="
        return (
            f"{folder}/core/src/ray/raylet/raylet",
            f"--node_ip_address={address}",
            f"--static_resource_list={listed}",
            f"--python_worker_command={worker}",
            "--plasma_directory=/dev/shm",
            f"--gcs-address={head}:6379",
        )

    def answer(self, request: FakeRequest) -> FakeAnswer:
        """By path."""
        if self.broken:
            return text_answer("Internal Server Error", 500)
        answers = {
            "/api/version": self._version,
            "/nodes": self._summary,
            "/api/v0/placement_groups": self._groups,
            "/api/cluster_status": self._status,
        }
        found = answers.get(request.path)
        return found() if found else text_answer("404: Not Found", 404)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _version(self) -> FakeAnswer:
        return json_answer({"version": "4", "ray_version": self.release, "ray_commit": COMMIT, "session_name": "s"})

    def _summary(self) -> FakeAnswer:
        rows = [self._row(one) for one in self.nodes if not self.young]
        return json_answer({"result": True, "msg": "Node summary fetched.", "data": {"summary": rows}})

    def _row(self, one: FakeRayNode) -> dict[str, object]:
        resources: dict[str, float] = {"CPU": one.cpus, f"node:{one.address}": 1.0, "memory": 24e9}
        if one.gpus:
            resources["GPU"] = one.gpus
        raylet = {
            "nodeManagerAddress": one.address,
            "nodeManagerHostname": one.name,
            "resourcesTotal": resources,
            "isHeadNode": one.head,
            "state": one.state,
        }
        return {"hostname": one.name, "ip": one.address, "shm": 9_334_784, "raylet": raylet}

    def _groups(self) -> FakeAnswer:
        rows = [
            {
                "name": one.name,
                "state": "CREATED" if one.placed else "PENDING",
                "bundles": [{"unit_resources": dict(one.wants), "node_id": ""} for _ in range(one.bundles)],
                "stats": {"scheduling_state": "FINISHED" if one.placed else "NO_RESOURCES"},
            }
            for one in self.groups
        ]
        return json_answer({"result": True, "msg": "", "data": {"result": {"total": len(rows), "result": rows}}})

    def _status(self) -> FakeAnswer:
        alive = [one for one in self.nodes if one.state == "ALIVE"]
        lines = ["======== Autoscaler status: 2026-01-01 00:00:00.000000 ========", "Node status", "-" * 63, "Active:"]
        lines += [f" 1 node_{number}" for number, _ in enumerate(alive)] or [" (no active nodes)"]
        lines += ["Pending:", " (no pending nodes)", "Recent failures:", " (no failures)", "", "Resources", "-" * 63]
        lines += ["Total Usage:", f" 0.0/{sum(one.cpus for one in alive)} CPU"]
        lines += [f" 0.0/{sum(one.gpus for one in alive)} GPU", "", "From request_resources:", " (none)"]
        lines += ["Pending Demands:"]
        waiting = [one for one in self.groups if not one.placed]
        lines += [f" {dict(one.wants)} * {one.bundles} (PACK): 1+ pending placement groups" for one in waiting] or [
            " (no resource demands)"
        ]
        return json_answer({"result": True, "msg": "", "data": {"clusterStatus": "\n".join(lines)}})

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(asyncio.CancelledError, ConnectionError, BadRequest):
            while (request := await read_request(reader)) is not None:
                self.requests.append(request)
                await write_answer(writer, self.answer(request), server="Ray")
        writer.close()
