#!/usr/bin/env python3
"""How long N nodes over SSH take: python benchmarks/nodes.py [--nodes 30] [--level 2]

Starts a real SSH server for each node on loopback, surveys all at the same time in this process, and prints wall
seconds and the processor seconds of both sides. All nodes are this one machine, so the work of the far ends, which
is each node's own in earnest, is done here too; as root each has its own table of processes, as a real node has.
`--delay` adds a way there and back.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import logging
import os
import pstats
import resource
import sys
import tempfile
import time
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

from keepwell.config.model import NodeEntry
from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing
from keepwell.survey.survey import survey
from keepwell.testing.relay import relay_to
from keepwell.testing.sshd import Sshd, run_sshd
from keepwell.transport.clock import SystemClock
from keepwell.transport.ssh.way import open_ssh


def main() -> int:
    """Measure once and print."""
    options = parse_options()
    logging.getLogger("asyncssh").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as servers:
        apart = os.geteuid() == 0
        started = [
            servers.enter_context(run_sshd(Path(folder) / str(number), apart=apart)) for number in range(options.nodes)
        ]
        profile = cProfile.Profile()
        processor, wall = time.process_time(), time.perf_counter()
        if options.profile:
            profile.enable()
        lines = asyncio.run(survey_all(started, options))
        profile.disable()
        processor, wall = time.process_time() - processor, time.perf_counter() - wall
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print("\n".join(lines))
    print(f"{options.nodes} nodes at level {options.level}: {wall:.2f} s")
    print(f"processor here {processor:.2f} s, far ends and servers {used.ru_utime + used.ru_stime:.2f} s")
    if options.profile:
        pstats.Stats(profile, stream=sys.stdout).sort_stats("tottime").print_stats(45)
    return 0


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nodes", type=int, default=30)
    parser.add_argument("--level", type=int, default=2)
    parser.add_argument("--at-once", type=int, default=6, help="nodes that are looked at side by side")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds added in each direction")
    parser.add_argument("--profile", action="store_true")
    return parser.parse_args()


async def survey_all(servers: list[Sshd], options: argparse.Namespace) -> list[str]:
    """Survey every node at the same time; a line for each."""
    gate = asyncio.Semaphore(options.at_once)
    async with AsyncExitStack() as relays:
        tasks = []
        for number, server in enumerate(servers):
            port = 0
            if options.delay:
                relay = await relays.enter_async_context(relay_to(server.port))
                relay.delay_seconds = options.delay
                port = relay.port
            node = server.node(f"node{number:02}", port=port)
            tasks.append(asyncio.create_task(survey_gated(gate, node, options.level)))
        return list(await asyncio.gather(*tasks))


async def survey_gated(gate: asyncio.Semaphore, node: NodeEntry, level: int) -> str:
    """Survey one node when its turn has come."""
    async with gate:
        return await survey_one(node, level)


async def survey_one(node: NodeEntry, level: int) -> str:
    """Survey one node."""
    began = time.perf_counter()
    try:
        transport = await open_ssh(node)
    except AccessError as error:
        return f"{node.name}: {error}"
    opened = time.perf_counter() - began
    try:
        result = await survey(transport, SystemClock(), level=level)
    finally:
        await transport.close()
    values = [one.value for one in result.seen]
    late = sum(isinstance(value, Missing) and "within" in value.reason for value in values)
    total = time.perf_counter() - began
    return f"{node.name}: open {opened:.2f} s, whole {total:.2f} s, {len(values)} observations, {late} too late"


if __name__ == "__main__":
    raise SystemExit(main())
