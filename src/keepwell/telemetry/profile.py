"""Where the time of many requests went, by model and replica: what takes most, and which change would pay. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from keepwell.store.requests import RequestRow
from keepwell.telemetry.phases import PHASES, Phase, is_load_guessed, split

#: Requests of a group that are remembered as its slowest, at most, and which share of it they are.
SLOWEST, SLOWEST_SHARE = 1000, 0.05
#: Requests that make a group worth a sentence.
LEAST = 5
#: Prompt tokens from which on a prefix that is kept saves something, and the share of tokens from a cache above which
#: prefixes are kept already.
LONG_PROMPT, CACHED = 500, 0.3
#: Share of a part that its change saves at most, where that is not all: half a prompt may be a shared prefix; a
#: quantisation of half the size reads half the weights for each token; a model that lies partly on the CPU is slower by
#: far more than half.
PREFIX_SAVES, SMALLER_SAVES, PLACEMENT_SAVES = 0.5, 0.5, 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What would help: a sentence, and the seconds of the span that it would save at most."""

    phase: Phase
    say: str
    saves_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One model at one replica: requests that went well, how many failed, all seconds by part, and which took most.

    `slowest` are the seconds of the slowest twentieth by part. `rate` is output tokens a second while answers were
    made, 0 where that cannot be told. `guessed` counts loads that were told from the time to the first word only.
    """

    route: str
    replica: str
    count: int
    failed: int
    seconds: Mapping[Phase, float]
    bottleneck: Phase
    slowest: Mapping[Phase, float]
    rate: float
    cold: int
    guessed: int
    change: Change | None

    @property
    def total_seconds(self) -> float:
        """All of it."""
        return sum(self.seconds.values())


@dataclass(slots=True)
class _Group:
    route: str
    replica: str
    count: int = 0
    failed: int = 0
    cold: int = 0
    guessed: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    decoded: tuple[int, float] = (0, 0.0)
    device: str = ""
    seconds: dict[Phase, float] = field(default_factory=dict)
    slowest: list[tuple[float, int, dict[Phase, float]]] = field(default_factory=list)


def find_profiles(rows: Iterable[RequestRow]) -> list[Profile]:
    """One for each model and replica, what took most time first. Rows are read once; memory does not grow with them."""
    groups: dict[tuple[str, str], _Group] = {}
    for row in rows:
        if not row.replica:
            continue
        key = row.route, row.replica
        _add(groups.setdefault(key, _Group(*key)), row)
    made = [_profile(one) for one in groups.values()]
    return sorted(made, key=_order)


def find_best(profiles: Iterable[Profile]) -> tuple[Profile, Change] | None:
    """The change that would pay most of all, and where; None where nothing is known to help."""
    best: tuple[Profile, Change] | None = None
    for one in profiles:
        if one.change is not None and (best is None or one.change.saves_seconds > best[1].saves_seconds):
            best = one, one.change
    return best


def _order(one: Profile) -> tuple[float, str, str]:
    return -one.total_seconds, one.route, one.replica


def _add(group: _Group, row: RequestRow) -> None:
    if row.outcome or row.status >= 400:
        group.failed += 1
        return
    parts = split(row)
    group.count += 1
    group.cold += row.cold == 1
    group.guessed += is_load_guessed(row)
    group.input_tokens += max(0, row.input_tokens)
    group.cached_tokens += max(0, row.cached_tokens)
    group.device = row.device or group.device
    if parts.get("decode") and row.output_tokens > 0:
        group.decoded = group.decoded[0] + row.output_tokens, group.decoded[1] + parts["decode"]
    for phase, seconds in parts.items():
        group.seconds[phase] = group.seconds.get(phase, 0.0) + seconds
    entry = row.total_seconds, group.count, parts
    if len(group.slowest) < SLOWEST:
        heapq.heappush(group.slowest, entry)
    elif entry > group.slowest[0]:
        heapq.heapreplace(group.slowest, entry)


def _profile(group: _Group) -> Profile:
    seconds = {phase: group.seconds.get(phase, 0.0) for phase in PHASES}
    few = max(1, round(group.count * SLOWEST_SHARE))
    slow = [parts for _, _, parts in heapq.nlargest(few, group.slowest)]
    tokens, spent = group.decoded
    return Profile(
        route=group.route,
        replica=group.replica,
        count=group.count,
        failed=group.failed,
        seconds=seconds,
        bottleneck=max(PHASES, key=seconds.__getitem__),
        slowest={phase: sum(one.get(phase, 0.0) for one in slow) for phase in PHASES},
        rate=tokens / (spent or float("inf")),
        cold=group.cold,
        guessed=group.guessed,
        change=_find_change(group, seconds),
    )


def _find_change(group: _Group, seconds: Mapping[Phase, float]) -> Change | None:
    """The one that saves most in this group."""
    if group.count < LEAST:
        return None
    offered = [say(group, seconds[phase]) for phase, say in _CHANGES.items() if seconds[phase] > 0]
    return max(offered, key=_saving, default=None)


def _saving(change: Change) -> float:
    return change.saves_seconds


def _of_queue(group: _Group, seconds: float) -> Change:
    say = f"one more replica of {group.route}, or a higher limit of {group.replica} if it has room: nobody would wait"
    return Change(phase="queue", say=say, saves_seconds=seconds)


def _of_load(group: _Group, seconds: float) -> Change:
    say = (
        f"keep {group.route} in memory (pinned = true at its [[route]]): {group.cold} of {group.count} requests had to "
        "wait for it to be loaded"
    )
    return Change(phase="load", say=say, saves_seconds=seconds)


def _of_prefill(group: _Group, seconds: float) -> Change:
    if _is_split(group):
        return _placed(group, "prefill", seconds)
    long = group.input_tokens >= LONG_PROMPT * group.count
    if long and group.cached_tokens < CACHED * group.input_tokens:
        share = group.cached_tokens * 100 // group.input_tokens
        say = (
            f"prompts have {group.input_tokens // group.count} tokens, and {share} % of them came from a cache: begin "
            "them with what they share, and let the engine keep prefixes"
        )
        return Change(phase="prefill", say=say, saves_seconds=seconds * PREFIX_SAVES)
    return Change(phase="prefill", say="shorter prompts, or a device that computes faster", saves_seconds=0.0)


def _of_decode(group: _Group, seconds: float) -> Change:
    if _is_split(group):
        return _placed(group, "decode", seconds)
    say = (
        "a quantisation of half the size, or memory that is read faster: each token reads all weights once "
        "(keepwell diagnose --level 4 measures how near this is to what the device can)"
    )
    return Change(phase="decode", say=say, saves_seconds=seconds * SMALLER_SAVES)


def _of_network(group: _Group, seconds: float) -> Change:
    say = f"look at the way to {group.replica}: time before the first word that its engine does not count as its own"
    return Change(phase="network", say=say, saves_seconds=seconds)


def _is_split(group: _Group) -> bool:
    """True for a model that its engine keeps partly outside of GPUs."""
    return group.device.startswith("gpu=") and group.device not in ("gpu=100%", "gpu=0%")


def _placed(group: _Group, phase: Phase, seconds: float) -> Change:
    say = (
        f"let {group.route} lie on the GPU as a whole ({group.device} now): a shorter context or a smaller quantisation"
    )
    return Change(phase=phase, say=say, saves_seconds=seconds * PLACEMENT_SAVES)


#: What helps against each part; a client that reads slowly, and what nobody divides, cannot be helped from here.
_CHANGES: dict[Phase, Callable[[_Group, float], Change]] = {
    "queue": _of_queue,
    "load": _of_load,
    "prefill": _of_prefill,
    "decode": _of_decode,
    "network": _of_network,
}
