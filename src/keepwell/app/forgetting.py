"""Takes an engine out of keepwell's memory."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.app.operation import Caller
from keepwell.app.wiring import find_state
from keepwell.core.errors import NotThere
from keepwell.store.memory import Memory, load_memory, save_memory


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetReport:
    """The answer of `forget`: the address, and those that are still remembered."""

    url: str
    left: tuple[str, ...]

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.forget/1"

    @property
    def exit_code(self) -> int:
        """Always 0: what is not known is an error."""
        return 0


def forget_engine(caller: Caller, url: str) -> ForgetReport:
    """Forget every engine remembered at this address; NotThere with the known ones if there is none."""
    folder = find_state(caller)
    memory = load_memory(folder)
    wanted = url.rstrip("/")
    kept = tuple(one for one in memory.engines if one.url != wanted)
    known = tuple(one.url for one in memory.engines)
    if len(kept) == len(known):
        hint = f"remembered: {', '.join(known)}" * bool(known) or "no engine is remembered"
        raise NotThere(f"no engine is remembered at {wanted}", where=str(folder), hint=hint)
    save_memory(folder, Memory(engines=kept))
    return ForgetReport(url=wanted, left=tuple(one.url for one in kept))
