"""What few requests tell: an exact test of the newest failures, beside windows that need many. Pure.

Every failure opens a question: how likely is it that so many of the requests since then failed too, if requests fail as
seldom as is normal here? The answer is exact (binomial), for the failure before it, the one before that, and so on; the
least likely of them counts. It takes two signs, so one failed request never tells anything, and three to wake somebody.

A month of normal failures asks as many questions as there are failures. So that chance answers about one of them
wrongly in a month, each may be wrong once in that many times; see docs/decisions/0045 for what was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keepwell.config.objective_model import MONTH_SECONDS
from keepwell.slo.chance import tail
from keepwell.slo.tally import Tally

#: Signs that it takes at least to tell somebody, and to wake somebody.
TOLD_SIGNS, PAGED_SIGNS = 2, 3
#: How often chance may tell somebody in a month of normal failures, and wake somebody.
FALSE_TOLD, FALSE_PAGED = 1.0, 0.01
#: A chance above this is no sign even where nearly nothing is asked: two of 30 at one in a thousand.
MOST_CHANCE = 0.03
#: How far back failures are looked for: what is older is the windows' to judge.
LOOK_BACK_SECONDS = 86400.0
#: Failures that open a question, the newest: more add up to what windows see as well.
QUESTIONS = 100
#: No ratio is taken as smaller than this: so few failures as none in 1,000 do not show that they are rarer.
LEAST_NORMAL = 0.001
#: Requests before the normal ratio is that of the past rather than what is allowed, and the past that is looked at.
KNOWN_EVENTS, KNOWN_SECONDS = 1000, 7 * 86400.0
#: A sign that was told ends when it becomes as likely as this many times what it takes to tell it.
CLEAR_TIMES = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """The least likely of the questions: `signs` of `events` since `since`, and its chance where requests fail with
    the ratio `normal`. `told` and `paged` are the chances below which somebody is told, and woken. `bad` of `total` is
    what was counted, where what one client tried again is not put together.
    """

    signs: int
    events: int
    bad: int
    total: int
    since: int
    chance: float
    normal: float
    told: float
    paged: float

    def is_told(self, *, already: bool) -> bool:
        """Whether it tells anything; `already`: it did the last time, and takes more to end than to begin."""
        return self.chance <= self.told * (1.0 + (CLEAR_TIMES - 1.0) * already)

    def is_paged(self, allowed: float) -> bool:
        """Whether it should wake somebody: signs enough, hardly by chance, and far more than is allowed."""
        return (
            self.signs >= PAGED_SIGNS and self.chance <= self.paged and self.signs > PAGE_TIMES * allowed * self.events
        )


#: Times what is allowed that must fail before anybody is woken by few requests: Sloth's slower page.
PAGE_TIMES = 6.0


def scan(minutes: Sequence[Tally], normal: float, per_month: float) -> Scan | None:
    """The least likely question of these minutes, in order, the newest last; None with fewer than TOLD_SIGNS signs.

    `per_month` is how many events a month has here.
    """
    told = min(MOST_CHANCE, FALSE_TOLD / max(1.0, normal * per_month))
    found: Scan | None = None
    events = signs = bad = total = asked = 0
    for one in reversed(minutes):
        events += one.good + one.spells
        signs += one.spells
        bad += one.bad
        total += one.events
        if not one.spells:
            continue
        asked += 1
        chance = tail(events - 1, normal, signs - 1)
        if signs >= TOLD_SIGNS and (found is None or chance < found.chance):
            found = Scan(
                signs=signs,
                events=events,
                bad=bad,
                total=total,
                since=one.minute,
                chance=chance,
                normal=normal,
                told=told,
                paged=told * FALSE_PAGED / FALSE_TOLD,
            )
        if asked >= QUESTIONS:
            break
    return found


def find_normal(allowed: float, past: Tally) -> float:
    """The ratio of failures that is normal: that of the past where it is known, and never more than is allowed."""
    if past.events < KNOWN_EVENTS:
        return allowed
    usual = (past.spells + 0.5) / (past.events + 1.0)
    return min(allowed, max(LEAST_NORMAL, usual))


def per_month(past: Tally, seconds: float) -> float:
    """Events of a month, as there were in the past of this many seconds."""
    return past.events * MONTH_SECONDS / max(1.0, seconds)
