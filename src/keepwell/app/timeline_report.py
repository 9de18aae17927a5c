"""What `timeline` gives back, and the words by which kinds of events are asked for."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from keepwell.core.errors import ConfigurationError
from keepwell.core.event import KINDS, Event
from keepwell.timeline.merge import Unread

#: Words that stand for several kinds.
GROUPS: dict[str, tuple[str, ...]] = {
    "boot": ("boot", "shutdown", "suspend", "resume", "clock"),
    "package": ("package", "kernel", "module"),
    "unit": ("reload", "unit-start", "unit-stop", "unit-failed", "oom"),
    "container": ("container-start", "container-stop", "container-health", "container-change", "image", "oom"),
    "file": ("file", "setting"),
    "engine": ("engine-change", "process-start", "setting", "model"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineReport:
    """What changed on one node, oldest first, and what could not be read.

    `since_seconds` and `kinds` are what was asked for (no kinds: all). `first_error_at` is when the first error of
    `cause` was logged, None where nothing is wrong or no line tells its time.
    """

    at: float
    node: str
    since_seconds: float
    kinds: tuple[str, ...]
    events: tuple[Event, ...]
    unread: tuple[Unread, ...]
    first_error_at: float | None = None
    cause: str = ""

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.timeline/1"

    @property
    def exit_code(self) -> int:
        """Always 0: that something changed is no fault."""
        return 0


def choose_kinds(text: str) -> frozenset[str]:
    """The kinds that words parted by commas mean; all for "". ConfigurationError with the nearest word for others."""
    chosen: set[str] = set()
    for word in (one.strip().lower() for one in text.split(",") if one.strip()):
        if word not in GROUPS and word not in KINDS:
            known = sorted({*GROUPS, *KINDS})
            near = difflib.get_close_matches(word, known, n=1)
            hint = f"did you mean {''.join(near)}?" * bool(near) or f"known: {', '.join(known)}"
            raise ConfigurationError(f"no kind of event is called {word!r}", where="--kind", hint=hint)
        chosen |= set(GROUPS.get(word, (word,)))
    return frozenset(chosen or KINDS)
