"""Plans as bytes: JSON, each action with its kind, file contents in base64. What a journal keeps of a run."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, get_args

import msgspec

from keepwell.core.errors import DamagedError
from keepwell.core.ref import Ref
from keepwell.core.step import Action, Activation, Change, Plan, Serving

#: Changes when an old plan could no longer be read.
SCHEMA = "keepwell.plan/1"
_KINDS: dict[str, type] = {kind.__name__: kind for kind in (*get_args(Action), *get_args(Activation))}


def render_plan(plan: Plan) -> bytes:
    """The plan as one line of JSON; `parse_plan` is the inverse."""
    return msgspec.json.encode({"schema": SCHEMA, "plan": _plain(plan)})


def parse_plan(content: bytes) -> Plan:
    """The plan that these bytes hold; DamagedError if they hold none."""
    try:
        document = msgspec.json.decode(content)
        if document["schema"] != SCHEMA:
            raise ValueError(f"its schema is not {SCHEMA}")
        row = document["plan"]
        row["subject"] = Ref.parse(row["subject"])
        if row.get("engine") is not None:
            row["engine"] = Ref.parse(row["engine"])
        row["changes"] = tuple(_change(one) for one in row["changes"])
        row["activate"] = tuple(_action(one) for one in row["activate"])
        row["proof"] = tuple(msgspec.convert(one, Serving) for one in row.get("proof", ()))
        row["wishes"] = tuple(row.get("wishes", ()))
        return Plan(**row)
    except (msgspec.MsgspecError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"not a plan: {error}") from error


def _plain(value: object) -> object:
    """The value as msgspec can write it: actions named, Refs as text."""
    if isinstance(value, Ref):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if not is_dataclass(value):
        return value
    row = {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if type(value).__name__ in _KINDS:
        row["action"] = type(value).__name__
    return row


def _change(row: dict[str, Any]) -> Change:
    row["subject"] = Ref.parse(row["subject"])
    row["do"] = _action(row["do"])
    if row["undo"] is not None:
        row["undo"] = _action(row["undo"])
    return Change(**row)


def _action(row: dict[str, Any]) -> Any:
    kind = _KINDS[row.pop("action")]
    return msgspec.convert(row, kind)
