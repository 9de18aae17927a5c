"""What the owner decided against plans: a plan that would change what a decision protects is refused, and why."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from keepwell.config.model import DecisionEntry
from keepwell.core.errors import RefusedError
from keepwell.core.ref import Ref
from keepwell.core.step import Action, Plan, Put, RemoveFile, Rename
from keepwell.fleet.decisions import Touched, cite, find_protection, names_of


def find_objection(
    plan: Plan, decisions: Iterable[DecisionEntry], today: date, *, issue: str = ""
) -> DecisionEntry | None:
    """The decision that this plan would go against, or None. `issue` is the cause that asked for it, or ""."""
    return find_protection(touched_by(plan, issue), decisions, today)


def require_consent(plan: Plan, decisions: Iterable[DecisionEntry], today: date, *, issue: str = "") -> None:
    """Raises RefusedError, citing the decision, when the owner decided against what this plan would change."""
    found = find_objection(plan, decisions, today, issue=issue)
    if found is not None:
        raise RefusedError(
            f"the owner decided otherwise: {cite(found)}",
            where=str(plan.subject),
            hint="take the [[decision]] out of keepwell.toml, or let it end",
        )


def touched_by(plan: Plan, issue: str = "") -> Touched:
    """What a plan would change, by all names. What lies on a model's path counts when the change names the model."""
    subjects = [plan.subject, *(one.subject for one in plan.changes)]
    removes = any(_removes(one.do) for one in plan.changes)
    names = {name for one in subjects for name in _names(one, removes)}
    return Touched(check=plan.check, issue=issue, names=frozenset(names), removes=removes)


def _removes(action: Action) -> bool:
    return isinstance(action, RemoveFile | Rename) or (isinstance(action, Put) and action.after.kind == "absent")


def _names(subject: Ref, removes: bool) -> frozenset[str]:
    """A model's own name counts only where something is removed: giving its file a mode keeps the model."""
    if subject.kind != "model" or removes:
        return names_of(subject)
    return names_of(subject) - {subject.name, str(subject)}
