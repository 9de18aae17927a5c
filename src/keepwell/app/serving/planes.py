"""Keeps a data plane running: owns the sockets that it serves, starts it, starts it again, and hands over to the next.

The sockets stay open whatever becomes of the processes: while none serves, clients wait instead of being refused.
A restart replaces this process itself (the same number, new code), which starts a plane of its own and then lets the
one before it finish.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from keepwell.app.serving.doors import ask_planes, find_serving, require_serving
from keepwell.app.serving.listening import Listening, take_handed
from keepwell.core.errors import ConfigurationError, KeepwellError, Unreachable
from keepwell.gateway.door import load_plates, remove_plate, sweep_plates
from keepwell.gateway.serve import GO, HELD
from keepwell.transport.base import Transport

#: Seconds before a plane that ended is started again: at first, and at most; all is well after so many.
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, WELL_SECONDS = 0.05, 5.0, 10.0
#: Seconds for a plane to begin to serve, and between two looks whether it does.
START_SECONDS, LOOK_SECONDS = 60.0, 0.02
#: Seconds between two questions to the planes of another process.
ASK_SECONDS = 0.1
#: Seconds for what runs to end when the gateway is stopped, and then for the process to leave.
GRACE_SECONDS, LEAVE_SECONDS = 60.0, 5.0
#: Seconds to see whether the code that is there now can be run at all.
TRIAL_SECONDS = 20.0
#: Seconds between two looks at planes that finish.
REAP_SECONDS = 1.0

Order = Literal["", "end", "restart"]
Stage = Literal["ready", "restart", "end"]


class Planes:
    """The sockets, and the processes that serve them."""

    def __init__(self, state: Path, transport: Transport, tell: Callable[[str], None]) -> None:
        self._state = state
        self._transport = transport
        self._tell = tell
        self._plane: Process | None = None
        self._earlier: set[int] = set()
        self._order: Order = ""
        self._ordered = asyncio.Event()
        self._terminal = os.isatty(0)
        #: True if this process replaces one whose plane still serves.
        self.handed = False
        #: Told when clients are served, when this process is about to start again, and when it is to end.
        self.announce: Callable[[Stage], None] = _say_nothing
        #: What clients connect to.
        self.listening = Listening({})
        self._more = asyncio.Event()
        self._held: tuple[Process, socket.socket] | None = None

    async def open(self, addresses: Sequence[tuple[str, int]], *, patient: bool = False) -> None:
        """Listen on these, with the sockets of the process that this one replaces where there are any.

        Raises ConfigurationError where another gateway of the same state folder runs, or an address is not free; a
        `patient` one, and one that serves other addresses already, has it taken later.
        """
        handed = take_handed()
        self.handed = bool(handed)
        if handed:
            self._take_orders()
        sweep_plates(self._state)
        serving = find_serving(await ask_planes(self._state, self._transport))
        if serving is not None and not handed and not serving.plane.alone:
            raise ConfigurationError(
                f"a gateway runs already, process {serving.plane.keeper}",
                where=", ".join(serving.plane.listening),
                hint="keepwell gateway --restart lets it start again without cutting a stream",
            )
        self.listening = Listening(handed)
        self.listening.open(addresses, shared=serving is not None, patient=patient or self.handed)

    async def serve(self, check: Callable[[], None]) -> Order:
        """Keep one plane running until told to end or to restart; `check` raises KeepwellError where a restart would
        not come back. Raises Unreachable where none can be started.
        """
        self._take_orders()
        loop = asyncio.get_running_loop()
        keeping, reaping = loop.create_task(self._keep()), loop.create_task(self._reap())
        taking = loop.create_task(self._take_later())
        try:
            while self._order != "end":
                ordered = loop.create_task(self._ordered.wait())
                await asyncio.wait((keeping, ordered), return_when=asyncio.FIRST_COMPLETED)
                ordered.cancel()
                if keeping.done():
                    keeping.result()
                self._ordered.clear()
                if self._order == "restart" and await self._may_restart(check) and self._is_ordered("restart"):
                    return "restart"
        finally:
            keeping.cancel()
            reaping.cancel()
            taking.cancel()
            if self._order != "restart":
                await self._end()
        return "end"

    def start_again(self) -> None:
        """Become the program as it is now; the sockets stay open and the plane runs on. Does not return."""
        self.listening.hand_on()
        for number in (signal.SIGHUP, signal.SIGUSR2):
            signal.signal(number, signal.SIG_IGN)  # until the new one listens to them
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])

    def _take_orders(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, partial(self._told, "end"))
        for number in (signal.SIGHUP, signal.SIGUSR2):
            loop.add_signal_handler(number, partial(self._told, "restart"))

    def _is_ordered(self, order: Order) -> bool:
        return self._order == order

    def _told(self, order: Order) -> None:
        """A signal. A terminal that was closed says HUP too: that is an end. A second end does not wait."""
        if self._order == "end":
            self._terminate()
            return
        self._order = order
        if self._terminal and not os.isatty(0):
            self._order = "end"
        if self._order == "end":
            self.announce("end")
        self._ordered.set()

    async def _may_restart(self, check: Callable[[], None]) -> bool:
        try:
            check()
            await _try_program()
        except KeepwellError as error:
            self._tell(f"not restarted, all goes on as before: {error}")
            if self._order == "restart":
                self._order = ""
            return False
        self._tell("starts again")
        self.announce("restart")
        return True

    async def _keep(self) -> None:
        pause = PAUSE_SECONDS
        loop = asyncio.get_running_loop()
        served = False
        while True:
            began = loop.time()
            self._plane = plane = await self._start()
            if await self._is_ready(plane):
                served = True
                self.announce("ready")
                await self._retire_others(plane.pid)
            code = await self._outlast(plane)
            if code is None:
                continue
            remove_plate(self._state, plane.pid)
            if not served:
                raise Unreachable(
                    "the gateway cannot be started", where=", ".join(self.listening.sockets), hint="see above"
                )
            if loop.time() - began > WELL_SECONDS:
                pause = PAUSE_SECONDS
            self._tell(f"the data plane ended ({describe_end(code)}) and is started again")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _outlast(self, plane: Process) -> int | None:
        """The code with which it ended; None while it lives, and the next one is to have more addresses."""
        more, ended = asyncio.ensure_future(self._more.wait()), asyncio.ensure_future(plane.wait())
        try:
            await asyncio.wait((more, ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            more.cancel()
            ended.cancel()
        self._more.clear()
        return plane.returncode

    async def _take_later(self) -> None:
        """Addresses that were not free when the others began to be served; a plane that has them takes over."""
        if self.listening.missing:
            self._tell(f"another program holds {self.listening.words}: served as soon as it leaves")
            await self.prepare()
            await self.listening.take(math.inf)
            self._more.set()

    async def prepare(self) -> None:
        """Start a plane that is ready to serve all addresses as soon as they are free: starting takes half a second on
        a machine that is not busy, and clients would wait for that.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            process = await self._run(self.listening.descriptors, f"{HELD}{theirs.fileno()}", theirs.fileno())
        ours.setblocking(False)
        self._held = process, ours
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(START_SECONDS):
                await asyncio.get_running_loop().sock_recv(ours, 1)

    async def _start(self) -> Process:
        """A new plane, or the one that is held, once every address of it is ours."""
        if self._held is not None and not self.listening.missing:
            process, line = self._held
            self._held = None
            with line, contextlib.suppress(OSError):
                line.send(GO)
                return process
        return await self._run([one.fileno() for one in self.listening.sockets.values()])

    async def _run(self, descriptors: Sequence[int], held: str = "", line: int = -1) -> Process:
        argv = [sys.executable, "-P", "-m", "keepwell.gateway.serve", str(self._state), *map(str, descriptors)]
        passed = [*descriptors, *[line] * bool(held)]
        # a group of its own: Ctrl-C is for this process, which then lets the plane finish
        return await asyncio.create_subprocess_exec(
            *argv, *[held] * bool(held), stdin=DEVNULL, pass_fds=passed, process_group=0
        )

    async def _is_ready(self, plane: Process) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                while plane.returncode is None:
                    if any(one.pid == plane.pid for one in load_plates(self._state)):
                        return True
                    await asyncio.sleep(LOOK_SECONDS)
        if plane.returncode is None:
            plane.kill()
        return False

    async def _retire_others(self, pid: int) -> None:
        """Planes from before take no new connection from now on, and end with their last stream."""
        for one in await ask_planes(self._state, self._transport):
            if one.plane.pid != pid:
                self._earlier.add(one.plane.pid)
                if not one.plane.finishing:
                    _signal(one.plane.pid, signal.SIGHUP)

    async def _reap(self) -> None:
        """Planes from before are children of this process too, as it was before it started again."""
        while True:
            await asyncio.sleep(REAP_SECONDS)
            for pid in list(self._earlier):
                with contextlib.suppress(ChildProcessError):
                    if os.waitpid(pid, os.WNOHANG) == (0, 0):
                        continue
                if not any(one.pid == pid for one in load_plates(self._state)):
                    self._earlier.discard(pid)

    async def _end(self) -> None:
        """Let what runs finish, for a while; then it is ended with an error that its clients see."""
        self.listening.close()
        if self._held is not None:
            self._held[1].close()  # it ends by that
        for pid in self._earlier:
            _signal(pid, signal.SIGTERM)
        plane = self._plane
        for seconds in (GRACE_SECONDS, LEAVE_SECONDS):
            self._terminate()
            if plane is not None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await plane.wait()

    def _terminate(self) -> None:
        if self._plane is not None and self._plane.returncode is None:
            _signal(self._plane.pid, signal.SIGTERM)


def _say_nothing(_: Stage) -> None:
    """Nobody wants to know."""


async def ask_restart(state: Path, transport: Transport) -> tuple[int, int]:
    """Let the gateway that runs start again; its planes before and after. Raises Unreachable if none does."""
    before = await require_serving(state, transport)
    if before.plane.alone:
        raise Unreachable("no gateway runs here", hint="start one: keepwell gateway")
    os.kill(before.plane.keeper, signal.SIGUSR2)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2 * START_SECONDS):
            while True:
                after = find_serving(await ask_planes(state, transport))
                if after is not None and after.plane.pid != before.plane.pid:
                    return before.plane.pid, after.plane.pid
                await asyncio.sleep(ASK_SECONDS)
    raise Unreachable("it did not start again, the old one goes on", hint="what it says stands where it was started")


async def _try_program() -> None:
    """Raises Unreachable where the program as it is now cannot even tell its help."""
    argv = [sys.executable, "-c", "import keepwell.app.serving.gatekeeping, keepwell.gateway.serve"]
    trial = await asyncio.create_subprocess_exec(*argv, stdin=DEVNULL, stdout=DEVNULL)
    code = -1
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(TRIAL_SECONDS):
            code = await trial.wait()
    if trial.returncode is None:
        trial.kill()
    if code:
        raise Unreachable("the program as it is installed now does not run", hint="see above")


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def describe_end(code: int) -> str:
    """How a process ended: its exit code, or the signal that killed it."""
    if code < 0:
        return f"signal {-code}"
    return f"exit code {code}"
