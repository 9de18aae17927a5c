"""The plan of a move: a change for each step, each with its undo, made of files that the data plane goes by. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from keepwell.core.errors import ConfigurationError
from keepwell.core.ref import Ref
from keepwell.core.run import SWITCH, Item, Run
from keepwell.core.step import Change, Plan, RemoveFile, WriteFile
from keepwell.gateway.choice.splits import SPLITS_FOLDER, Split, render_split

#: The kind of run that a move is, its step, and what is asked for at its end.
KIND, STEP, CHECK = SWITCH, "switch", "migrate.switch"
#: Steps of one move.
STEPS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Requests for `route` go to the replicas of `to`: these shares (0..1) one after the other."""

    route: str
    to: str
    shares: tuple[float, ...]


def parse_steps(written: str) -> tuple[float, ...]:
    """From "5,25,50,100", percents that grow, to shares. Raises ConfigurationError."""
    hint = 'write percents that grow, like "5,25,50,100"'
    try:
        found = tuple(float(one.strip().removesuffix("%")) / 100 for one in written.split(","))
    except ValueError:
        raise ConfigurationError(f"--steps {written!r} are no steps", hint=hint) from None
    grows = all(one < other for one, other in pairwise(found))
    if not grows or not all(0 < one <= 1 for one in found) or len(found) > STEPS:
        raise ConfigurationError(f"--steps {written!r} do not lead anywhere", hint=hint)
    return found


def make_plan(move: Move, state: Path, run_id: str, *, by: str, now: float) -> Plan:
    """A file for each step, taken away again by its undo. Raises ConfigurationError for a name that no Ref can hold."""
    try:
        subject = Ref("route", (move.route,))
    except ValueError as error:
        raise ConfigurationError(f"the route {move.route!r} cannot be moved: {error}") from None
    changes = []
    before = "0 %"
    for number, share in enumerate(move.shares):
        path = str(state.absolute() / SPLITS_FOLDER / f"{run_id}.{number:02d}.json")
        split = Split(route=move.route, to=move.to, share=share, since=now, by=by, run=run_id)
        content = render_split(split)
        changes.append(
            Change(
                subject=subject,
                what=f"share of the requests that {move.to} takes",
                before=before,
                after=render_share(share),
                do=WriteFile(path=path, content=content, expect_sha256="", mode=0o600),
                undo=RemoveFile(path=path, expect_sha256=hashlib.sha256(content).hexdigest()),
            )
        )
        before = render_share(share)
    why = f"the requests for {move.route} move to {move.to}"
    return Plan(step=STEP, check=CHECK, subject=subject, why=why, changes=tuple(changes))


def read_move(plan: Plan) -> Move | None:
    """What a plan of this kind moves; None for any other."""
    splits = []
    for one in plan.changes:
        if plan.step != STEP or not isinstance(one.do, WriteFile):
            return None
        splits.append(parse_split(one.do.content))
    if not splits:
        return None
    return Move(route=splits[0].route, to=splits[0].to, shares=tuple(one.share for one in splits))


def find_state(run: Run) -> str:
    """How a move stands: "new", "open" (it can be gone on with), "moved", "back" or "going back"."""
    states = [one.state for one in run.items]
    if all(one == "pending" for one in states):
        return "new"
    if "undoing" in states:
        return "going back"
    if "undone" in states:
        return "back"
    return {True: "moved", False: "open"}[_is_done(run.items)]


def render_share(share: float) -> str:
    """5 %, 12.5 %."""
    return f"{share * 100:g} %"


def parse_split(content: bytes) -> Split:
    """What a step wrote. Raises msgspec.DecodeError."""
    import msgspec

    return msgspec.json.decode(content, type=Split)


def _is_done(items: Sequence[Item]) -> bool:
    return all(one.state == "done" for one in items)
