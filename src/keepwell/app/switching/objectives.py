"""What a moved route has to keep to, against what it had before: failures, first byte, time for each token. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from keepwell.core.errors import ConfigurationError
from keepwell.store.requests import RequestRow

#: Failures of which the first is never enough: one request that fails tells nothing of the next.
FEWEST_FAILED = 2
#: Requests on both sides from which on times are compared, and from which on by the 95th percentile and not by the
#: median: of twenty the slowest is then left out, so that one cold start sends nobody back.
FEW, MANY = 5, 20
#: Seconds that nobody notices: of a first byte, and of one token.
SLACK_SECONDS = {"first byte": 0.05, "token": 0.005}
#: Requests of each kind that are remembered for one comparison.
KEPT = 20_000
#: What became of requests that neither engine can help.
CLIENTS = frozenset({"client_gone", "client_slow"})

Verdict: TypeAlias = Literal["kept", "missed", "undecided"]
_LIMIT = re.compile(r"(\d+(?:\.\d+)?)\s*(x|ms|s)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most `factor` times what it was before, or at most `seconds`; the other one is 0."""

    factor: float = 0.0
    seconds: float = 0.0

    def find(self, before: float) -> float:
        """The most that is allowed, in seconds."""
        return self.seconds or self.factor * before

    def __str__(self) -> str:
        if self.seconds:
            return render_seconds(self.seconds)
        return f"{self.factor:g}x"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`errors` is by how much the share of failed requests may be larger than before (0..1)."""

    errors: float = 0.01
    first_byte: Limit = Limit(factor=2.0)
    token: Limit = Limit(factor=2.0)


@dataclass(slots=True, kw_only=True)
class Sample:
    """What is known of one side's requests: how many, how many failed and why, and times in seconds.

    `first_bytes` are by whether the answer was streamed; `tokens` are seconds for each token after the first. `back`
    are those that came back to the first route because the second could not take them; they count as failed.
    """

    requests: int = 0
    failed: int = 0
    back: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    first_bytes: dict[bool, list[float]] = field(default_factory=dict)
    tokens: list[float] = field(default_factory=list)

    @property
    def failed_ratio(self) -> float:
        """Share of failed requests, 0 where there was none."""
        return self.failed / max(1, self.requests)

    def add(self, row: RequestRow, replicas: Collection[str]) -> None:
        """Count one request, that one of these replicas should have answered."""
        if row.outcome in CLIENTS:
            return
        self.requests += 1
        came_back = bool(row.replica) and row.replica not in replicas
        if came_back or row.outcome or row.status >= 400:
            self.failed += 1
            self.back += came_back
            why = row.outcome or f"http_{row.status}"
            if came_back:
                why = "came_back"
            self.reasons[why] = self.reasons.get(why, 0) + 1
            return
        times = self.first_bytes.setdefault(row.stream, [])
        if row.first_byte_seconds >= 0 and len(times) < KEPT:
            times.append(row.first_byte_seconds)
        if row.output_token_seconds >= 0 and len(self.tokens) < KEPT:
            self.tokens.append(row.output_token_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """One that was judged: what was measured before and after the move, the most that is allowed, and in words."""

    name: str
    verdict: Verdict
    before: float
    after: float
    limit: float
    said: str


def judge(before: Sample, after: Sample, limits: Limits) -> tuple[Objective, ...]:
    """Every objective against what was measured."""
    found = [_judge_errors(before, after, limits.errors)]
    for stream, what in ((True, "streams"), (False, "whole answers")):
        times = before.first_bytes.get(stream, []), after.first_bytes.get(stream, [])
        if times[1] or stream:
            found.append(_judge_times("first byte", f"first byte of {what}", *times, limits.first_byte))
    found.append(_judge_times("token", "each token", before.tokens, after.tokens, limits.token))
    return tuple(found)


def find_missed(objectives: Sequence[Objective]) -> tuple[Objective, ...]:
    """Those that were missed."""
    return tuple(one for one in objectives if one.verdict == "missed")


def parse_limit(written: str, flag: str) -> Limit:
    """From "2x", "800ms" or "1.5s". Raises ConfigurationError."""
    found = _LIMIT.fullmatch(written.strip())
    number = 0.0
    if found is not None:
        number = float(found[1])
    if found is None or not 0 < number < math.inf:
        hint = 'write it like "2x" (times what it was before), "800ms" or "1.5s"'
        raise ConfigurationError(f"{flag} {written!r} is no limit", hint=hint)
    if found[2] == "x":
        return Limit(factor=number)
    return Limit(seconds=number * {"ms": 0.001, "s": 1.0}[found[2]])


def parse_ratio(written: str, flag: str) -> float:
    """From "1%" or "0.01". Raises ConfigurationError."""
    try:
        number = float(written.strip().removesuffix("%"))
    except ValueError:
        number = -1.0
    if written.strip().endswith("%"):
        number /= 100
    if not 0 <= number <= 1:
        raise ConfigurationError(f"{flag} {written!r} is no share", hint='write it like "1%" or "0.01"')
    return number


def parse_allowed(written: str, *, alike: float = -1.0) -> tuple[Limits, float]:
    """From "errors=1%,ttft=2x,tpot=50ms", each where it is not to be the usual; and "alike=50%" where `alike`, what it
    usually is, is no less than 0. Raises ConfigurationError.
    """
    found: dict[str, str] = {}
    known = ("errors", "ttft", "tpot", *("alike",) * (alike >= 0))
    for pair in filter(None, (one.strip() for one in written.split(","))):
        name, _, value = pair.partition("=")
        if name not in known:
            hint = f"known: {', '.join(known)}; write errors=1%,ttft=2x,tpot=50ms"
            raise ConfigurationError(f"--allow {pair!r} names nothing that is judged", hint=hint)
        found[name] = value
    if "alike" in found:
        alike = parse_ratio(found["alike"], "--allow alike")
    usual = Limits()
    limits = Limits(
        errors=parse_ratio(found.get("errors", f"{usual.errors:.0%}"), "--allow errors"),
        first_byte=parse_limit(found.get("ttft", str(usual.first_byte)), "--allow ttft"),
        token=parse_limit(found.get("tpot", str(usual.token)), "--allow tpot"),
    )
    return limits, alike


def quantile(values: Sequence[float], share: float) -> float:
    """The value at or below which so large a share lies (nearest rank); 0 where there is none."""
    if not values:
        return 0.0
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def render_seconds(seconds: float) -> str:
    """A time for a person: 1.2 s, 35 ms, 0.42 ms."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    if seconds >= 0.001:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds * 1000:.2f} ms"


def _judge_errors(before: Sample, after: Sample, more: float) -> Objective:
    limit = before.failed_ratio + more
    verdict: Verdict = "kept"
    if not after.requests:
        verdict = "undecided"
    elif after.failed >= FEWEST_FAILED and after.failed_ratio > limit:
        verdict = "missed"
    kinds = ", ".join(f"{count} {why}" for why, count in sorted(after.reasons.items()))
    said = f"{after.failed} of {after.requests} failed{': ' * bool(kinds)}{kinds}"
    said += f" (before {before.failed} of {before.requests}, at most {limit:.1%})"
    return Objective(
        name="errors", verdict=verdict, before=before.failed_ratio, after=after.failed_ratio, limit=limit, said=said
    )


def _judge_times(kind: str, name: str, before: Sequence[float], after: Sequence[float], limit: Limit) -> Objective:
    needed = len(after) >= FEW and (bool(limit.seconds) or len(before) >= FEW)
    share, word = 0.5, "median"
    if len(after) >= MANY and (limit.seconds or len(before) >= MANY):
        share, word = 0.95, "p95"
    was, now = quantile(before, share), quantile(after, share)
    most = limit.find(was)
    verdict: Verdict = "kept"
    if not needed:
        verdict = "undecided"
    elif now > most and (limit.seconds or now - was > SLACK_SECONDS[kind]):
        verdict = "missed"
    said = f"{name}: {word} {render_seconds(now)} of {len(after)}"
    said += f" (before {render_seconds(was)} of {len(before)}, at most {limit})"
    if not needed:
        said = f"{name}: too few to tell ({len(after)} now, {len(before)} before)"
    return Objective(name=name, verdict=verdict, before=was, after=now, limit=most, said=said)
