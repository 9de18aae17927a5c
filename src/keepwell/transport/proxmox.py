"""A Proxmox VE node, or a cluster of them, by its API: settings of containers, and orders to them.

The certificate is compared with the pinned one before anything is sent. With a `user` like `me@pve!name` the secret is
an API token, which is sent with each request; with `root@pam` it is a password, for which the API gives a ticket first.
Device nodes (`dev0`) are let in only for `root@pam` by a ticket: any token is refused them, one of root too.
Files and commands of the node are out of reach here: those are for ssh.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import ssl
import time
from collections.abc import Mapping
from functools import partial
from http.client import HTTPException, HTTPSConnection
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from keepwell.core.errors import AccessError, NotPermitted, NotThere, RefusedError, TimedOut, TooLarge, Unreachable
from keepwell.core.text import cut_text, escape_controls
from keepwell.transport.base import CALL_BYTES, CALL_SECONDS, Reply
from keepwell.transport.failures import access_error
from keepwell.transport.interface_only import InterfaceOnly
from keepwell.transport.threads import Threads

#: The port of pveproxy, and what stands before every path of its API.
PORT, ROOT = 8006, "/api2/json"
#: Seconds to connect, shake hands and get an answer: the node asked may have to ask another of its cluster.
ANSWER_SECONDS = 30.0
#: Seconds between two looks at a task.
TASK_SECONDS = 0.5
#: Whose settings they are stands in every answer under this name: what may be changed depends on it.
AS_USER = "keepwell-user"
#: The one user who may let device nodes in.
ROOT_USER = "root@pam"
#: Characters of what the API says that are shown.
SAID = 300
#: What it says where the file was changed since its digest was read (PVE::Tools::assert_if_modified).
CHANGED = "detected modified configuration"


class ApiNode(Protocol):
    """What is needed of a node's entry in keepwell.toml."""

    @property
    def name(self) -> str:
        """The label."""
        ...

    @property
    def address(self) -> str:
        """IP address or host name."""
        ...

    @property
    def port(self) -> int:
        """The API's port, 0 for the usual one."""
        ...

    @property
    def user(self) -> str:
        """`user@realm`, or `user@realm!token`."""
        ...

    @property
    def fingerprint(self) -> str:
        """SHA-256 of its certificate, hex."""
        ...


async def open_proxmox(node: ApiNode, secret: str) -> ProxmoxHands:
    """Hands by the API, known to answer and to take the secret. Raises AccessError with what to do."""
    where = f"node:{node.name}"
    if not node.fingerprint:
        raise NotPermitted(
            "no fingerprint is pinned for this node's API",
            where=where,
            hint="there: openssl x509 -noout -fingerprint -sha256 -in /etc/pve/local/pve-ssl.pem (or pveproxy-ssl.pem)",
        )
    if "@" not in node.user or not secret or not secret.isascii() or any(one.isspace() for one in secret):
        hint = 'user = "root@pam" and token = {file = "/path"} with its password, or user = "me@pve!name" and a token'
        raise NotPermitted("no usable user and secret are given for this node's API", where=where, hint=hint)
    hands = ProxmoxHands(node, secret)
    try:
        await hands.ask("GET", "/version")
    except AccessError:
        await hands.close()
        raise
    return hands


class ProxmoxHands(InterfaceOnly):
    """`CallsApi`; everything that needs files or commands is NotPermitted."""

    def __init__(self, node: ApiNode, secret: str) -> None:
        super().__init__(node.name, f"{node.address}:{node.port or PORT}")
        self._node = node
        self._secret = secret
        self._threads = Threads()
        self._login: dict[str, str] = {}

    async def settings(self, path: str) -> Mapping[str, str]:
        """All of a resource, texts and numbers as texts; its `digest` among them."""
        found = await self.ask("GET", path)
        if not isinstance(found, dict):
            raise Unreachable("the API gives no settings there", where=self._where, command=f"GET {path}")
        return {str(name): str(value) for name, value in found.items() if not isinstance(value, dict | list)}

    async def set_settings(self, path: str, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        """One request with the digest of what was just read. Raises RefusedError, AccessError."""
        there = await self.settings(path)
        others = [name for name, value in before.items() if there.get(name, "") != value]
        if others:
            raise RefusedError(f"somebody changed {', '.join(others)} since this was planned", where=path)
        wished = {name: value for name, value in after.items() if value}
        gone = ",".join(name for name, value in after.items() if not value and there.get(name, ""))
        asked = {**wished, "delete": gone, "digest": there.get("digest", "")}
        try:
            await self.ask("PUT", path, {name: value for name, value in asked.items() if value})
        except AccessError as error:
            if CHANGED in str(error):
                raise RefusedError("somebody changed it at this very moment", where=path, hint="try again") from error
            raise

    async def order(self, path: str, *, timeout_seconds: float) -> str:
        """A POST, and its task's end. Raises AccessError where that is not well."""
        task = str(await self.ask("POST", path))
        if not task.startswith("UPID:"):
            return task
        look = f"/nodes/{task.split(':')[1]}/tasks/{quote(task, safe='')}/status"
        until = time.monotonic() + timeout_seconds
        while True:
            state = await self.settings(look)
            if state.get("status") == "stopped":
                break
            if time.monotonic() > until:
                raise TimedOut(f"the task did not end within {timeout_seconds:g} s", where=self._where, command=task)
            await asyncio.sleep(TASK_SECONDS)
        said = state.get("exitstatus", "")
        if said != "OK" and not said.startswith("WARNINGS"):
            raise AccessError(f"the task failed: {_shown(said)}", where=self._where, command=task)
        return task

    async def ask(self, method: str, path: str, values: Mapping[str, str] | None = None) -> Any:
        """What the API gives as `data`. Raises AccessError with its own words otherwise."""
        reply = await self.http(method, path, body=urlencode(values or {}).encode())
        try:
            document = json.loads(reply.body or b"{}")
        except ValueError:
            document = {}
        if reply.status == 200 and isinstance(document, dict):
            return document.get("data")
        raise self._refusal(reply, document, f"{method} {path}")

    async def http(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_seconds: float = ANSWER_SECONDS,
        max_bytes: int = CALL_BYTES,
    ) -> Reply:
        """One request; `url` is a path of the API, like /version."""
        if not url.startswith("/") or "?" in url or ".." in url:
            raise NotPermitted("only paths of its API can be asked", where=self._where, command=url)
        if not self._login:
            self._login = await self._log_in()
        one = partial(self._send, method, url, {**self._login, **(headers or {})}, body, max_bytes)
        return await self._call(one, timeout_seconds)

    async def _log_in(self) -> dict[str, str]:
        """The headers by which it knows us."""
        user = self._node.user
        if "!" in user:
            return {"Authorization": f"PVEAPIToken={user}={self._secret}"}
        body = urlencode({"username": user, "password": self._secret}).encode()
        path = "/access/ticket"
        reply = await self._call(partial(self._send, "POST", path, {}, body, CALL_BYTES), ANSWER_SECONDS)
        try:
            data = json.loads(reply.body)["data"]
            return {"Cookie": f"PVEAuthCookie={data['ticket']}", "CSRFPreventionToken": data["CSRFPreventionToken"]}
        except (ValueError, KeyError, TypeError):
            raise self._refusal(reply, {}, f"POST {path}") from None

    async def _call(self, one: partial[Reply], seconds: float) -> Reply:
        try:
            return await self._threads.call(one, timeout_seconds=seconds + CALL_SECONDS, where=self._where)
        except (HTTPException, ssl.SSLError, UnicodeError, ValueError) as error:
            raise Unreachable(f"what answers there is no API of Proxmox ({error})", where=self._where) from error
        except TimeoutError as error:
            raise TimedOut("no answer in time", where=self._where) from error
        except OSError as error:
            raise access_error(error, where=self._where, otherwise=Unreachable) from error

    def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes, max_bytes: int) -> Reply:
        """Blocking. The socket is looked at between the handshake and the first byte of the request."""
        began = time.perf_counter()
        node = self._node
        line = HTTPSConnection(node.address, node.port or PORT, timeout=ANSWER_SECONDS, context=make_context())
        try:
            line.connect()
            self._check_certificate(line)
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            line.request(
                method, ROOT + path, body=body or None, headers={"Accept": "application/json", **form, **headers}
            )
            answer = line.getresponse()
            content = answer.read(max_bytes + 1)
        finally:
            line.close()
        if len(content) > max_bytes:
            raise TooLarge(f"an answer of more than {max_bytes} bytes", where=self._where, command=f"{method} {path}")
        told = {"reason": answer.reason, AS_USER: node.user}
        return Reply(status=answer.status, headers=told, body=content, seconds=time.perf_counter() - began)

    def _check_certificate(self, line: HTTPSConnection) -> None:
        sock = line.sock
        assert isinstance(sock, ssl.SSLSocket)
        shown = hashlib.sha256(sock.getpeercert(binary_form=True) or b"").hexdigest()
        if not hmac.compare_digest(shown, self._node.fingerprint):
            raise NotPermitted(
                f"another certificate than the pinned one: pinned {self._node.fingerprint}, shown {shown}",
                where=self._where,
                hint="if it was renewed, put the new fingerprint into keepwell.toml; if not, somebody else answers. "
                "Nothing was sent",
            )

    def _refusal(self, reply: Reply, document: object, command: str) -> AccessError:
        """What a status means, with the words of the API."""
        said = reply.headers.get("reason", "")
        if isinstance(document, dict):
            said = "; ".join(str(one) for one in (document.get("message") or said, document.get("errors") or "") if one)
        said = _shown(said)
        if reply.status == 401:
            hint = "is `user` right, and does the file of `token` hold its secret?"
            return NotPermitted(f"the API refuses the login of {self._node.user}", where=self._where, hint=hint)
        if reply.status == 403:
            return NotPermitted(f"{self._node.user} may not do that: {said}", where=self._where, command=command)
        if reply.status in (595, 596, 599):
            message = f"the API answers, and the node that was asked for does not ({reply.status}): {said}"
            return Unreachable(message, where=self._where, command=command)
        if "does not exist" in said:
            return NotThere(said, where=self._where, command=command)
        return AccessError(f"the API refuses it ({reply.status}): {said}", where=self._where, command=command)

    async def close(self) -> None:
        """Forget the login; safe to call twice."""
        self._login = {}
        self._threads.close()


def _shown(said: str) -> str:
    return cut_text(escape_controls(said.strip()), SAID)


def make_context() -> ssl.SSLContext:
    """TLS without any authority: the certificate is compared with the pinned one before a byte is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
