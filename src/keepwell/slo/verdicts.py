"""Was a request good, by an objective? And is it one of those that it is about at all? Pure."""

from __future__ import annotations

from typing import NamedTuple

from keepwell.config.objective_model import TIMED, ObjectiveEntry
from keepwell.store.requests import RequestRow

#: What ends a request for reasons of its client: it says nothing of who serves.
CLIENTS = frozenset({"client_gone", "client_slow"})
#: Refusals in the range of a client's mistakes that are the servers' all the same: there was no room, or no time.
SERVERS = frozenset({"queue_full", "queue_timeout"})


class Verdict(NamedTuple):
    """`number` is what was measured, 0 where it is yes or no; `cold`: the request waited for its model."""

    good: bool
    cold: bool
    number: float


def judge_row(objective: ObjectiveEntry, row: RequestRow) -> Verdict | None:
    """None for a request that the objective is not about, or that tells nothing of it: a client's own mistake, one that
    its client gave up (before it was too late), in times one that failed.
    """
    if not _concerns(objective, row):
        return None
    if objective.indicator in TIMED or objective.indicator == "throughput":
        return _judge_time(objective, row)
    if is_of_client(row):
        return None
    good = not is_failed(row)
    if objective.indicator == "first_try":
        good = good and not row.retries
    return Verdict(good, False, 0.0)


def is_failed(row: RequestRow) -> bool:
    """Whether it did not get the answer that it should."""
    return bool(row.outcome) or row.status >= 400


def is_of_client(row: RequestRow) -> bool:
    """Whether it failed by its client: given up, or asked in a way that nobody could answer."""
    if row.outcome in CLIENTS:
        return True
    return 400 <= row.status < 500 and row.outcome not in SERVERS


def is_cold(row: RequestRow) -> bool:
    """Whether it had to wait for its model to be loaded; by the engine's own word where nobody saw it before."""
    return row.cold == 1 or (row.cold < 0 and row.load_seconds >= COLD_LOAD_SECONDS)


#: Ollama tells some milliseconds of "loading" for a model that is in memory; the smallest real load takes longer.
COLD_LOAD_SECONDS = 0.5


def _concerns(objective: ObjectiveEntry, row: RequestRow) -> bool:
    return (
        (not objective.route or objective.route in (row.route, row.asked))
        and (not objective.replica or objective.replica == row.replica)
        and (not objective.key or objective.key == row.key)
    )


def _judge_time(objective: ObjectiveEntry, row: RequestRow) -> Verdict | None:
    cold = is_cold(row) and not objective.cold
    if is_failed(row):
        return _given_up(objective, row, cold)
    if objective.indicator == "throughput":
        if row.output_token_seconds <= 0:
            return None
        rate = 1.0 / row.output_token_seconds
        return Verdict(rate >= objective.at_least, cold, rate)
    seconds = _measured(objective.indicator, row)
    if seconds < 0:
        return None
    return Verdict(seconds <= objective.within_seconds, cold, seconds)


def _given_up(objective: ObjectiveEntry, row: RequestRow, cold: bool) -> Verdict | None:
    """Who gave up after the first token was due has waited too long; left out, the slowest would count as nothing."""
    waited = row.total_seconds
    late = objective.indicator == "total" or (objective.indicator == "ttft" and row.first_byte_seconds < 0)
    if late and row.outcome == "client_gone" and waited > objective.within_seconds:
        return Verdict(False, cold, waited)
    return None


def _measured(indicator: str, row: RequestRow) -> float:
    if indicator == "ttft":
        return row.first_byte_seconds
    if indicator == "tpot":
        return row.output_token_seconds
    if indicator == "queue":
        return row.queue_seconds
    return row.total_seconds
