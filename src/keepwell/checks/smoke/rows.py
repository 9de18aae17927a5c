"""What the checks of a smoke test share: rows of `smoke.asked`, and findings about an engine or one of its models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing, Observation, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.values import find_number, rows_of, text_of
from keepwell.plugins.facts import engine_facts, engine_title

Row: TypeAlias = Mapping[str, Value]


def asked(seen: Seen, question: str) -> Iterator[tuple[Observation, Row]]:
    """Each row of this question."""
    for one in seen.named("smoke.asked"):
        if isinstance(one.value, Missing):
            continue
        yield from ((one, row) for row in rows_of(one.value) if text_of(row, "question") == question)


def tell(seen: Seen, one: Observation, row: Row, status: Status, words: str, **facts: object) -> Finding:
    """The finding about a row: `words` follow the name of the engine, `facts` are further ones ("" is left out)."""
    question, model = text_of(row, "question"), text_of(row, "model")
    known = {"model": model, "seconds": seconds_of(row), "said": text_of(row, "said")}
    return Finding(
        check=f"smoke.{question}",
        subject=subject_of(one, model),
        status=status,
        message=f"{engine_title(seen, one.subject)} {words}",
        facts=engine_facts(seen, one.subject, **{**known, **facts}),
        evidence=(one,),
    )


def subject_of(one: Observation, model: str) -> Ref:
    """The model, or the engine where the row is about no model."""
    if not model:
        return one.subject
    return Ref("model", (*one.subject.path, model))


def number_of(row: Row, name: str) -> float:
    """The number, 0 where there is none."""
    return find_number(row.get(name)) or 0.0


def seconds_of(row: Row) -> str:
    """How long it took, in milliseconds' precision; "" where it was not timed."""
    found = find_number(row.get("seconds"))
    if found is None:
        return ""
    return f"{found:.3f}"


def because(row: Row) -> str:
    """What was said, behind a colon."""
    said = text_of(row, "said")
    return f": {said}" * bool(said)
