"""A Proxmox VE API over HTTPS, as far as containers go: logins, settings with their digest, what is pending, tasks.

As pveproxy does: what is wrong stands in the reason of the status line, data in `{"data": ...}`; device nodes and
features are for root@pam by a ticket alone; raw `lxc.*` keys can be read and never written; a running container takes
such settings at its next start, until when they are pending. A container's node may be down (596).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import secrets
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from keepwell.testing.fake_http import BadRequest, FakeRequest, read_request

#: Settings of a container by what writes them asks for; device nodes and the rest have rules of their own.
OPTIONS = re.compile(r"(memory|swap|cores|hostname|onboot|tags|description|features|unprivileged|dev\d{1,3})\Z")
ROOT = "root@pam"
AUDIT, CONFIG, POWER = "VM.Audit", "VM.Config.Options", "VM.PowerMgmt"
#: Looks at a task until it has ended.
TASK_LOOKS = 2


class _Refused(Exception):
    """A status and its reason."""

    def __init__(self, status: int, reason: str, errors: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.errors = status, reason, errors


@dataclass(slots=True)
class FakeContainer:
    """Settings, those that wait for the next start ("" takes one away), and whether it runs."""

    settings: dict[str, str] = field(default_factory=dict)
    pending: dict[str, str] = field(default_factory=dict)
    raw: list[tuple[str, str]] = field(default_factory=list)
    running: bool = True

    @property
    def digest(self) -> str:
        """SHA-1 of the file, which holds what is pending, too."""
        return hashlib.sha1(json.dumps([self.settings, self.pending, self.raw]).encode()).hexdigest()

    @property
    def wished(self) -> dict[str, str]:
        """With what is pending."""
        return {name: value for name, value in {**self.settings, **self.pending}.items() if value}

    def start_again(self) -> None:
        """What was pending holds."""
        self.settings, self.pending = self.wished, {}


@dataclass(slots=True)
class FakeProxmox:
    """The cluster: containers by node and number, passwords and tokens by user, rights by user.

    `down` are nodes that do not answer, `calls` are the requests so far, `failing` is what the next task ends with;
    with `interfere` somebody changes a container right before the next change of it, and `after_change` is called when
    one was made, before it is answered.
    """

    containers: dict[tuple[str, int], FakeContainer]
    logins: dict[str, str]
    rights: dict[str, set[str]] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    calls: list[tuple[str, str]] = field(default_factory=list)
    failing: str = ""
    interfere: bool = False
    after_change: Callable[[], None] | None = None
    port: int = 0
    _tickets: dict[str, str] = field(default_factory=dict)
    _tasks: dict[str, list[str]] = field(default_factory=dict)
    _server: asyncio.Server | None = None

    async def start(self, certificate: Path, key: Path) -> None:
        """Serve on loopback at a port from the kernel."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await read_request(reader)
            if request is not None:
                writer.write(self._answer(request))
                await writer.drain()
        except (BadRequest, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    def _answer(self, request: FakeRequest) -> bytes:
        path = request.path.removeprefix("/api2/json")
        self.calls.append((request.method, path))
        status, reason, document = 200, "OK", dict[str, object]()
        try:
            document["data"] = self._act(request, path)
        except _Refused as refused:
            status, reason = refused.status, refused.reason
            document = {"data": None, "message": reason + "\n"}
            if refused.errors:
                document["errors"] = dict(refused.errors)
        body = json.dumps(document).encode()
        head = f"HTTP/1.1 {status} {reason}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        return f"{head}connection: close\r\n\r\n".encode() + body

    def _act(self, request: FakeRequest, path: str) -> object:
        values = dict(parse_qsl(request.body.decode()))
        if (request.method, path) == ("POST", "/access/ticket"):
            return self._log_in(values)
        user = self._find_user(request)
        if path == "/version":
            return {"version": "8.4.1", "release": "8.4", "repoid": "fake"}
        task = re.fullmatch(r"/nodes/([^/]+)/tasks/([^/]+)/status", path)
        if task:
            return self._look_at(unquote(task[2]))
        found = re.fullmatch(r"/nodes/([^/]+)/lxc/(\d+)/(config|status/\w+)", path)
        if found is None:
            raise _Refused(501, f"Method '{request.method} {path}' not implemented")
        if found[1] in self.down:
            raise _Refused(596, "Connection timed out")
        one = self.containers.get((found[1], int(found[2])))
        if one is None:
            raise _Refused(500, f"Configuration file 'nodes/{found[1]}/lxc/{found[2]}.conf' does not exist")
        if found[3] == "config":
            return self._configure(request.method, one, values, (user, int(found[2])))
        return self._order(request.method, one, found, user)

    def _log_in(self, values: Mapping[str, str]) -> object:
        user = values.get("username", "")
        if "!" in user or self.logins.get(user) != values.get("password"):
            raise _Refused(401, "authentication failure")
        ticket = f"PVE:{user}:{secrets.token_hex(8)}"
        self._tickets[ticket] = user
        return {"ticket": ticket, "CSRFPreventionToken": f"csrf-{ticket}", "username": user}

    def _find_user(self, request: FakeRequest) -> str:
        kind, _, rest = request.headers.get("authorization", "").partition("=")
        if kind == "PVEAPIToken":
            user, _, secret = rest.partition("=")
            if "!" not in user or self.logins.get(user) != secret:
                raise _Refused(401, "invalid token value!")
            return user
        ticket = request.headers.get("cookie", "").removeprefix("PVEAuthCookie=")
        ticket = unquote(ticket)
        if ticket not in self._tickets:
            raise _Refused(401, "No ticket")
        if request.method != "GET" and request.headers.get("csrfpreventiontoken") != f"csrf-{ticket}":
            raise _Refused(401, "Permission denied - invalid csrf token")
        return self._tickets[ticket]

    def _require(self, user: str, right: str, number: int) -> None:
        if user != ROOT and right not in self.rights.get(user, set()):
            raise _Refused(403, f"Permission check failed (/vms/{number}, {right})")

    def _configure(self, method: str, one: FakeContainer, values: dict[str, str], who: tuple[str, int]) -> object:
        user, number = who
        if method == "GET":
            self._require(user, AUDIT, number)
            raw = {"lxc": one.raw} if one.raw else {}
            return {**one.wished, **raw, "digest": one.digest}
        self._require(user, CONFIG, number)
        digest = values.pop("digest", "")
        gone = [name for name in values.pop("delete", "").split(",") if name]
        unknown = [name for name in (*values, *gone) if not OPTIONS.match(name)]
        if unknown:
            told = "property is not defined in schema and the schema does not allow additional properties"
            raise _Refused(400, "Parameter verification failed.", dict.fromkeys(unknown, told))
        if user != ROOT and any(re.match(r"dev\d", name) for name in (*values, *gone)):
            raise _Refused(403, "Permission check failed (configuring device passthrough is only allowed for root@pam)")
        if self.interfere:
            self.interfere = False
            one.settings["tags"] = "somebody"
        if digest and digest != one.digest:
            raise _Refused(500, "detected modified configuration - file changed by other user? Try again.")
        changed = {**values, **dict.fromkeys(gone, "")}
        if one.running:
            one.pending |= changed
            one.pending = {name: value for name, value in one.pending.items() if one.settings.get(name, "") != value}
        else:
            one.settings = {name: value for name, value in {**one.settings, **changed}.items() if value}
        if self.after_change is not None:
            self.after_change()
        return None

    def _order(self, method: str, one: FakeContainer, found: re.Match[str], user: str) -> object:
        node, number, verb = found[1], int(found[2]), found[3].partition("/")[2]
        if (method, verb) == ("GET", "current"):
            self._require(user, AUDIT, number)
            return {"status": "running" if one.running else "stopped", "vmid": number, "type": "lxc"}
        if method != "POST" or verb not in ("start", "stop", "shutdown", "reboot"):
            raise _Refused(501, f"Method '{method} {found[0]}' not implemented")
        self._require(user, POWER, number)
        if (verb == "start") == one.running:
            raise _Refused(500, f"CT {number} {'already running' if one.running else 'not running'}")
        task = f"UPID:{node}:0000{secrets.token_hex(2)}:00{secrets.token_hex(3)}:67000000:vz{verb}:{number}:{user}:"
        self._tasks[task] = ["running"] * TASK_LOOKS + [self.failing or "OK"]
        if not self.failing:
            one.running = verb in ("start", "reboot")
            one.start_again()
        self.failing = ""
        return task

    def _look_at(self, task: str) -> object:
        states = self._tasks.get(task)
        if states is None:
            raise _Refused(500, "no such task")
        if len(states) > 1:
            return {"status": states.pop(0), "upid": task}
        return {"status": "stopped", "exitstatus": states[0], "upid": task}
