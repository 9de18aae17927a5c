"""A made machine as a world of the gym: faults change its state, and printed commands are understood by their words."""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from keepwell.core.hypothesis import AdvisedFix
from keepwell.testing.fake_gpu.node import clock_of_made_nodes
from keepwell.testing.gym.fault import CannotMend, Fault, Looked, Tools, Verdict, Way, WorldMaker
from keepwell.testing.gym.made.node import MadeNode
from keepwell.testing.gym.made.profiles import NODE, PROFILES, Profile
from keepwell.testing.gym.made.state import MadeState

Change = Callable[[MadeState], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Injected:
    """A change of the machine, and the words (a regular expression) of the command that takes it away."""

    change: Change
    cure: str


class MadeWorld:
    """One made machine. `state` is what it is now; `node` the transport to it as it was last looked at."""

    def __init__(self, profile: Profile, tools: Tools) -> None:
        self._profile = profile
        self._tools = tools
        self._injected: list[Injected] = []
        self.state = self._healthy()
        self.node = MadeNode(self.state, NODE)

    async def look(self) -> Verdict:
        """Survey and diagnosis of the machine as it is now."""
        return await self._tools.look(self.node, clock_of_made_nodes(), self._profile.expect(), self._tools)

    def inject(self, change: Change, cure: str = "") -> None:
        """From now on the machine is changed so, until a command with these words is carried out."""
        self._injected.append(Injected(change=change, cure=cure))
        self._build()

    async def mend(self, verdict: Verdict, way: Way, blanks: Mapping[str, str]) -> None:
        """Carry out the printed commands of the first cause: those take a fault away whose cure they hold."""
        if way == "hand":
            self._injected.clear()
            self._build()
            return
        fix = find_fix(verdict)
        said = [_command_line(command.argv, blanks) for command in fix.commands]
        lacking = [name for name in fix.missing if name not in blanks]
        if lacking:
            raise CannotMend(f"the fix leaves blanks: {', '.join(lacking)}")
        kept = [one for one in self._injected if not any(one.cure and re.search(one.cure, line) for line in said)]
        if len(kept) == len(self._injected):
            cures = " or ".join(one.cure or "(by hand)" for one in self._injected)
            raise CannotMend(f"none of {said} has the words {cures}")
        self._injected = kept
        self._build()

    async def undo(self) -> None:
        """Nothing that a made machine can do."""
        raise CannotMend("a made machine takes nothing back")

    def _healthy(self) -> MadeState:
        return self._profile.make(random.Random(self._tools.seed))

    def _build(self) -> None:
        self.state = self._healthy()
        for one in self._injected:
            one.change(self.state)
        self.node = MadeNode(self.state, NODE)


def find_fix(verdict: Verdict) -> AdvisedFix:
    """The fix of the first cause of a verdict that holds a diagnosis; CannotMend where there is none."""
    if not isinstance(verdict.answer, Looked) or not verdict.answer.diagnosis.hypotheses:
        raise CannotMend("no cause was named")
    fix = verdict.answer.diagnosis.hypotheses[0].fix
    if fix is None:
        raise CannotMend("no fix is printed")
    return fix


def _command_line(argv: tuple[str, ...], blanks: Mapping[str, str]) -> str:
    line = " ".join(argv)
    for name, value in blanks.items():
        line = line.replace(f"<{name}>", value)
    return line


def _maker(profile: Profile) -> WorldMaker[MadeWorld]:
    def open_world(tools: Tools) -> AbstractAsyncContextManager[MadeWorld]:
        return _open(profile, tools)

    return WorldMaker(name=profile.name, kind="made", say=profile.say, open=open_world)


@asynccontextmanager
async def _open(profile: Profile, tools: Tools) -> AsyncIterator[MadeWorld]:
    yield MadeWorld(profile, tools)


WORLDS: Mapping[str, WorldMaker[MadeWorld]] = {name: _maker(one) for name, one in PROFILES.items()}


def made(
    name: str,
    say: str,
    *,
    on: tuple[str, ...],
    change: Change,
    causes: tuple[str, ...],
    check: str,
    cure: str = "",
    touches: tuple[str, ...] = (),
) -> Fault[MadeWorld]:
    """A fault of made machines. `cure` are words of the printed command that mends it; without any, only hands can.
    What only the owner can fill in (`blanks`) is added with `dataclasses.replace`.
    """
    return Fault(
        name=name,
        say=say,
        worlds=tuple(WORLDS[one] for one in on),
        inject=_injection(change, cure),
        causes=causes,
        check=check,
        way="commands" if cure else "hand",
        touches=touches,
    )


def _injection(change: Change, cure: str) -> Callable[[MadeWorld], Awaitable[None]]:
    async def inject(world: MadeWorld) -> None:
        world.inject(change, cure)

    return inject
