"""Writes the rules as Prometheus reads them: a YAML file of groups."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from keepwell.export.known import require_known
from keepwell.export.rule_set import GROUPS, INTERVAL, Call, Group, Record

_HEAD = """\
# Rules for Prometheus, written by `keepwell export rules`. Load them by
#   rule_files: ["keepwell-rules.yml"]
# and let it read the gateway's page and the hub's, each below /metrics.
"""


def recorded_names(groups: Sequence[Group] = GROUPS) -> frozenset[str]:
    """Names of all series that the rules compute."""
    return frozenset(one.name for group in groups for one in group.records)


def render_rules(groups: Sequence[Group] = GROUPS) -> str:
    """The file. Raises ValueError where a rule asks for a name that nobody writes."""
    recorded = recorded_names(groups)
    return _HEAD + "groups:\n" + "".join(line for one in groups for line in _group(one, recorded))


def _group(group: Group, recorded: frozenset[str]) -> Iterator[str]:
    yield f"  - name: {_text(group.name)}\n    interval: {INTERVAL}\n    rules:\n"
    for record in group.records:
        yield from _record(record, recorded)
    for call in group.calls:
        yield from _call(call, recorded)


def _record(one: Record, recorded: frozenset[str]) -> Iterator[str]:
    yield f"      - record: {_text(one.name)}\n"
    yield f"        expr: {_text(require_known(one.expression, recorded))}\n"


def _call(one: Call, recorded: frozenset[str]) -> Iterator[str]:
    yield f"      - alert: {_text(one.name)}\n"
    yield f"        expr: {_text(require_known(one.expression, recorded))}\n"
    yield f"        for: {one.hold}\n"
    yield f"        labels:\n          severity: {one.severity}\n"
    yield f"        annotations:\n          summary: {_text(one.summary)}\n          command: {_text(one.fix)}\n"


def _text(value: str) -> str:
    """A text between double quotes: JSON's are YAML's as well."""
    return json.dumps(value, ensure_ascii=False)
