"""MadeNode: the transport of a made machine. Files and commands are data; its engines answer from their fakes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, urlsplit

from keepwell.core.errors import TimedOut, Unreachable
from keepwell.testing.fake_gpu.linux import NOW
from keepwell.testing.fake_http import FakeRequest
from keepwell.testing.fake_state import Fault
from keepwell.testing.gym.made.processes import CONTAINER_ADDRESS, container_id
from keepwell.testing.gym.made.render import PYTHON, render_commands, render_files, render_spaces
from keepwell.testing.gym.made.state import MadeEngine, MadeState
from keepwell.testing.gym.made.supervisors import DOCKER_SOCKET, render_inspect
from keepwell.testing.node import RecordedNode
from keepwell.transport.base import CALL_BYTES, CALL_SECONDS, Ran, Reply
from keepwell.transport.failures import shown_request
from keepwell.transport.recorded.tape import Tape
from keepwell.transport.web import split_unix_url


class MadeNode(RecordedNode):
    """A made machine as it stands when this is made; what is written to it stays, and is on the node alone."""

    def __init__(self, state: MadeState, name: str = "box") -> None:
        from keepwell.testing.engine import FLAVOURS

        tape = Tape(
            name=name,
            python=PYTHON,
            recorded_at=NOW,
            files=render_files(state),
            spaces=render_spaces(state),
        )
        super().__init__(tape)
        self.state = state
        self._flavours = FLAVOURS
        for argv, ran in render_commands(state).items():
            self.answer(argv, ran)
        self._served = {place: one for one in state.engines for place in _places(one, state)}
        for one in state.processes:
            if one.listens:
                self.open_port("127.0.0.1", one.listens)

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_seconds: float = CALL_SECONDS,
        max_bytes: int = CALL_BYTES,
    ) -> Ran:
        """As recorded; `systemctl show` of any units gives all that there are."""
        words = tuple(argv)
        if words[:2] == ("systemctl", "show"):
            words = words[:5]
        return await super().run(words, stdin=stdin, timeout_seconds=timeout_seconds, max_bytes=max_bytes)

    async def http(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_seconds: float = CALL_SECONDS,
        max_bytes: int = CALL_BYTES,
    ) -> Reply:
        """What the engine there answers in its state; Docker's interface on its socket; else as recorded."""
        socket, plain = split_unix_url(url)
        parts = urlsplit(plain)
        if socket == DOCKER_SOCKET and self.state.docker:
            return self._docker(parts.path)
        engine = self._served.get((parts.hostname or "", parts.port or 80))
        if engine is None:
            return await super().http(
                method, url, headers=headers, body=body, timeout_seconds=timeout_seconds, max_bytes=max_bytes
            )
        self.calls.append(f"http {method} {url}")
        told = {name.lower(): text for name, text in (headers or {}).items()}
        told.setdefault("host", parts.netloc)
        request = FakeRequest(
            method=method, path=parts.path or "/", query=dict(parse_qsl(parts.query)), headers=told, body=body
        )
        return self._ask(engine, request, shown_request(method, url))

    async def connect(self, host: str, port: int, *, timeout_seconds: float = CALL_SECONDS) -> None:
        """Succeeds where an engine listens, and as recorded."""
        if (host, port) not in self._served:
            await super().connect(host, port, timeout_seconds=timeout_seconds)

    def _ask(self, engine: MadeEngine, request: FakeRequest, shown: str) -> Reply:
        flavour = self._flavours[engine.flavour]
        fault = engine.wire.fault(request.path)
        if engine.mute or fault is Fault.HANG:
            raise TimedOut("no answer", command=shown)
        if fault is Fault.DROP or flavour.refuses_connections(engine.wire):
            raise Unreachable("Connection refused", command=shown)
        answer = flavour.answer(engine.wire, request)
        found = {name.lower(): text for name, text in answer.headers.items()} | {"content-type": answer.content_type}
        if flavour.server:
            found["server"] = flavour.server
        seconds = engine.wire.slow_seconds * (fault is Fault.SLOW)
        return Reply(status=answer.status, headers=found, body=answer.body, seconds=seconds)

    def _docker(self, path: str) -> Reply:
        boxes = [one for one in self.state.engines if one.container is not None]
        if path == "/containers/json":
            return _json([{"Id": container_id(one)} for one in boxes])
        for one in boxes:
            assert one.container is not None
            if path in (f"/containers/{one.container.name}/json", f"/containers/{container_id(one)}/json"):
                return _json(render_inspect(one))
        return Reply(status=404, body=b'{"message":"No such container"}')


def _json(value: object) -> Reply:
    return Reply(status=200, headers={"content-type": "application/json"}, body=json.dumps(value).encode())


def _places(engine: MadeEngine, state: MadeState) -> list[tuple[str, int]]:
    """Host and port of every address under which it can be asked."""
    if not engine.running:
        return []
    hosts = [engine.host]
    if engine.host == "0.0.0.0":
        hosts = ["127.0.0.1", "localhost", *(one.address for one in state.links if one.address and one.up)]
    if engine.host == "127.0.0.1":
        hosts.append("localhost")
    found = [(host, engine.port) for host in hosts]
    if engine.container is not None:
        found.append((CONTAINER_ADDRESS, engine.container.inner_port))
    return found
