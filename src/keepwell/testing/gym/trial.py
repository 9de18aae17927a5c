"""What came of one trial: a fault, a pair, or a healthy window."""

from __future__ import annotations

from dataclasses import dataclass, replace

from keepwell.testing.gym.fault import Kind, Named, Verdict

#: What `Trial.whole` says where nobody tried.
NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A single fault, played.

    `top1` and `top3`: one of its causes is the first, is among the first three. `found`: its check was bad.
    `whole`: "" where the whole way was gone, else at which point it ended and why. `way` is the way that it has,
    `can_undo` whether its fix is one that can be taken back. `probes` is 0 where they could not be counted.
    `skipped` says why this machine could not play it; the rest then means nothing.
    """

    fault: str
    kind: Kind
    world: str
    way: str
    wanted: tuple[str, ...]
    causes: tuple[Named, ...] = ()
    also: tuple[Named, ...] = ()
    unknown: float = 0.0
    top1: bool = False
    top3: bool = False
    found: bool = False
    whole: str = NOT_TRIED
    undone: bool = False
    can_undo: bool = False
    seconds: float = 0.0
    probes: int = 0
    probe_names: tuple[str, ...] = ()
    skipped: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTrial:
    """Two faults at once: which of them the first cause, or a further one, named."""

    faults: tuple[str, str]
    kind: Kind
    world: str
    named: tuple[bool, bool] = (False, False)
    causes: tuple[Named, ...] = ()
    also: tuple[Named, ...] = ()
    seconds: float = 0.0
    skipped: str = ""

    @property
    def both(self) -> bool:
        """True if both were named."""
        return all(self.named)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A healthy window: what was in it, and what keepwell said. An alarm is any exit code but 0."""

    number: int
    world: str
    held: tuple[str, ...]
    exit_code: int = 0
    causes: tuple[Named, ...] = ()
    bad: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def alarm(self) -> bool:
        """True if keepwell said that something is wrong."""
        return self.exit_code != 0


def tell_trial(trial: Trial) -> str:
    """A line: what was played, whether its cause was named first, whether the whole way was gone or where it ended."""
    what = f"{trial.fault} ({trial.kind}, {trial.world})"
    if trial.skipped:
        return f"{what}: skipped, {trial.skipped}"
    first = next((f"{one.issue} {one.confidence:.0%}" for one in trial.causes), "no cause")
    named = {True: "named", False: f"not named (first: {first})"}[trial.top1]
    way = {"": "the whole way", NOT_TRIED: "one look"}.get(trial.whole, f"way ended: {trial.whole}")
    return f"{what}: {named}, {way}"


def tell_pair(pair: PairTrial) -> str:
    """A line: which two faults met, and which of them was named."""
    what = f"{' and '.join(pair.faults)} ({pair.kind}, {pair.world})"
    if pair.skipped:
        return f"{what}: skipped, {pair.skipped}"
    lost = " and ".join(name for name, named in zip(pair.faults, pair.named, strict=True) if not named)
    return f"{what}: {f'not named: {lost}' if lost else 'both named'}"


def judge_verdict(trial: Trial, verdict: Verdict, check: str) -> Trial:
    """The trial with what a look at the injected fault said."""
    names = [one.issue for one in verdict.causes]
    return replace(
        trial,
        causes=verdict.causes[:3],
        also=verdict.also,
        unknown=verdict.unknown,
        top1=names[:1] != [] and names[0] in trial.wanted,
        top3=not set(names[:3]).isdisjoint(trial.wanted),
        found=check in verdict.bad or (not check and names[:1] != [] and names[0] in trial.wanted),
        seconds=verdict.seconds,
    )


def judge_pair(trial: PairTrial, verdict: Verdict, wanted: tuple[tuple[str, ...], tuple[str, ...]]) -> PairTrial:
    """The trial with which of the two sets of causes are named: first, or as an independent second fault."""
    named = {one.issue for one in (*verdict.causes[:1], *verdict.also)}
    first, second = (not named.isdisjoint(causes) for causes in wanted)
    return replace(trial, named=(first, second), causes=verdict.causes[:3], also=verdict.also, seconds=verdict.seconds)
