"""Operations done for visitors of the hub, each in a thread with a loop of its own: the hub goes on meanwhile."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from keepwell.app.hub.bus import Bus
from keepwell.app.hub.failing import describe_failure
from keepwell.app.hub.visitor import Visitor
from keepwell.app.operation import Caller, Operation
from keepwell.app.plain import document, error_document
from keepwell.app.rights import check_visit
from keepwell.core.clock import Clock
from keepwell.core.errors import AccessError, KeepwellError
from keepwell.core.text import cut_text, escape_controls

#: Operations at once, and those that wait beside them; more are refused.
AT_ONCE, WAITING = 4, 32
#: Those of one visitor who only reads: a page that asks too often keeps nobody else out.
OF_ONE = 12
#: Pieces of work that are kept after their end.
KEPT = 100
#: Lines told that are kept of each, and characters of one.
LINES, CHARACTERS = 200, 500
#: Seconds after which work that was told to end is told again.
STOP_SECONDS = 1.0
#: Seconds for all work to end when the hub does.
END_SECONDS = 5.0

Stage: TypeAlias = Literal["waiting", "running", "done", "failed", "stopped"]


@dataclass(slots=True, eq=False)
class Piece:
    """One operation that is done for somebody. `document` is its answer as JSON values, or its error's, at the end.

    Times are seconds since the epoch, 0 for none.
    """

    id: str
    operation: str
    visitor: Visitor
    asked_at: float
    stage: Stage = "waiting"
    text: str = ""
    done: int = 0
    total: int = 0
    ended_at: float = 0.0
    stopping: bool = False
    lines: list[str] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def describe(self) -> dict[str, Any]:
        """As plain values, without the answer."""
        return {
            "id": self.id,
            "operation": self.operation,
            "asked_by": self.visitor.name,
            "asked_at": self.asked_at,
            "stage": self.stage,
            "text": self.text,
            "done": self.done,
            "total": self.total,
            "ended_at": self.ended_at,
            "lines": self.lines[-20:],
        }


class Work:
    """`config` and `state` are those of the hub, `nodes` gives the names of this machine and of keepwell.toml's nodes.
    Each change of a piece is told on the bus as "work".
    """

    def __init__(
        self,
        *,
        state: Path,
        config: Path | None,
        bus: Bus,
        clock: Clock,
        nodes: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self._nodes = nodes
        self._state = state
        self._config = config
        self._bus = bus
        self._clock = clock
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="work")
        self._pieces: dict[str, Piece] = {}
        self._running: dict[str, tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, operation: Operation, arguments: Mapping[str, Any], visitor: Visitor, *, face: str) -> Piece:
        """Start it, with arguments that `take_arguments` made.

        Raises NotPermitted for what this visitor may not, ConfigurationError for what nobody may from afar (see
        `keepwell.app.rights`), AccessError where too much waits already.
        """
        check_visit(operation, arguments, may_change=visitor.may_change, nodes=self._nodes())
        waiting = [one for one in self._pieces.values() if one.stage in ("waiting", "running")]
        own = sum(one.visitor.name == visitor.name for one in waiting)
        if len(waiting) >= AT_ONCE + WAITING or (own >= OF_ONE and not visitor.may_change):
            raise AccessError("too much is being worked on already", hint="try again in a moment")
        piece = Piece(id=secrets.token_hex(6), operation=operation.name, visitor=visitor, asked_at=self._clock.now())
        self._pieces[piece.id] = piece
        self._forget()
        task = asyncio.create_task(self._follow(piece, operation, dict(arguments), face), name=f"work {piece.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return piece

    def find(self, name: str) -> Piece | None:
        """The piece of this id, while it is kept."""
        return self._pieces.get(name)

    def pieces(self) -> list[Piece]:
        """All that are kept, the newest first."""
        return list(reversed(self._pieces.values()))

    def stop(self, piece: Piece) -> None:
        """Ask it to end, as Ctrl-C does on the command line; one that is over stays as it is."""
        piece.stopping = True
        running = self._running.get(piece.id)
        if running is not None:
            loop, task = running
            loop.call_soon_threadsafe(task.cancel)
        elif piece.stage == "waiting":
            piece.stage = "stopped"

    async def close(self) -> None:
        """Stop all of it and wait for that."""
        for piece in self._pieces.values():
            self.stop(piece)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=END_SECONDS)
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _follow(self, piece: Piece, operation: Operation, arguments: dict[str, Any], face: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._pool, self._run, loop, piece, operation, arguments, face)
        finally:
            piece.ended_at = self._clock.now()
            self._tell(piece)
            piece.over.set()

    def _run(
        self,
        hub: asyncio.AbstractEventLoop,
        piece: Piece,
        operation: Operation,
        arguments: dict[str, Any],
        face: str,
    ) -> None:
        """In a thread: the operation whole, its end in `piece`."""
        if piece.stage == "stopped":
            return
        piece.stage = "running"
        caller = Caller(
            asked_by=_name_asker(piece.visitor, face),
            config=self._config,
            state=self._state,
            progress=_Progress(self, hub, piece),
            tell=_Lines(self, hub, piece),
            note=_Lines(self, hub, piece),
        )
        asyncio.run(self._do(piece, operation, caller, arguments))

    async def _do(self, piece: Piece, operation: Operation, caller: Caller, arguments: dict[str, Any]) -> None:
        task = asyncio.ensure_future(operation.function(caller, **arguments))
        self._running[piece.id] = asyncio.get_running_loop(), task
        while not task.done():
            if piece.stopping:  # before it began, or it has not listened
                task.cancel()
            await asyncio.wait((task,), timeout=STOP_SECONDS)
        del self._running[piece.id]
        if task.cancelled():
            piece.stage = "stopped"
            return
        error = task.exception()
        if error is None:
            piece.stage = "done"
            if task.result() is not None:
                piece.document = document(task.result())
        else:
            piece.stage, piece.document = "failed", error_document(_as_known(error))

    def _tell(self, piece: Piece) -> None:
        self._bus.tell("work", piece.describe(), self._clock.now())

    def _forget(self) -> None:
        over = [one.id for one in self._pieces.values() if one.over.is_set()]
        for name in over[: max(0, len(self._pieces) - KEPT)]:
            del self._pieces[name]


def _name_asker(visitor: Visitor, face: str) -> str:
    """What is written down of who asked: whose key it was, and by which face."""
    if not visitor.name:
        return face
    return f"{visitor.name} ({face})"


def _as_known(error: BaseException) -> KeepwellError:
    """A fault of keepwell's own must end as an answer, not as silence."""
    if isinstance(error, KeepwellError):
        return error
    return KeepwellError(describe_failure(error), hint="this is a fault of keepwell: tell its makers")


@dataclass(frozen=True, slots=True)
class _Progress:
    work: Work
    hub: asyncio.AbstractEventLoop
    piece: Piece

    def __call__(self, text: str, done: int, total: int) -> None:
        self.piece.text, self.piece.done, self.piece.total = cut_text(escape_controls(text), CHARACTERS), done, total
        self.hub.call_soon_threadsafe(self.work._tell, self.piece)


@dataclass(frozen=True, slots=True)
class _Lines:
    work: Work
    hub: asyncio.AbstractEventLoop
    piece: Piece

    def __call__(self, line: str) -> None:
        self.piece.lines.append(cut_text(escape_controls(line), CHARACTERS))
        del self.piece.lines[:-LINES]
        self.hub.call_soon_threadsafe(self.work._tell, self.piece)
