"""From looks at one or several nodes to the report of `status`: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keepwell.app.dependence import join_nodes
from keepwell.app.looked import list_looked
from keepwell.app.picture import picture_node
from keepwell.app.report import NodePicture, StatusReport
from keepwell.app.unreached import Unreached
from keepwell.app.word import mark_decided
from keepwell.core.finding import Finding, Status
from keepwell.core.ref import Ref, node
from keepwell.core.values import row_of, text_of
from keepwell.fleet.decisions import Decisions, join_decisions
from keepwell.survey.survey import SurveyResult


def make_status(
    results: Sequence[SurveyResult],
    unreached: Sequence[Unreached] = (),
    *,
    at: float,
    seconds: float,
    decisions: Sequence[Decisions] = (),
) -> StatusReport:
    """The report of these looks, in their order, with what was decided of each. `at` is now, `seconds` what all of
    them took together.
    """
    word = join_decisions(decisions)
    drawn = [mark_decided(picture_look(one), word) for one in results]
    pictures = join_nodes(drawn, [one.seen for one in results])
    findings = tuple(one for result in results for one in result.findings if one.status is not Status.OK)
    return StatusReport(
        at=at,
        seconds=seconds,
        node=next(iter(pictures), None),
        findings=tuple(sorted(findings, key=_worst_first)),
        looked=tuple(row for one in results[:1] for row in list_looked(_node(one), one.seen, one.discovery.answers)),
        nodes=pictures,
        unreached=tuple(unreached),
        decisions=word,
    )


def picture_look(result: SurveyResult) -> NodePicture:
    """The node as one look found it."""
    titles: Mapping[Ref, tuple[str, str]] = {
        site.ref: (text_of(row_of(result.seen.value(site.ref, "engine.site")), "title") or site.engine, site.url)
        for site in result.sites
    }
    return picture_node(_node(result), result.seen, result.findings, titles)


def _node(result: SurveyResult) -> Ref:
    return node(result.seen.subjects("node")[0].name)


def _worst_first(one: Finding) -> tuple[int, str]:
    return -one.status, str(one.subject)
