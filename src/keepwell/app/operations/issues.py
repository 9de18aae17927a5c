"""The catalogue of known causes: list it, show one."""

import difflib
from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param
from keepwell.core.errors import ConfigurationError

if TYPE_CHECKING:
    from keepwell.app.report import CatalogueReport, IssueReport
    from keepwell.core.issue import Issue


async def issues(
    caller: Caller,
    *,
    family: Annotated[str, Param(help="Only causes of this family (storage, gpu-access, ...).")] = "",
) -> "CatalogueReport":
    """List the known causes that keepwell can recognise."""
    from keepwell.app.report import CatalogueReport, IssueLine
    from keepwell.app.wiring import get_catalogue

    known = sorted(get_catalogue().issues.values(), key=_place)
    rows = [IssueLine(id=one.id, family=one.family, title=one.title, repair=one.repair) for one in known]
    shown = tuple(one for one in rows if not family or one.family == family)
    if not shown:
        families = sorted({one.family for one in rows})
        raise ConfigurationError(f"no cause of family {family!r}", hint=_near(family, families))
    return CatalogueReport(issues=shown)


async def explain(
    caller: Caller,
    *,
    issue: Annotated[str, Param(help="The cause's name, as `keepwell issues` lists it.", position=True)],
) -> "IssueReport":
    """Show one known cause whole.

    What it is, what speaks for and against it, what settles it, how to fix and prevent it.
    """
    from keepwell.app.report import IssueReport
    from keepwell.app.wiring import get_catalogue

    known = get_catalogue().issues
    if issue not in known:
        raise ConfigurationError(f"no known cause {issue!r}", hint=_near(issue, sorted(known)))
    return IssueReport(issue=known[issue])


def _place(issue: "Issue") -> tuple[str, str]:
    return (issue.family, issue.id)


def _near(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.4)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return "keepwell issues lists all"


OPERATIONS = (
    Operation(name="explain", effect="read", function=explain, paged=True),
    Operation(name="issues", effect="read", function=issues),
)
