"""Go or no-go: each rule with what it found and what it allows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from keepwell.app.rehearsing.comparing import ALIKE, Compared, Side, Spread
from keepwell.app.switching.objectives import FEW, MANY, SLACK_SECONDS, Limit, Limits, render_seconds

#: How much more or fewer tokens the same texts may be: another count of a prompt is another template, or a prompt that
#: was cut; other lengths of answers are a model that does not stop, or stops early.
TOKENS_FACTOR = 2.0

Said: TypeAlias = Literal["go", "no-go", "note", "undecided"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the second route has to keep to: `limits` against the first, and the share of answers that are alike."""

    limits: Limits = field(default_factory=Limits)
    alike: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: what it says, in words with the numbers, and what it allows."""

    name: str
    said: Said
    found: str
    allowed: str


def judge(first: Side, second: Side, texts: Sequence[Compared], wanted: Wanted) -> tuple[Rule, ...]:
    """Every rule."""
    return (
        _judge_enough(first, second, texts),
        _judge_errors(first, second, wanted.limits.errors),
        _judge_time("first byte", first.first, second.first, wanted.limits.first_byte),
        _judge_time("token", first.token, second.token, wanted.limits.token),
        _judge_texts(texts, wanted.alike),
        _judge_tokens("prompt tokens", first.input_tokens, second.input_tokens),
        _judge_tokens("answer tokens", first.output_tokens, second.output_tokens),
        _judge_fields(first, second),
    )


def conclude(rules: Sequence[Rule]) -> Said:
    """ "no-go" where one rule says so, "undecided" where there is too little evidence, else "go"."""
    said = {one.said for one in rules}
    if "no-go" in said:
        return "no-go"
    if next(iter(rules)).said == "undecided":
        return "undecided"
    return "go"


def _judge_enough(first: Side, second: Side, texts: Sequence[Compared]) -> Rule:
    known = sum(one.likeness != "unknown" for one in texts)
    said: Said = "go"
    if known < FEW:
        said = "undecided"
    found = f"{known} of {len(texts)} requests were answered by both"
    return Rule(name="evidence", said=said, found=found, allowed=f"at least {FEW}")


def _judge_errors(first: Side, second: Side, more: float) -> Rule:
    limit = first.failed / max(1, first.requests) + more
    said: Said = "go"
    if not second.requests:
        said = "undecided"
    elif second.failed / second.requests > limit:
        said = "no-go"
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(second.problems.items()))
    found = f"{second.failed} of {second.requests} failed{': ' * bool(kinds)}{kinds}"
    found += f" ({first.failed} of {first.requests} at the first)"
    return Rule(name="errors", said=said, found=found, allowed=f"{limit:.1%}")


def _judge_time(name: str, first: Spread, second: Spread, limit: Limit) -> Rule:
    share = "p95"
    was, now = first.p95_seconds, second.p95_seconds
    if min(first.count, second.count) < MANY:
        share, was, now = "median", first.p50_seconds, second.p50_seconds
    most = limit.find(was)
    said: Said = "go"
    if second.count < FEW or (first.count < FEW and not limit.seconds):
        said = "undecided"
    elif now > most and (limit.seconds or now - was > SLACK_SECONDS[name]):
        said = "no-go"
    found = f"{share} {render_seconds(now)} of {second.count} ({render_seconds(was)} of {first.count} at the first)"
    return Rule(name=name, said=said, found=found, allowed=str(limit))


def _judge_texts(texts: Sequence[Compared], least: float) -> Rule:
    known = [one for one in texts if one.likeness != "unknown"]
    alike, equal = sum(one.alike for one in known), sum(one.likeness == "equal" for one in known)
    said: Said = "go"
    if len(known) < FEW:
        said = "undecided"
    elif alike < least * len(known):
        said = "no-go"
    found = f"{equal} of {len(known)} answers are equal, {alike - equal} more begin alike"
    allowed = f"{least:.0%} equal, or alike for {ALIKE} characters"
    return Rule(name="text at temperature 0", said=said, found=found, allowed=allowed)


def _judge_tokens(name: str, first: int, second: int) -> Rule:
    said: Said = "go"
    if not first or not second:
        said = "undecided"
    elif not 1 / TOKENS_FACTOR <= second / first <= TOKENS_FACTOR:
        said = "no-go"
    allowed = f"{1 / TOKENS_FACTOR:g}x to {TOKENS_FACTOR:g}x"
    return Rule(name=name, said=said, found=f"{second} ({first} at the first)", allowed=allowed)


def _judge_fields(first: Side, second: Side) -> Rule:
    """What is lost tells what clients will miss; whether that matters is theirs to say."""
    more = {name: count for name, count in second.dropped.items() if name not in first.dropped}
    said: Said = "go"
    if more:
        said = "note"
    found = ", ".join(f"{name} of {count} requests" for name, count in sorted(more.items()))
    return Rule(name="lost fields", said=said, found=found or "none", allowed="told, not judged")
