"""The agent's own process: as little of keepwell as serving takes, in the place of the command line that started it.

An agent runs all the time on machines that have other work: what reads a command line and shows answers takes 20 MB,
and is let go of before the first caller comes. The process stays the same, so that whoever supervises it notices
nothing; the listening socket is handed on, so that what can go wrong has gone wrong before.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

from keepwell.app.agent_identity import load_identity
from keepwell.core.words import clean
from keepwell.telemetry.desk import SampleDesk
from keepwell.telemetry.rounds import Plan
from keepwell.telemetry.sampling import load_collectors
from keepwell.transport.agent.server import AgentServer
from keepwell.transport.clock import SystemClock
from keepwell.transport.local import local_name

#: What a terminal needs after a moving bar that nobody ends: the line emptied, and its cursor.
SHOWN_AGAIN = "\r\x1b[K\x1b[?25h"
#: Characters of a line for the log.
LINE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What an agent's process is told: the folder with its identity, the descriptor that it listens on, whether it
    changes things, and seconds between two samples.
    """

    folder: str
    descriptor: int
    changes: bool
    every_seconds: float


def become(serving: Serving) -> NoReturn:
    """Put the agent's process in the place of this one. OSError where the system refuses."""
    os.set_inheritable(serving.descriptor, True)
    sys.stdout.flush()
    if sys.stderr.isatty():
        sys.stderr.write(SHOWN_AGAIN)
    sys.stderr.flush()
    told = json.dumps(asdict(serving))
    # -P: modules are looked for where this keepwell lies, never in the folder that somebody happens to stand in.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "keepwell.app.agent_process", told])


def main() -> None:
    """Serve until Ctrl-C or SIGTERM, as the one argument says."""
    serving = Serving(**json.loads(sys.argv[1]))
    asyncio.run(serve(serving, tell))


async def serve(serving: Serving, tell: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM. Raises AccessError for an identity that cannot be used."""
    identity = load_identity(Path(serving.folder))
    desk = SampleDesk(partial(_plan, serving, tell), SystemClock())
    server = AgentServer(identity, changes=serving.changes, tell=tell, calls={"samples": desk.answer})
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    listener = socket.socket(fileno=serving.descriptor)
    listener.setblocking(False)
    host = str(listener.getsockname()[0])
    try:
        async with server.serve(listener) as port:
            kind = {True: "it changes things for who asks", False: "it only looks"}[serving.changes]
            tell(f"keepwell agent listens on {shown_address(host, port)}; {kind}. Ctrl-C ends it.")
            await stop.wait()
    finally:
        desk.close()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
    tell("keepwell agent has ended.")


def tell(line: str) -> None:
    """A line for the log, made harmless."""
    sys.stdout.write(clean(line, LINE) + "\n")
    sys.stdout.flush()


def shown_address(host: str, port: int) -> str:
    """Address and port as a person writes them."""
    if ":" in host:
        return f"[{host}]:{port}"
    return f"{host}:{port}"


def _plan(serving: Serving, tell: Callable[[str], None]) -> Plan:
    """What is sampled, once somebody asks. The name is this machine's own; who asks puts theirs in its place."""
    return Plan(
        node=local_name(),
        collectors=load_collectors(here=True),
        tell=tell,
        every_seconds=serving.every_seconds,
    )


if __name__ == "__main__":
    main()
