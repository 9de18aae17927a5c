"""Has something changed under a running engine that it has not noticed?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.ref import Ref, node
from keepwell.core.values import find_number, row_of, rows_of, text_of
from keepwell.plugins.facts import engine_facts, engine_title, looked_at

#: Events that may leave a running engine with something old, and the word for each kind of finding. The topic of a
#: package comes after a colon.
RELEVANT: dict[str, str] = {
    "resume": "resumed",
    "reload": "reloaded",
    "package:driver": "driver-changed",
    "package:container-toolkit": "toolkit-changed",
    "package:engine": "engine-changed",
}


def judge_timeline(seen: Seen) -> Iterator[Finding]:
    """Bad when something changed after an engine was started and it shows: the GPU does not work any more, or the
    engine's own package was replaced. A change that did no harm is told, and the finding stays OK.
    """
    for engine in seen.subjects("engine"):
        one = seen.find(node(engine.node), "host.timeline")
        started = find_number(row_of(seen.value(engine, "engine.process")).get("started_at"))
        if one is None or started is None:
            continue
        later = [row for row in rows_of(one.value) if _word(row) and (find_number(row.get("at")) or 0.0) > started]
        yield _judge(engine, one, later, seen)


def _judge(engine: Ref, one: Observation, later: list[Mapping[str, Value]], seen: Seen) -> Finding:
    judged = [(row, _shows(_word(row), engine, seen)) for row in later]
    bad = [row for row, shows in judged if shows]
    status, words, facts = Status.OK, "nothing that matters has changed since it was started", {"kind": "none"}
    for row in (bad or later)[-1:]:
        moment = datetime.fromtimestamp(find_number(row.get("at")) or 0.0, UTC).isoformat(timespec="seconds")
        facts = {"kind": _word(row), "what": text_of(row, "what"), "at": moment, "version": text_of(row, "version")}
        words = f"since it was started {facts['what']} ({moment})"
        if bad:
            status = Status.WARNING
            words += ", and it has not been started again"
    return Finding(
        check="clock.timeline",
        subject=engine,
        status=status,
        message=f"{engine_title(seen, engine)}: {words}",
        facts=engine_facts(seen, engine, **facts),
        evidence=(one, *looked_at(seen, engine, "engine.process", "engine.loaded")),
    )


def _word(row: Mapping[str, Value]) -> str:
    key = ":".join(part for part in (text_of(row, "kind"), text_of(row, "topic")) if part)
    return RELEVANT.get(key, "")


def _shows(word: str, engine: Ref, seen: Seen) -> bool:
    """True if the state of the node or the engine shows that this change did harm."""
    if word == "engine-changed":
        return True
    if word == "driver-changed":
        return _differs(seen, engine.node)
    if word == "resumed":
        return _runtime_fails(seen, engine.node) or _wholly_on_cpu(seen, engine)
    supervisor = text_of(row_of(seen.value(engine, "engine.supervisor")), "kind")
    return supervisor == "container" and _wholly_on_cpu(seen, engine)


def _differs(seen: Seen, node_name: str) -> bool:
    rows = rows_of(seen.value(node(node_name), "device.driver"))
    return any(
        text_of(row, "module") and text_of(row, "library") and text_of(row, "module") != text_of(row, "library")
        for row in rows
    )


def _runtime_fails(seen: Seen, node_name: str) -> bool:
    rows = rows_of(seen.value(node(node_name), "device.runtime"))
    return any((find_number(row.get("code")) or 0.0) != 0.0 for row in rows)


def _wholly_on_cpu(seen: Seen, engine: Ref) -> bool:
    """True if models are loaded on a node with a GPU, and none has a byte there."""
    rows = rows_of(seen.value(engine, "engine.loaded"))
    told = [find_number(row.get("gpu_ratio")) for row in rows]
    return (
        bool(rows_of(seen.value(node(engine.node), "device.list"))) and bool(told) and all(one == 0.0 for one in told)
    )


CHECKS: tuple[Check, ...] = (
    Check(
        id="clock.timeline",
        title="Nothing changed under a running engine to its harm",
        needs=("host.timeline", "engine.process", "engine.loaded", "device.runtime", "device.driver"),
        judge=judge_timeline,
        level=2,
    ),
)
