"""An overview from its JSON document: the inverse of `keepwell.app.plain.document`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from keepwell.app.overview.model import AlertRow, DeviceRow, EngineRow, ModelRow, NodeRow, Overview, RequestRow, WorkRow
from keepwell.core.finding import Status
from keepwell.core.observation import Missing

SCHEMA = "keepwell.overview/1"
Row = TypeVar("Row")


class _Absence(msgspec.Struct):
    missing: Literal["absent", "unknown", "failed"]
    reason: str


class _Document(msgspec.Struct):
    schema: str
    at: float
    here: str
    nodes: list[dict[str, Any]]
    requests: list[dict[str, Any]]
    work: list[dict[str, Any]]
    alerts: list[dict[str, Any]]
    notes: list[str]


def parse_overview(content: bytes) -> Overview:
    """Raises ValueError that says what does not fit. Fields that are not known are passed over."""
    told = msgspec.json.decode(content, type=_Document)
    if told.schema != SCHEMA:
        raise ValueError(f"its schema is {told.schema!r}, expected {SCHEMA!r}")
    return Overview(
        at=told.at,
        here=told.here,
        nodes=tuple(map(_read_node, told.nodes)),
        requests=tuple(_read(RequestRow, one) for one in told.requests),
        work=tuple(_read(WorkRow, one) for one in told.work),
        alerts=tuple(_read(AlertRow, one) for one in told.alerts),
        notes=tuple(told.notes),
    )


def _read_node(told: Mapping[str, Any]) -> NodeRow:
    engines = tuple(_read_engine(one) for one in _rows(told, "engines"))
    devices = tuple(_read(DeviceRow, one) for one in _rows(told, "devices"))
    return _read(NodeRow, {**told, "engines": engines, "devices": devices})


def _read_engine(told: Mapping[str, Any]) -> EngineRow:
    return _read(EngineRow, {**told, "models": tuple(_read(ModelRow, one) for one in _rows(told, "models"))})


def _rows(told: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = told.get(name)
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise ValueError(f"{name} is no list of rows")
    return found


def _read(kind: type[Row], told: Mapping[str, Any]) -> Row:
    try:
        return kind(**{name: _take(name, one, told[name]) for name, one in _fields(kind)})
    except KeyError as error:
        raise ValueError(f"a row of {kind.__name__} has no {error}") from error


_KNOWN: dict[type, tuple[tuple[str, Any], ...]] = {}


def _fields(kind: type) -> tuple[tuple[str, Any], ...]:
    """Names and types; they are read once."""
    found = _KNOWN.get(kind)
    if found is None:
        found = _KNOWN[kind] = tuple(get_type_hints(kind).items())
    return found


def _take(name: str, kind: Any, value: Any) -> Any:
    if kind is Status:
        return _read_status(value)
    if get_origin(kind) in (UnionType, Union) and Missing in get_args(kind):
        if isinstance(value, Mapping):
            return _read_missing(value)
        kind = next(one for one in get_args(kind) if one is not Missing)
    if get_origin(kind) is tuple:
        return value
    if kind is float and isinstance(value, int):
        value = float(value)
    if not isinstance(value, kind):
        raise ValueError(f"{name} is no {kind.__name__}: {value!r:.80}")
    return value


def _read_status(value: Any) -> Status:
    try:
        return Status[str(value).upper()]
    except KeyError as error:
        raise ValueError(f"{value!r:.80} is no status") from error


def _read_missing(value: Mapping[str, Any]) -> Missing:
    one = msgspec.convert(cast("dict[str, Any]", value), type=_Absence)
    return Missing(kind=one.missing, reason=one.reason)
