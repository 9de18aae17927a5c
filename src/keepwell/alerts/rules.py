"""How alerts are decided, in seconds and counts; the defaults are what keepwell.toml says where it says nothing."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.core.finding import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """`hold_critical` and `hold_warning`: how long something must be wrong before it counts; `clear`: how long it must
    be well before it is over. `group`: what comes within that time of the first is one message. `repeat_critical` and
    `repeat_warning`: how often people who said nothing are told again. `settle`: how long what depended on a root may
    stay wrong after it before that is told by itself.
    """

    hold_critical: float = 20.0
    hold_warning: float = 300.0
    clear: float = 60.0
    group: float = 45.0
    repeat_critical: float = 3600.0
    repeat_warning: float = 86_400.0
    settle: float = 600.0

    def hold(self, status: Status) -> float:
        """Of a critical condition or another."""
        if status is Status.CRITICAL:
            return self.hold_critical
        return self.hold_warning

    def repeat(self, status: Status) -> float:
        """Of a critical incident or another."""
        if status is Status.CRITICAL:
            return self.repeat_critical
        return self.repeat_warning


#: A condition that comes back within an hour of its end is a relapse: each doubles how long it must be well.
RELAPSE_SECONDS = 3600.0
#: The longest time that a condition must be well, however often it came back.
LONGEST_CLEAR = 3600.0
#: What nobody has looked at for a day is let go: its source was taken out of the configuration.
FORGET_SECONDS = 86_400.0
#: At most so many messages in so many seconds, whatever happens: what comes faster is told together.
FLOOD_MESSAGES = 6
FLOOD_SECONDS = 600.0
#: Conditions that one incident remembers having had; of more, their count is not exact.
KEYS = 1000
