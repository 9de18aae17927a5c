"""The agent as an operation: set up, shown, printed as a unit, and run."""

from __future__ import annotations

import ipaddress
import json
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from keepwell.app.agent_identity import TOKEN, find_fingerprint, load_identity, make_identity
from keepwell.app.agent_process import Serving, become
from keepwell.app.agent_unit import render_unit
from keepwell.app.operation import Caller
from keepwell.app.wiring import find_state
from keepwell.core.clock import Clock
from keepwell.core.errors import ConfigurationError
from keepwell.telemetry.rounds import EVERY_SECONDS
from keepwell.transport.agent.server import make_context, open_listener
from keepwell.transport.agent.words import AGENT_PORT
from keepwell.transport.clock import SystemClock
from keepwell.transport.local import local_name

#: An address of the documentation network (RFC 5737): a datagram socket that is pointed there sends nothing, and
#: the system tells which of its addresses it would use.
NOWHERE = ("192.0.2.1", 9)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOptions:
    """How an agent is run: where it listens, whether it changes things, how often it samples while it is asked to."""

    listen: str = "127.0.0.1"
    port: int = AGENT_PORT
    allow_change: bool = False
    every_seconds: float = EVERY_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReport:
    """The answer of `agent --init`, `--show` and `--print-unit`.

    `entry` is what to paste into keepwell.toml on the machine that asks, `token_file` the file that holds the token
    here; `unit` is the text of a unit, and then the rest is empty.
    """

    entry: str = ""
    fingerprint: str = ""
    folder: str = ""
    token_file: str = ""
    unit: str = ""
    loopback: bool = False

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.agent/1"

    @property
    def exit_code(self) -> int:
        """Always 0: what cannot be done is an error."""
        return 0


def set_up_agent(caller: Caller, options: AgentOptions) -> AgentReport:
    """Make certificate and token; what to paste."""
    folder = _folder(caller)
    make_identity(folder, local_name(), _clock().now())
    return show_agent(caller, options)


def show_agent(caller: Caller, options: AgentOptions) -> AgentReport:
    """What to paste for the identity that is there; the token itself is not in it."""
    folder = _folder(caller)
    fingerprint = find_fingerprint(load_identity(folder))
    check_address(options.listen)
    return AgentReport(
        entry=render_entry(local_name(), find_address(options.listen), options.port, fingerprint),
        fingerprint=fingerprint,
        folder=str(folder),
        token_file=str(folder / TOKEN),
        loopback=ipaddress.ip_address(options.listen).is_loopback,
    )


def print_unit(options: AgentOptions) -> AgentReport:
    """The unit that runs the agent as it would run now."""
    check_address(options.listen)
    return AgentReport(unit=render_unit(start_command(sys.argv[0], options), changes=options.allow_change))


def run_agent(caller: Caller, options: AgentOptions) -> None:
    """Serve until Ctrl-C or SIGTERM, in a process that takes the place of this one. Raises NotThere (no identity),
    NotPermitted, AccessError (port, files) before that.
    """
    check_address(options.listen)
    folder = _folder(caller)
    make_context(load_identity(folder))
    listener = open_listener(options.listen, options.port)
    serving = Serving(
        folder=str(folder.absolute()),
        descriptor=listener.fileno(),
        changes=options.allow_change,
        every_seconds=options.every_seconds,
    )
    become(serving)


def check_address(listen: str) -> None:
    """ConfigurationError for what is no IP address: a name may mean another address tomorrow."""
    try:
        ipaddress.ip_address(listen)
    except ValueError as error:
        raise ConfigurationError(
            f"not an IP address to listen on: {listen!r}",
            where="--listen",
            hint="127.0.0.1 for this machine alone, 0.0.0.0 for all of its networks, or one of `ip -brief address`",
        ) from error


def start_command(program: str, options: AgentOptions) -> Sequence[str]:
    """The command that runs an agent like this one, for a unit."""
    argv = [str(Path(program).absolute())]
    if Path(program).name == "__main__.py":
        argv = [sys.executable, "-m", "keepwell"]
    argv += ["agent", "--listen", options.listen, "--port", str(options.port)]
    argv += ["--every", f"{options.every_seconds:g}"] * (options.every_seconds != EVERY_SECONDS)
    return (*argv, *("--allow-change",) * options.allow_change)


def render_entry(name: str, address: str, port: int, fingerprint: str) -> str:
    """The [[node]] entry for the machine that asks."""
    rows = {"name": name, "address": address, "reach": "agent"}
    lines = ["[[node]]", *(f"{key} = {_quote(text)}" for key, text in rows.items())]
    if port != AGENT_PORT:
        lines.append(f"port = {port}")
    lines.append(f"fingerprint = {_quote(fingerprint)}")
    lines.append(f"token = {{file = {_quote(f'/etc/keepwell/{name}.token')}}}")
    return "\n".join(lines) + "\n"


def _quote(text: str) -> str:
    """A text as TOML writes it: as JSON does, but that DEL is escaped and nothing beyond the first plane is halved."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def find_address(listen: str) -> str:
    """The address under which others reach an agent that listens here: that one, or the one of the way outside."""
    address = ipaddress.ip_address(listen)
    if not address.is_unspecified and not address.is_loopback:
        return listen
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.connect(NOWHERE)
            return str(one.getsockname()[0])
    except OSError:
        return listen


def _folder(caller: Caller) -> Path:
    return find_state(caller) / "agent"


def _clock() -> Clock:
    return SystemClock()
