"""Which prompt is sent next: in order, a later turn of a conversation only when the one before it was answered."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from keepwell.bench.load import Prompt

#: Prompts that may wait for another one's answer; beyond them the load waits.
PARKED = 10_000
_OK, _FAILED = 1, 2


class Turn(NamedTuple):
    """A prompt that can be sent: its number in the order given, -1 for one made of an answer; `planned` is its own
    instant where it has one, -1 otherwise.
    """

    number: int
    prompt: Prompt
    planned: float = -1.0


class Turns:
    """Prompts of one load. `follow` makes the next turn of a prompt and its answer's body, None at the end of a
    conversation; it counts as a prompt of its own, and comes before those that are still to begin.
    """

    def __init__(self, prompts: Iterable[Prompt], follow: Callable[[Prompt, bytes], Prompt | None] | None) -> None:
        self._prompts = iter(prompts)
        self.follow = follow
        self._pulled = 0
        self._ready: deque[Turn] = deque()
        #: Prompts that wait, by the number of what they wait for.
        self._parked: dict[int, list[Turn]] = {}
        self._count = 0
        #: How each prompt ended, by number; 0 not yet.
        self._ended = bytearray()
        self._held: Turn | None = None
        self.exhausted = False

    def take(self) -> Turn | None:
        """The next one to send; None where there is none now (see `exhausted`, `waiting`)."""
        if self._ready:
            return self._ready.popleft()
        while self._count < PARKED:
            turn = self.pull()
            if turn is None:
                return None
            if self.is_ready(turn):
                return turn
        return None

    def pull(self) -> Turn | None:
        """The next in order, ready or not; None after the last."""
        prompt = next(self._prompts, None)
        if prompt is None:
            self.exhausted = True
            return None
        number = self._pulled
        self._pulled += 1
        self._ended.append(0)
        return Turn(number, prompt)

    def is_ready(self, turn: Turn) -> bool:
        """True if it may be sent now. Otherwise it is parked, or dropped where what it follows has failed."""
        after = turn.prompt.after
        if not 0 <= after < turn.number or self._ended[after] == _OK:
            return True
        if self._ended[after] == _FAILED:
            self._ended[turn.number] = _FAILED
            return False
        self._parked.setdefault(after, []).append(turn)
        self._count += 1
        return False

    def ended(self, turn: Turn, body: bytes, *, well: bool) -> list[Turn]:
        """It was answered, or failed. Gives what follows it and has an instant of its own; the rest is ready."""
        if turn.number >= 0:
            self._ended[turn.number] = {True: _OK, False: _FAILED}[well]
        parked = self._parked.pop(turn.number, [])
        self._count -= len(parked)
        if not well:
            for one in parked:
                self.ended(one, b"", well=False)
            return []
        self._ready.extend(one for one in parked if one.planned < 0)
        if self.follow is not None:
            made = self.follow(turn.prompt, body)
            if made is not None:
                self._ready.append(Turn(-1, made))
        return [one for one in parked if one.planned >= 0]

    @property
    def waiting(self) -> bool:
        """True if there are prompts that are ready, or will be once others are answered."""
        return bool(self._ready or self._parked)
