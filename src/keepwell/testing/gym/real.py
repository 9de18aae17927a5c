"""Worlds of real engine processes: a machine of its own, a healthy server in it, keepwell run there as a process."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from keepwell.testing.gym.carrying import carry_out
from keepwell.testing.gym.fault import CannotMend, CannotOpen, Named, Tools, Verdict, Way, WorldMaker
from keepwell.testing.real_engines import LlamaServer, Ollama, Server, give_to_nobody, make_llama_server, make_ollama
from keepwell.testing.tiny_model import TinyModel, write_tiny_model
from keepwell.testing.waiting import ASK_SECONDS, eventually
from keepwell.testing.world import NoWorld, World, make_folder, make_world

#: Seconds that a server has to answer after a fix; it loads a tiny model in well under one.
SERVE_SECONDS = 20.0
#: Seconds for one keepwell: a look of level 4 at a busy machine takes one minute.
KEEPWELL_SECONDS = 240.0
#: Characters of what keepwell said that are shown when it gave no answer.
SAID = 500
BAD = ("warning", "critical")
Result = TypeVar("Result")


async def in_thread(work: Callable[..., Result], *args: object) -> Result:
    """Do blocking work beside the loop; whoever is cancelled waits until it has ended, so that nothing is left."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *args))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise


@dataclass(slots=True)
class RealWorld:
    """A machine with one server that serves.

    `options` are words for `keepwell diagnose` (a level, say), `shell` the variables of the shell that keepwell is
    started from. `answers` is the path that tells whether the server serves after a fix, "" where that is no
    question. `planned` is the plan that was applied, for its undo. `afterwards` is done when the machine is
    gone. `exit_code` is that of the last keepwell, `mending` is true once a fix was begun.
    """

    place: World
    server: Server
    model: Path
    tools: Tools
    options: list[str] = field(default_factory=list)
    shell: dict[str, str] = field(default_factory=dict)
    answers: str = "/v1/models"
    planned: dict[str, Any] = field(default_factory=dict)
    afterwards: list[Callable[[], None]] = field(default_factory=list)
    exit_code: int = 0
    mending: bool = False

    @property
    def ollama(self) -> Ollama:
        """The server of a world with an Ollama."""
        assert isinstance(self.server, Ollama)
        return self.server

    @property
    def llama(self) -> LlamaServer:
        """The server of a world with a llama-server."""
        assert isinstance(self.server, LlamaServer)
        return self.server

    async def look(self) -> Verdict:
        """`keepwell diagnose` as a process in the world; one that fails before the fix names nothing, after it counts
        as a way not gone.
        """
        try:
            return await in_thread(self.diagnose)
        except CannotMend:
            if self.mending:
                raise
            return Verdict(causes=(), exit_code=self.exit_code)

    async def mend(self, verdict: Verdict, way: Way, blanks: Mapping[str, str]) -> None:
        """Carry out the first cause's plan or its printed commands, and wait until the server serves.

        In `blanks`, {model} is the path of a whole copy of the model's file and {root} the world's folder.
        """
        self.mending = True
        if way == "step":
            await in_thread(self._apply, verdict)
        else:
            await in_thread(self._carry_out, verdict, blanks)

    async def undo(self) -> None:
        """`keepwell undo`; the check that asked for the plan must be bad again after it."""
        await in_thread(self._undo)

    async def collect(self, path: Path) -> None:
        """`keepwell collect --out PATH`: what a look like the last one reads, as a bundle."""
        await in_thread(self.keepwell, "collect", "--out", str(path))

    def diagnose(self, *more: str) -> Verdict:
        """One look, with what this world asks of it."""
        began = time.monotonic()
        answer = self.keepwell("diagnose", *self.options, *more)
        seconds = time.monotonic() - began
        rows = answer["findings"]
        bad = frozenset(one["check"] for one in rows if one["status"] in BAD)
        return Verdict(
            causes=_named(answer["hypotheses"]),
            also=_named(answer["also"]),
            bad=bad,
            exit_code=self.exit_code,
            seconds=seconds,
            answer=answer,
        )

    def keepwell(self, *words: str) -> dict[str, Any]:
        """What `keepwell WORDS --json` answers here."""
        config = [f"--config={self.place.root}/keepwell.toml"] * (self.place.root / "keepwell.toml").exists()
        argv = [*self.tools.keepwell, *words, "--json", *config]
        try:
            ran = self.place.run(argv, env=self.shell, seconds=KEEPWELL_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise CannotMend(f"keepwell {' '.join(words)} took longer than {KEEPWELL_SECONDS:g} s") from error
        self.exit_code = ran.returncode
        if not ran.stdout.startswith("{"):
            raise CannotMend(f"keepwell {' '.join(words)} said: {(ran.stderr or ran.stdout)[-SAID:]}")
        answer: dict[str, Any] = json.loads(ran.stdout)
        return answer

    def configure(self, text: str) -> None:
        """Write keepwell.toml."""
        (self.place.root / "keepwell.toml").write_text(text)

    def restart(self, *, more: Sequence[str] = (), env: Mapping[str, str] | None = None, until: str = "") -> None:
        """End the server and start it with more words and variables; wait until it serves or has ended."""
        self.server.kill("TERM")
        self.server.argv += more
        self.server.environment |= env or {}
        self.server.start(**{"until": until} if until else {})

    def prepare(self, *argv: str) -> None:
        """Run a command that a fault is made of. Raises CannotOpen where this machine does not allow it."""
        ran = self.place.run(argv)
        if ran.returncode:
            raise CannotOpen(f"{' '.join(argv[:4])}: {(ran.stderr or ran.stdout).strip()[-SAID:]}")

    def serves(self, path: str = "") -> bool:
        """Whether the server answers where it should."""
        return self.server.get(path or self.answers).status == 200

    def _apply(self, verdict: Verdict) -> None:
        cause = verdict.causes[0].issue
        planned = self.keepwell("plan", cause)["planned"]
        if not planned:
            raise CannotMend(f"keepwell plan {cause} makes no plan")
        self.planned = planned[0]
        outcome = self.keepwell("apply", self.planned["id"])["outcome"]
        if outcome["state"] != "well":
            raise CannotMend(f"keepwell apply: {outcome['state']}: {outcome['detail']}")
        self._wait()

    def _carry_out(self, verdict: Verdict, blanks: Mapping[str, str]) -> None:
        answer = verdict.answer
        assert isinstance(answer, dict)
        known = {name: value.format(model=self.model, root=self.place.root) for name, value in blanks.items()}
        self.shell |= carry_out(self.place, answer, known, env=self.shell).shell
        self._wait()

    def _wait(self) -> None:
        if not self.answers:
            return
        try:
            eventually(self.serves, SERVE_SECONDS, f"an answer of {self.server.url}{self.answers}", pause=ASK_SECONDS)
        except AssertionError as error:
            raise CannotMend(f"{error}") from error

    def _undo(self) -> None:
        outcome = self.keepwell("undo", self.planned["id"])["outcome"]
        if outcome["state"] != "undone":
            raise CannotMend(f"keepwell undo: {outcome['state']}: {outcome['detail']}")
        check = self.planned["plan"]["check"]
        try:
            eventually(partial(self._bad_again, check), SERVE_SECONDS, f"{check} to be bad again after the undo")
        except AssertionError as error:
            raise CannotMend(str(error)) from error

    def _bad_again(self, check: str) -> bool:
        return check in self.diagnose().bad


def by_hand(work: Callable[[RealWorld], None]) -> Callable[[RealWorld], Awaitable[None]]:
    """Blocking work on a world as a fault wants it; what does not come about in time is no fault of keepwell's."""

    async def do(world: RealWorld) -> None:
        try:
            await in_thread(work, world)
        except (AssertionError, NoWorld, OSError, subprocess.TimeoutExpired) as error:
            raise CannotOpen(f"the fault did not come about: {error}") from error

    return do


def _make_ollama_world(stack: ExitStack, tools: Tools, *, nobodys: bool = False) -> RealWorld:
    place, model = _make_place(stack, tools)
    server = make_ollama(place)
    if nobodys:
        give_to_nobody(server)
    server.start()
    if server.create(model).status != 200:
        raise NoWorld(f"Ollama did not take the model: {server.log.read_text(errors='replace')[-SAID:]}")
    return RealWorld(place, server, model, tools)


def _make_llama_world(stack: ExitStack, tools: Tools) -> RealWorld:
    place, model = _make_place(stack, tools)
    server = make_llama_server(place, model)
    server.start()
    if server.get("/health").status != 200:
        raise NoWorld(f"llama-server does not serve: {server.log.read_text(errors='replace')[-SAID:]}")
    return RealWorld(place, server, model, tools)


def _make_place(stack: ExitStack, tools: Tools) -> tuple[World, Path]:
    try:
        model = write_tiny_model(tools.folder / "alpha.gguf", TinyModel(tag="alpha"))
    except ImportError as error:
        raise NoWorld(f"a model cannot be made: {error}; install keepwell with its demo extra") from error
    root = stack.enter_context(make_folder())
    return stack.enter_context(make_world(root, tools.cache)), model


@asynccontextmanager
async def _open(make: Callable[[ExitStack, Tools], RealWorld], tools: Tools) -> AsyncIterator[RealWorld]:
    afterwards: list[Callable[[], None]] = []
    try:
        with ExitStack() as stack:
            try:
                world = await in_thread(make, stack, tools)
            except (NoWorld, OSError, AssertionError) as error:
                raise CannotOpen(str(error)) from error
            world.afterwards = afterwards
            yield world
    finally:
        for work in afterwards:
            work()


def _named(rows: Sequence[Mapping[str, Any]]) -> tuple[Named, ...]:
    return tuple(Named(issue=str(one["issue"]), confidence=float(one["confidence"])) for one in rows)


OLLAMA: WorldMaker[RealWorld] = WorldMaker(
    name="ollama",
    kind="real",
    say="a real Ollama with a model in its store, on a machine of its own",
    open=partial(_open, _make_ollama_world),
)
NOBODYS_OLLAMA: WorldMaker[RealWorld] = WorldMaker(
    name="ollama of an ordinary user",
    kind="real",
    say="a real Ollama that runs as an ordinary user, on a machine of its own",
    open=partial(_open, partial(_make_ollama_world, nobodys=True)),
)
LLAMA: WorldMaker[RealWorld] = WorldMaker(
    name="llama-server",
    kind="real",
    say="a real llama-server with a model, on a machine of its own",
    open=partial(_open, _make_llama_world),
)
