"""A node through its agent: TLS to the one certificate that is pinned, a token, and then a far end."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ssl
from typing import Protocol

from keepwell.core.errors import AccessError, NotPermitted, TimedOut, Unreachable
from keepwell.core.text import cut_text, escape_controls
from keepwell.transport.agent.words import AGENT_PORT, LINE_BYTES, VERSION, Hello, parse_hello, render_hello
from keepwell.transport.failures import access_error
from keepwell.transport.far.client import FarTransport
from keepwell.transport.talk import Line, Talk

#: Seconds to connect and shake hands: a sleeping disk or a busy small machine takes some.
CONNECT_SECONDS = 10.0
#: Seconds for the agent's first line; a wrong token is answered late on purpose.
ANSWER_SECONDS = 10.0
#: The name that is asked for in the handshake; agents pass it over, and it tells nobody which machine is meant.
SERVER_NAME = "keepwell-agent"
#: How to see an agent on its machine.
LOOK = "systemctl status keepwell-agent"


class AgentNode(Protocol):
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
        """The agent's port, 0 for the usual one."""
        ...

    @property
    def fingerprint(self) -> str:
        """SHA-256 of its certificate, hex."""
        ...


async def open_agent(node: AgentNode, token: str) -> FarTransport:
    """`Hands` on a node through its agent, known to answer. An agent that was started for looking refuses changes.

    Raises NotPermitted (another certificate, a wrong token), Unreachable (nobody there, no agent, another version),
    TimedOut; each with what to do next.
    """
    if not node.fingerprint:
        raise NotPermitted(
            "no fingerprint is pinned for this node's agent",
            where=f"node:{node.name}",
            hint="`keepwell agent --show` on that machine prints the entry with `fingerprint`",
        )
    if not token or not token.isascii() or any(one.isspace() for one in token):
        raise NotPermitted(
            "no usable token is given for this node's agent",
            where=f"node:{node.name}",
            hint='token = {file = "/path"} with the file that `keepwell agent --init` made there',
        )
    transport = FarTransport(node.name, AgentDialler(node, token).dial)
    try:
        await transport.open()
    except AccessError:
        await transport.close()
        raise
    return transport


class AgentDialler:
    """Opens lines to one agent."""

    def __init__(self, node: AgentNode, token: str) -> None:
        self._node = node
        self._token = token
        self._where = f"{node.address}:{node.port or AGENT_PORT}"

    async def dial(self, talk: Talk) -> Line:
        """A line whose other side has shown the pinned certificate and taken the token."""
        line = _AgentLine(talk, self._where)
        await self._connect(line)
        self._check_certificate(line)
        line.send(render_hello(self._token))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                said = await line.first
        except TimeoutError:
            line.close()
            raise TimedOut(
                f"the certificate is right, and no agent spoke within {ANSWER_SECONDS:g} s",
                where=self._where,
                hint=LOOK,
            ) from None
        self._check_answer(line, said)
        return line

    async def _connect(self, line: _AgentLine) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await loop.create_connection(
                    line.itself,
                    self._node.address,
                    self._node.port or AGENT_PORT,
                    ssl=_context(),
                    server_hostname=SERVER_NAME,
                    ssl_handshake_timeout=CONNECT_SECONDS,
                )
        except TimeoutError:
            raise TimedOut(f"no connection within {CONNECT_SECONDS:g} s", where=self._where, hint=LOOK) from None
        except ssl.SSLError as error:
            reason = (error.reason or str(error)).lower().replace("_", " ")
            raise Unreachable(
                f"what answers there does not speak TLS 1.3, so it is no keepwell agent ({reason})",
                where=self._where,
                hint=f"is the port right? An agent's usual one is {AGENT_PORT}",
            ) from error
        except (UnicodeError, OverflowError) as error:
            raise Unreachable(f"not a usable address ({error})", where=self._where) from error
        except OSError as error:
            found = access_error(error, where=self._where, otherwise=Unreachable)
            raise type(found)(
                found.what, where=self._where, hint=f"does the agent run there, and on this address? {LOOK}"
            ) from error

    def _check_certificate(self, line: _AgentLine) -> None:
        shown = line.fingerprint()
        if hmac.compare_digest(shown.encode(), self._node.fingerprint.encode()):
            return
        line.close()
        raise NotPermitted(
            f"another certificate than the pinned one: pinned {self._node.fingerprint}, shown {shown}",
            where=self._where,
            hint="if the agent was set up anew, compare with `keepwell agent --show` on that machine and put its "
            "fingerprint into keepwell.toml; if not, somebody else answers there. No token was sent",
        )

    def _check_answer(self, line: _AgentLine, said: bytes) -> None:
        hello = parse_hello(said)
        if hello is not None and hello.version == VERSION and hello.words == ("ok",):
            return
        line.close()
        raise self._refusal(hello, said)

    def _refusal(self, hello: Hello | None, said: bytes) -> AccessError:
        if hello is None:
            words = cut_text(escape_controls(said.decode("utf-8", "replace").strip()), 80)
            told = "it hung up" * (not words) or f"it said: {words}"
            return Unreachable(
                f"TLS answers with the pinned certificate, and it is no keepwell agent; {told}",
                where=self._where,
                hint=LOOK,
            )
        if hello.version != VERSION or hello.words == ("no", "version"):
            return Unreachable(
                f"the agent there speaks version {hello.version} of its protocol, this keepwell speaks {VERSION}",
                where=self._where,
                hint="put the same release of keepwell on both machines",
            )
        if hello.words == ("no", "busy"):
            return NotPermitted(
                "the agent does not listen to this machine for a minute, because it showed too many wrong tokens",
                where=self._where,
                hint=f"put the right token into the file that node {self._node.name} names, and wait a minute",
            )
        return NotPermitted(
            "the agent refuses the token",
            where=self._where,
            hint="the file that `token` names must hold what stands in the agent's token file on that machine "
            "(`keepwell agent --show` there prints its path)",
        )


class _AgentLine(asyncio.Protocol):
    """The connection. Until the agent's first line has come it is kept here; what follows goes to the conversation."""

    def __init__(self, talk: Talk, where: str) -> None:
        self.first: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._talk = talk
        self._where = where
        self._kept = b""
        self._transport: asyncio.Transport | None = None

    def itself(self) -> _AgentLine:
        """As the event loop wants a protocol: from a call."""
        return self

    def fingerprint(self) -> str:
        """SHA-256 of the certificate that was shown, hex."""
        assert self._transport is not None
        certificate = self._transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return hashlib.sha256(certificate or b"").hexdigest()

    def send(self, data: bytes) -> None:
        """Send it some time soon."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Let go of it."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is done."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self.first.done():
            self._talk.received(data)
            return
        self._kept += data
        line, feed, rest = self._kept.partition(b"\n")
        if feed or len(line) > LINE_BYTES:
            self.first.set_result(line[:LINE_BYTES])
            if rest:
                self._talk.received(rest)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if not self.first.done():
            self.first.set_result(self._kept[:LINE_BYTES])
        words = "it was closed there"
        if exc is not None:
            words = str(exc) or type(exc).__name__
        self._talk.lost(Unreachable(f"the connection to the agent was lost ({words})", where=self._where))


def _context() -> ssl.SSLContext:
    """TLS 1.3 without any authority: the certificate is compared with the pinned one before a byte is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
