"""Objectives as other programs write them: Sloth's specification and OpenSLO, there and back. Pure: no YAML, no files.

keepwell counts requests itself, so what leaves asks for the shares that it counted; a label says how the objective was
declared, so that it comes back as it was. What others wrote holds queries, which keepwell cannot ask: the objective is
guessed from them, and the guess is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any

from keepwell.config.objective_model import MONTH_SECONDS, ObjectiveEntry
from keepwell.slo.finding import slug
from keepwell.slo.recording import labels_of
from keepwell.slo.saying import say_promise
from keepwell.slo.windows import name_window

#: Labels that say how an objective was declared begin with this.
LABEL = "keepwell_"
#: What may be read of one file.
MOST_OBJECTIVES = 500
#: Words of a query that tell what it measures, the first that fits counts.
_TIMED: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("ttft", re.compile(r"first_token|ttft|first_chunk")),
    ("tpot", re.compile(r"output_token_seconds|per_output_token|inter_token|tpot|output_chunk")),
    ("queue", re.compile(r"queue|waiting")),
    ("total", re.compile(r"duration|latency|e2e|request_seconds|total_seconds")),
)
_BUCKET = re.compile(r'\ble="([0-9.e+-]+)"')
_FAILING = re.compile(r"error|fail|5\.\.|5xx|outcome|code|status")
_ROUTE = re.compile(r'\b(?:route|model|model_name)="([^"]+)"')
_SPAN = re.compile(r"(\d+)([hdwMQY])")
_SPANS = {"h": 3600.0, "d": 86400.0, "w": 7 * 86400.0, "M": MONTH_SECONDS, "Q": 90 * 86400.0, "Y": 365 * 86400.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """An objective of a file, None where it cannot be one of keepwell's; `notes` say what was guessed or is missing."""

    name: str
    objective: ObjectiveEntry | None
    notes: tuple[str, ...] = ()


def make_sloth(objectives: Iterable[ObjectiveEntry]) -> Iterator[dict[str, Any]]:
    """A document of Sloth's `prometheus/v1` for each service."""
    services: dict[str, list[dict[str, Any]]] = {}
    for one in objectives:
        services.setdefault(labels_of(one)["sloth_service"], []).append(_sloth_slo(one))
    for service, slos in services.items():
        yield {"version": "prometheus/v1", "service": service, "labels": {"owner": "keepwell"}, "slos": slos}


def make_openslo(objectives: Iterable[ObjectiveEntry]) -> Iterator[dict[str, Any]]:
    """A document of `openslo/v1` for each objective."""
    for one in objectives:
        yield {
            "apiVersion": "openslo/v1",
            "kind": "SLO",
            "metadata": {"name": slug(one.name), "displayName": one.name, "labels": dict(_declared(one))},
            "spec": {
                "description": say_promise(one),
                "service": labels_of(one)["sloth_service"],
                "indicator": {
                    "metadata": {"name": f"{slug(one.name)}-ratio"},
                    "spec": {"ratioMetric": {"counter": False, "raw": {"metricSource": _source(_query(one, "5m"))}}},
                },
                "timeWindow": [{"duration": name_window(one.over_seconds), "isRolling": True}],
                "budgetingMethod": "Occurrences",
                "objectives": [{"displayName": one.name, "target": one.target}],
            },
        }


def read_documents(documents: Iterable[object]) -> list[Imported]:
    """The objectives of such documents, whoever wrote them. ValueError for one that is neither of the two kinds."""
    found: list[Imported] = []
    for one in documents:
        document = _table(one)
        if str(document.get("version", "")).startswith("prometheus/"):
            found += [_from_sloth(_table(slo), document) for slo in _list(document.get("slos"))]
        elif document.get("kind") == "PrometheusServiceLevel":
            spec = _table(document.get("spec"))
            found += [_from_sloth(_table(slo), spec) for slo in _list(spec.get("slos"))]
        elif str(document.get("apiVersion", "")).startswith("openslo/") and document.get("kind") == "SLO":
            found += list(_from_openslo(document))
        elif not str(document.get("apiVersion", "")).startswith("openslo/"):
            raise ValueError("it is neither a specification of Sloth (version: prometheus/v1) nor of OpenSLO")
    if len(found) > MOST_OBJECTIVES:
        raise ValueError(f"it holds more than {MOST_OBJECTIVES} objectives")
    return found


def _sloth_slo(one: ObjectiveEntry) -> dict[str, Any]:
    name = slug(one.name)
    return {
        "name": name,
        "objective": round(one.target * 100, 6),
        "description": say_promise(one),
        "labels": dict(_declared(one)),
        "sli": {"raw": {"error_ratio_query": _query(one, "{{.window}}")}},
        "alerting": {
            "name": "Keepwell" + "".join(part.title() for part in name.split("-")),
            "annotations": {"summary": f"keepwell slo {one.name}"},
            "page_alert": {"disable": not one.page, "labels": {"severity": "page"}},
            "ticket_alert": {"labels": {"severity": "ticket"}},
        },
    }


def _query(one: ObjectiveEntry, window: str) -> str:
    """The share that keepwell counted; a job has what was scraped, and not what Sloth's rules record of it."""
    return f'max(slo:sli_error:ratio_rate{window}{{sloth_id="{labels_of(one)["sloth_id"]}",job!=""}})'


def _source(query: str) -> dict[str, Any]:
    return {"type": "Prometheus", "spec": {"query": query}}


def _declared(one: ObjectiveEntry) -> Iterator[tuple[str, str]]:
    """How it was declared, but for what the specifications have themselves."""
    for field in fields(one):
        value = getattr(one, field.name)
        if field.name not in ("target", "over_seconds") and (field.default is MISSING or value != field.default):
            yield f"{LABEL}{field.name}", str(value)
    if one.over_seconds != MONTH_SECONDS:
        yield f"{LABEL}over_seconds", str(one.over_seconds)


def _from_sloth(slo: Mapping[str, Any], document: Mapping[str, Any]) -> Imported:
    target = slo.get("objective")
    sli = _table(slo.get("sli"))
    events, raw = _table(sli.get("events")), _table(sli.get("raw"))
    queries = [str(one) for one in (*events.values(), *raw.values())]
    labels = {**_table(document.get("labels")), **_table(slo.get("labels"))}
    share = None
    if isinstance(target, int | float):
        share = round(target / 100, 8)
    return _read(str(slo.get("name", "")), share, MONTH_SECONDS, labels, queries)


def _from_openslo(document: Mapping[str, Any]) -> Iterator[Imported]:
    meta, spec = _table(document.get("metadata")), _table(document.get("spec"))
    name = str(meta.get("name", ""))
    windows = [_table(one) for one in _list(spec.get("timeWindow"))]
    seconds, notes = MONTH_SECONDS, []
    for window in windows[:1]:
        found = _SPAN.fullmatch(str(window.get("duration", "")))
        if found:
            seconds = int(found[1]) * _SPANS[found[2]]
        if window.get("isRolling") is False:
            notes.append("its period is one of the calendar; here it rolls")
    queries = list(_texts(spec.get("indicator")))
    targets = [_table(one) for one in _list(spec.get("objectives"))]
    for number, one in enumerate(targets):
        share = one.get("target")
        if share is None and isinstance(one.get("targetPercent"), int | float):
            share = one["targetPercent"] / 100
        label = name + f"-{number + 1}" * (len(targets) > 1)
        read = _read(label, share, seconds, _table(meta.get("labels")), queries)
        yield Imported(name=read.name, objective=read.objective, notes=(*notes, *read.notes))


def _read(name: str, share: object, seconds: float, labels: Mapping[str, Any], queries: Sequence[str]) -> Imported:
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1:
        return Imported(name=name, objective=None, notes=("its objective is no share of less than all",))
    declared = {key.removeprefix(LABEL): str(value) for key, value in labels.items() if str(key).startswith(LABEL)}
    if "indicator" in declared:
        return _restore(name, {"over_seconds": str(seconds), **declared, "target": str(share)})
    return _guess(name, float(share), seconds, "\n".join(queries))


def _restore(name: str, declared: Mapping[str, str]) -> Imported:
    """As keepwell wrote it."""
    values: dict[str, Any] = {"name": name}
    try:
        for field in fields(ObjectiveEntry):
            if field.name in declared:
                values[field.name] = _READERS[str(field.type)](declared[field.name])
        return Imported(name=name, objective=ObjectiveEntry(**values))
    except ValueError:
        return Imported(name=name, objective=None, notes=("its labels are not those that keepwell writes",))


def _guess(name: str, share: float, seconds: float, query: str) -> Imported:
    low = query.lower()
    values: dict[str, Any] = {"name": name, "target": share, "over_seconds": seconds}
    routes = set(_ROUTE.findall(query))
    if len(routes) == 1:
        values["route"] = routes.pop()
    bucket = _BUCKET.search(query)
    timed = [indicator for indicator, words in _TIMED if words.search(low)]
    if bucket and timed:
        entry = ObjectiveEntry(**values, indicator=timed[0], within_seconds=float(bucket[1]))
    elif _FAILING.search(low) and not bucket:
        entry = ObjectiveEntry(**values, indicator="availability")
    else:
        words = "its query tells neither failed requests nor a time that keepwell knows"
        return Imported(name=name, objective=None, notes=(words,))
    return Imported(name=name, objective=entry, notes=(f"guessed from its query: {say_promise(entry)}",))


def _flag(text: str) -> bool:
    return text == "True"


_READERS: dict[str, Any] = {"str": str, "float": float, "bool": _flag, "int": int}


def _table(value: object) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    return {}


def _list(value: object) -> Sequence[Any]:
    if isinstance(value, list):
        return value
    return ()


def _texts(value: object) -> Iterator[str]:
    """Every text in it, however deep within reason."""
    waiting = [value]
    for _ in range(MOST_OBJECTIVES):
        if not waiting:
            return
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        waiting += list(_table(one).values())
        waiting += list(_list(one))
