"""Writes dashboards as Grafana 10.4 and newer reads them: JSON for file provisioning or for its import page.

The data source is a choice above the panels, so that a board works wherever Prometheus is; its uid is stable.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from keepwell.export.board import Board, Panel, Row, Variable
from keepwell.export.known import require_known
from keepwell.export.rules import recorded_names

#: The version of the form, of Grafana 10.4.
SCHEMA_VERSION = 39
#: Columns of the grid, and its lines that a panel and a tile take.
COLUMNS = 24
HEIGHTS = {"lines": 8, "number": 4, "table": 8}
_KINDS = {"lines": "timeseries", "number": "stat", "table": "table"}
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def render_board(board: Board) -> dict[str, Any]:
    """The dashboard. Raises ValueError where a panel asks for a name that nobody writes."""
    return {
        "uid": board.uid,
        "title": board.title,
        "description": board.help,
        "tags": ["keepwell"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "30s",
        "timezone": "browser",
        "links": [{"type": "dashboards", "tags": ["keepwell"], "title": "keepwell", "asDropdown": True}],
        "annotations": {"list": []},
        "templating": {"list": [_datasource(), *map(_variable, board.variables)]},
        "panels": list(_Layout().place(board)),
    }


def render_provider(folder: str) -> str:
    """What Grafana needs to find dashboards in a folder; a file for its `provisioning/dashboards`."""
    return (
        "# Copy into Grafana's provisioning/dashboards; the folder below is where the dashboards lie.\n"
        "apiVersion: 1\n"
        "providers:\n"
        "  - name: keepwell\n"
        "    folder: keepwell\n"
        "    type: file\n"
        "    options:\n"
        f"      path: {json.dumps(folder, ensure_ascii=False)}\n"
    )


class _Layout:
    """Places panels from left to right and from top to bottom, and numbers them."""

    def __init__(self) -> None:
        self._number = self._x = self._y = self._high = 0

    def place(self, board: Board) -> Iterator[dict[str, Any]]:
        for row in board.rows:
            yield from self._row(row)

    def _row(self, row: Row) -> Iterator[dict[str, Any]]:
        self._break()
        head = {
            "id": self._next(),
            "type": "row",
            "title": row.title,
            "collapsed": row.folded,
            "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": self._y},
            "panels": [],
        }
        self._y += 1
        panels = [self._panel(one) for one in row.panels]
        if row.folded:
            yield {**head, "panels": panels}
            return
        yield head
        yield from panels

    def _panel(self, panel: Panel) -> dict[str, Any]:
        height = HEIGHTS[panel.kind]
        if self._x + panel.width > COLUMNS:
            self._break()
        place = {"h": height, "w": panel.width, "x": self._x, "y": self._y}
        self._x += panel.width
        self._high = max(self._high, height)
        return _render_panel(panel, self._next(), place)

    def _break(self) -> None:
        self._x, self._y, self._high = 0, self._y + self._high, 0

    def _next(self) -> int:
        self._number += 1
        return self._number


def _render_panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": _KINDS[panel.kind],
        "title": panel.title,
        "description": panel.help,
        "datasource": _SOURCE,
        "gridPos": place,
        "targets": list(_targets(panel)),
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _options(panel),
    }


def _targets(panel: Panel) -> Iterator[dict[str, Any]]:
    recorded = recorded_names()
    for place, one in enumerate(panel.queries):
        target = {
            "refId": chr(ord("A") + place),
            "datasource": _SOURCE,
            "expr": require_known(one.expression, recorded),
            "legendFormat": one.legend or "__auto",
            "instant": panel.kind != "lines",
            "range": panel.kind == "lines",
        }
        if panel.kind == "table":
            target["format"] = "table"
        yield target


def _defaults(panel: Panel) -> dict[str, Any]:
    found: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.unit == "celsius" or panel.kind == "table":
        del found["min"]
    if panel.highest is not None:
        found["max"] = panel.highest
    if panel.kind == "lines":
        stacking = {True: "normal", False: "none"}[panel.stacked]
        found["custom"] = {"fillOpacity": 10, "showPoints": "never", "stacking": {"mode": stacking}, "spanNulls": False}
    return found


def _options(panel: Panel) -> dict[str, Any]:
    if panel.kind == "lines":
        return {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    if panel.kind == "number":
        return {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "none", "graphMode": "none"}
    return {}


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0}


def _variable(one: Variable) -> dict[str, Any]:
    return {
        "name": one.name,
        "label": one.label,
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": require_known(one.query), "refId": "keepwell"},
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
        "sort": 1,
    }
