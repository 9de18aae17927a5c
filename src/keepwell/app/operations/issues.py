"""The catalogue of known causes: list it, test it, score it, show one."""

import difflib
from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, ForModels, Operation, Param
from keepwell.core.errors import ConfigurationError

if TYPE_CHECKING:
    from keepwell.app.lessons.catalogue_test import TestReport
    from keepwell.app.lessons.evaluation_report import EvaluationReport
    from keepwell.app.report import CatalogueReport, IssueReport
    from keepwell.core.issue import Issue


async def issues(
    caller: Caller,
    *,
    action: Annotated[str, Param(help="list, test or evaluate.", position=True, guarded=True)] = "list",
    file: Annotated[
        str, Param(help="With evaluate: JSON lines of incidents.", position=True, hidden_from=("mcp", "api"))
    ] = "",
    family: Annotated[str, Param(help="Only causes of this family (storage, gpu-access, ...).")] = "",
    folds: Annotated[
        int, Param(help="With evaluate: cross-validate in so many folds.", minimum=0, maximum=20, guarded=True)
    ] = 0,
    svg: Annotated[
        str, Param(help="With evaluate: write the reliability diagram as SVG.", hidden_from=("mcp", "api"))
    ] = "",
) -> "CatalogueReport | EvaluationReport | TestReport":
    """List the known causes that keepwell can recognise.

    test: every case of every issue file and every closed incident once more; what a change broke is named with the
    file that took its place. evaluate FILE: how well causes are recognised in incidents of which they are known (a
    JSON line each: id, evidence, cause; also family, thread), and how true the confidences are.
    """
    if action == "test":
        from keepwell.app.lessons.catalogue_test import check_catalogue

        return await check_catalogue(caller)
    if action == "evaluate":
        from keepwell.app.lessons.evaluating import evaluate_file

        if not file:
            raise ConfigurationError("evaluate takes a file of incidents", hint="keepwell issues evaluate FILE.jsonl")
        return evaluate_file(caller, file, folds=folds, svg=svg)
    if action != "list":
        raise ConfigurationError(f"{action!r} is nothing that can be done", hint="write list, test or evaluate")
    return _list(caller, family)


async def explain(
    caller: Caller,
    *,
    issue: Annotated[str, Param(help="The cause's name, as `keepwell issues` lists it.", position=True)],
) -> "IssueReport":
    """Show one known cause whole.

    What it is, what speaks for and against it, what settles it, how to fix and prevent it.
    """
    from keepwell.app.catalogue import get_catalogue
    from keepwell.app.lessons.learned import find_draft
    from keepwell.app.report import IssueReport
    from keepwell.app.wiring import find_state

    known = get_catalogue(caller.state).issues
    found = known.get(issue) or find_draft(find_state(caller), issue)
    if found is None:
        raise ConfigurationError(f"no known cause {issue!r}", hint=_near(issue, sorted(known)))
    return IssueReport(issue=found)


def _list(caller: Caller, family: str) -> "CatalogueReport":
    from keepwell.app.catalogue import get_catalogue
    from keepwell.app.report import CatalogueReport, IssueLine

    known = sorted(get_catalogue(caller.state).issues.values(), key=_place)
    rows = [IssueLine(id=one.id, family=one.family, title=one.title, repair=one.repair) for one in known]
    shown = tuple(one for one in rows if not family or one.family == family)
    if not shown:
        families = sorted({one.family for one in rows})
        raise ConfigurationError(f"no cause of family {family!r}", hint=_near(family, families))
    return CatalogueReport(issues=shown)


def _place(issue: "Issue") -> tuple[str, str]:
    return (issue.family, issue.id)


def _near(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.4)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return "keepwell issues lists all"


OPERATIONS = (
    Operation(
        name="explain",
        effect="read",
        function=explain,
        paged=True,
        for_models=ForModels(words="cause mean why what fix prevent explain", takes=("issue",)),
    ),
    Operation(name="issues", effect="read", function=issues, paged=True),
)
