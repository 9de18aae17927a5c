"""What an engine (or an exporter) tells of itself as series, again and again; see `engine.TellsNumbers`.

Asking obeys the no-wake rule: no question may load a model, keep one loaded, wake one, or count as use of one. How
often an engine may be asked is its plug-in's to say, and all questions come from one place (`telemetry.asking`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from keepwell.core.event import Event
from keepwell.core.series import Reading
from keepwell.transport.base import Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnNumbers:
    """One answer: series with their numbers, or why there are none; and what happened since the answer before.

    `answered` is False where nothing could be asked: such a one is asked less often. `absent` beside it: it is there
    and will not tell, so that asking soon again is no use.
    """

    readings: Sequence[Reading]
    events: tuple[Event, ...] = ()
    answered: bool = True
    absent: bool = False


@runtime_checkable
class Teller(Protocol):
    """Asks one engine, or one exporter. Keeps keys and earlier answers; asked by one task at a time.

    `every_seconds` is the least time between two questions; it may change after an answer.
    """

    every_seconds: float

    async def ask(self, transport: Transport, at: float) -> OwnNumbers:
        """Its numbers now; `at` is in seconds since the epoch. An engine that is away is Missing, never an error."""
        ...
