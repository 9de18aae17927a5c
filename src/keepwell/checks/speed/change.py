"""Two runs compared: is a difference more than two equal requests differ by?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing, Seen, Value
from keepwell.core.values import row_of, text_of
from keepwell.plugins.facts import engine_facts, engine_title, looked_at
from keepwell.plugins.speeds import generation_rate, generation_rates, number_of

#: A change counts beyond twice the spread of equal requests, and never below this: clocks, heat and neighbours move
#: a speed by some percent from day to day.
LEAST_CHANGE = 0.15
SPREADS = 2.0
#: The end of the year 2100: no run was kept after it.
LAST_MOMENT = 4_133_980_799.0


def judge_change(seen: Seen) -> Iterator[Finding]:
    """Bad when the same model is slower than in the earlier run, by more than both runs' own spread explains."""
    for one in seen.named("engine.speed"):
        before = seen.value(one.subject, "engine.speed_earlier")
        now, then = generation_rate(one.value), generation_rate(before)
        model = text_of(row_of(one.value), "model")
        if not now or not then or text_of(row_of(before), "model") != model:
            continue
        change = now / then - 1.0
        spread = max(spread_of(one.value), spread_of(before))
        limit = max(LEAST_CHANGE, SPREADS * spread)
        status, kind = Status.OK, "same"
        if change > limit:
            kind = "faster"
        if change < -limit:
            status, kind = Status.WARNING, "slower"
        when = _day(number_of(row_of(before), "at"))
        words = (
            f"generates {now:.1f} tokens/s with {model}, {then:.1f} on {when}: {change:+.0%}; "
            f"equal requests differ by {spread:.0%}"
        )
        facts = {
            "kind": kind,
            "model": model,
            "tokens_per_second": f"{now:.3g}",
            "earlier_tokens_per_second": f"{then:.3g}",
            "change_ratio": f"{change:+.2f}",
            "spread_ratio": f"{spread:.2f}",
            "since": when,
        }
        yield Finding(
            check="speed.change",
            subject=one.subject,
            status=status,
            message=f"{engine_title(seen, one.subject)} {words}",
            facts=engine_facts(seen, one.subject, **facts),
            evidence=looked_at(seen, one.subject, "engine.speed", "engine.speed_earlier"),
        )


def spread_of(speed: Value | Missing) -> float:
    """How far the speeds of equal requests of one run lie apart, as a share of the higher; 0.0 for fewer than two."""
    rates = [one.best for one in generation_rates(speed) if one.best > 0]
    if len(rates) < 2:
        return 0.0
    return 1.0 - min(rates) / max(rates)


def _day(at: float) -> str:
    return datetime.fromtimestamp(min(max(at, 0.0), LAST_MOMENT), UTC).strftime("%Y-%m-%d %H:%M")
