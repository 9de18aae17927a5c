"""Objectives in words: what failed of how many, and when the allowance ends. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from keepwell.config.objective_model import ObjectiveEntry
from keepwell.core.words import figure, span
from keepwell.slo.budget import Budget
from keepwell.slo.tally import Failure, Tally

#: Share of the failures that must agree in something for that to be told.
AGREE = 0.8
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_MISSED = {
    "availability": "failed",
    "first_try": "were not answered at the first try",
    "ttft": "took over {limit} to their first token",
    "tpot": "took over {limit} for each token",
    "queue": "waited over {limit} for a replica",
    "total": "took over {limit}",
    "throughput": "got under {rate} tokens/s",
}


def say_missed(objective: ObjectiveEntry, tally: Tally, seconds: float) -> str:
    """As "12 of 340 requests on qwen3:32b took over 2 s to their first token in the last hour"."""
    what = _MISSED.get(objective.indicator, "")
    if not what:
        return f"{tally.bad} of {tally.events} minutes {_missed_minutes(objective)} in the last {_length(seconds)}"
    words = what.format(limit=span(objective.within_seconds), rate=figure(objective.at_least))
    noun = {True: "request", False: "requests"}[tally.events == 1]
    return f"{tally.bad} of {tally.events} {noun}{_where(objective)} {words} in the last {_length(seconds)}"


def say_promise(objective: ObjectiveEntry) -> str:
    """What is promised, as "99.5 % of requests on qwen3:32b get their first token within 2 s, over 30 days"."""
    share = f"{objective.target * 100:.6g} %"
    over = _length(objective.over_seconds)
    if objective.indicator in _MISSED:
        limit = span(objective.within_seconds)
        words = {
            "availability": "are answered",
            "first_try": "are answered at the first try",
            "ttft": f"get their first token within {limit}",
            "tpot": f"get each token within {limit}",
            "queue": f"wait at most {limit} for a replica",
            "total": f"take at most {limit}",
            "throughput": f"get {figure(objective.at_least)} tokens/s or more",
        }[objective.indicator]
        return f"{share} of requests{_where(objective)} {words}, over {over}"
    return f"in {share} of minutes {_kept_minutes(objective)}, over {over}"


def say_budget(objective: ObjectiveEntry, budget: Budget, now: float, zone: tzinfo | None) -> str:
    """As "at this pace the month's allowance ends Thursday"."""
    period = _period(objective)
    if budget.left <= 0:
        return f"{period} allowance is used up: {budget.used} where {figure(budget.allowed)} are allowed"
    if math.isinf(budget.ends_at):
        return f"{budget.left * 100:.0f} % of {period} allowance is left"
    return f"at this pace {period} allowance ends {say_when(now, budget.ends_at, zone)}"


def say_common(failures: Sequence[Failure]) -> str:
    """What nearly all of these failures have in common: the replica, the kind of error; "" where nothing is."""
    words = []
    for kind, values in (("at", [one.replica for one in failures]), ("as", [one.outcome for one in failures])):
        common = find_common(values)
        if common and len(failures) > 1:
            words.append(f"{kind} {common}")
    return ", ".join(words)


def find_common(values: Sequence[str]) -> str:
    """The value of nearly all, "" where there is none."""
    for value, count in Counter(values).most_common(1):
        if count >= AGREE * len(values):
            return value
    return ""


def say_when(now: float, at: float, zone: tzinfo | None) -> str:
    """As people say it: "at 15:10", "tomorrow at 09:00", "Thursday", "on 24 December"."""
    moment, today = datetime.fromtimestamp(at, zone), datetime.fromtimestamp(now, zone)
    if moment.date() == today.date():
        return f"at {moment:%H:%M}"
    if moment.date() == today.date() + timedelta(days=1):
        return f"tomorrow at {moment:%H:%M}"
    if moment.date() < today.date() + timedelta(days=7):
        return _DAYS[moment.weekday()]
    return f"on {moment.day} {_MONTHS[moment.month - 1]}"


def _where(objective: ObjectiveEntry) -> str:
    words = f" on {objective.route}" * bool(objective.route)
    words += f" at {objective.replica}" * bool(objective.replica)
    return words + f" of {objective.key}" * bool(objective.key)


def _period(objective: ObjectiveEntry) -> str:
    days = round(objective.over_seconds / 86400.0)
    if 28 <= days <= 31:
        return "the month's"
    return {1: "the day's", 7: "the week's"}.get(days, f"the {days} days'")


def _length(seconds: float) -> str:
    named = {3600.0: "hour", 86400.0: "day", 60.0: "minute"}
    if seconds in named:
        return named[seconds]
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:.0f} {unit}"
    return f"{math.ceil(seconds / 60):.0f} minutes"


def _bounds(objective: ObjectiveEntry) -> str:
    low, high = figure(objective.low), figure(objective.high)
    if objective.low >= 0 and objective.high >= 0:
        return f"between {low} and {high}"
    if objective.high >= 0:
        return f"at most {high}"
    return f"at least {low}"


def _kept_minutes(objective: ObjectiveEntry) -> str:
    if objective.indicator == "freshness":
        return f"the newest file of {objective.path} is younger than {span(objective.within_seconds)}"
    about = f" of {objective.about}" * bool(objective.about)
    return f"{objective.measured}{about} is {_bounds(objective)}"


def _missed_minutes(objective: ObjectiveEntry) -> str:
    if objective.indicator == "freshness":
        return f"found no file in {objective.path} younger than {span(objective.within_seconds)}"
    about = f" of {objective.about}" * bool(objective.about)
    return f"found {objective.measured}{about} not {_bounds(objective)}"
