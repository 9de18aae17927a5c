"""Rules and dashboards: no name that nobody writes, and promtool takes every expression."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from keepwell.export.board import Board, Query
from keepwell.export.boards import get_boards
from keepwell.export.grafana import render_board
from keepwell.export.known import find_names, known_names, require_known
from keepwell.export.rule_set import GROUPS, Group, Record
from keepwell.export.rules import recorded_names, render_rules
from keepwell.metrics.pages.objectives import ERROR_RATE, OBJECTIVE_NAMES
from keepwell.slo.recording import NAMES
from keepwell.slo.windows import NAMED
from tests.export.real import promtool

#: What Grafana puts in for its own words.
CHOICES = ("$slo", "$node", "$gpu", "$route", "$replica", "$engine")
GRAFANA = {"$__rate_interval": "1m", **dict.fromkeys(CHOICES, ".*")}
BOARDS = get_boards()


def queries(board: Board) -> list[Query]:
    return [one for row in board.rows for panel in row.panels for one in panel.queries]


def filled(expression: str) -> str:
    for word, value in GRAFANA.items():
        expression = expression.replace(word, value)
    assert "$" not in expression
    return expression


def test_a_name_that_nobody_writes_is_refused() -> None:
    assert require_known("rate(keepwell_gateway_requests_total[5m])")
    assert require_known('sum(keepwell_device_power_watts{node="keepwell_x"})')
    for wrong in (
        "keepwell_gateway_request_total",
        "keepwell_gateway_e2e_request_latency_seconds",
        "rate(keepwell_device_power[1m])",
        "route:nothing:rate5m > 1",
    ):
        with pytest.raises(ValueError, match="written by nobody"):
            require_known(wrong)
    with pytest.raises(ValueError, match="keepwell_nothing"):
        render_rules([Group(name="g", records=(Record(name="a:b:c", expression="keepwell_nothing"),))])


def test_names_in_words_and_ranges_are_none() -> None:
    assert list(find_names('max_over_time(keepwell_a_b[1h:5m]) + {x="keepwell_c"} + on (keepwell) d')) == [
        "keepwell_a_b"
    ]


def test_every_rule_asks_for_names_that_are_written() -> None:
    text = render_rules()
    assert text.count("- record: ") == len(recorded_names())
    names = [call.name for group in GROUPS for call in group.calls]
    assert len(names) == len(set(names))


def test_promtool_takes_the_rules(tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    path.write_text(render_rules(), encoding="utf-8")
    done = promtool("check", "rules", "--lint-fatal", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", BOARDS)
def test_every_panel_asks_for_names_that_are_written(name: str) -> None:
    made = render_board(BOARDS[name])
    assert made["uid"] == f"keepwell-{name}"
    assert json.loads(json.dumps(made)) == made
    panels = [*made["panels"], *(inner for one in made["panels"] for inner in one.get("panels", []))]
    numbers = [one["id"] for one in panels]
    assert sorted(numbers) == sorted(set(numbers))
    for one in panels:
        place = one["gridPos"]
        assert place["x"] + place["w"] <= 24
        assert {target["datasource"]["uid"] for target in one.get("targets", [])} <= {"${datasource}"}


@pytest.mark.parametrize("name", BOARDS)
def test_panels_do_not_lie_on_each_other(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for one in render_board(BOARDS[name])["panels"]:
        place = one["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, one["title"]
        taken |= cells


def test_promtool_takes_every_question_of_every_panel(tmp_path: Path) -> None:
    expressions = sorted({filled(one.expression) for board in BOARDS.values() for one in queries(board)})
    assert len(expressions) > 50
    rules = [{"record": f"a:b:c{number}", "expr": expression} for number, expression in enumerate(expressions)]
    path = tmp_path / "panels.yml"
    path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    done = promtool("check", "rules", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_that_the_gateway_tells_is_on_a_board() -> None:
    asked = {name for board in BOARDS.values() for one in queries(board) for name in find_names(one.expression)}
    asked |= {name for group in GROUPS for one in group.records for name in find_names(one.expression)}
    untold = {name for name in known_names() if name.startswith("keepwell_gateway_")} - asked
    others = {"keepwell_gateway_replica_limit", "keepwell_gateway_replica_breaker"}
    assert {name for name in untold if not name.endswith(("_sum", "_count"))} == others


def test_uids_are_as_they_were() -> None:
    """Addresses that people have bookmarked."""
    assert [one.uid for one in BOARDS.values()] == [
        "keepwell-fleet",
        "keepwell-requests",
        "keepwell-objectives",
        "keepwell-devices",
        "keepwell-engines",
        "keepwell-nodes",
        "keepwell-hub",
        "keepwell-everything",
    ]


def test_names_of_objectives_are_those_that_are_told() -> None:
    told = {*NAMES, *(ERROR_RATE + window for window, _ in NAMED)}
    assert told == set(OBJECTIVE_NAMES)
    asked = {name for one in queries(BOARDS["objectives"]) for name in find_names(one.expression)}
    assert asked <= told
