"""Objectives: how much of each allowance is left, and how fast it goes. The names are Sloth's."""

from __future__ import annotations

from keepwell.export.board import Board, Panel, Query, Row, Variable, line

_CHOSEN = '{sloth_slo=~"$slo"}'
_NAME = "{{sloth_slo}}"
_LEFT = f"slo:period_error_budget_remaining:ratio{_CHOSEN}"

BOARD = Board(
    uid="keepwell-objectives",
    title="keepwell / objectives",
    help="How much of each objective's allowance is left, and how fast it goes.",
    variables=(Variable(name="slo", label="Objective", query="label_values(slo:objective:ratio, sloth_slo)"),),
    rows=(
        Row(
            title="Allowance",
            panels=(
                Panel(
                    title="Left of the period's allowance",
                    kind="table",
                    queries=(
                        Query(expression=f"sort(slo:period_error_budget_remaining:ratio{_CHOSEN})", legend=_NAME),
                    ),
                    unit="percentunit",
                ),
                line("Left, over time", _LEFT, _NAME, "percentunit"),
            ),
        ),
        Row(
            title="How fast it goes",
            panels=(
                Panel(
                    title="Times faster than allowed, by window",
                    queries=tuple(
                        Query(
                            expression=f"slo:sli_error:ratio_rate{window}{_CHOSEN}"
                            " / on (sloth_id, sloth_service, sloth_slo) group_left ()"
                            f" slo:error_budget:ratio{_CHOSEN}",
                            legend=f"{_NAME} {window}",
                        )
                        for window in ("5m", "1h", "6h")
                    ),
                ),
                Panel(
                    title="Share of bad events in six hours, against what is allowed",
                    queries=(
                        Query(expression=f"slo:sli_error:ratio_rate6h{_CHOSEN}", legend=_NAME),
                        Query(expression=f"slo:error_budget:ratio{_CHOSEN}", legend=f"{_NAME} may"),
                    ),
                    unit="percentunit",
                ),
            ),
        ),
    ),
)
