"""Did engines behind the gateway answer with the model that was asked, and do they still answer as they did?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Missing, Seen, Value
from keepwell.core.values import find_number, row_of, rows_of, text_of
from keepwell.plugins.facts import engine_finding

Row = Mapping[str, Value]


def judge_model(seen: Seen) -> Iterator[Finding]:
    """WARNING where answers through the gateway named another model than was asked."""
    for one in seen.named("gateway.mismatches"):
        rows = rows_of(one.value)
        if isinstance(one.value, Missing) or not rows:
            continue
        first = rows[0]
        count = sum(find_number(row.get("count")) or 0 for row in rows)
        asked, answered = text_of(first, "asked"), text_of(first, "answered")
        words = f"was asked for {asked} through the gateway, and {answered} answered ({count:.0f} answers in a day)"
        facts = {"kind": "other-model", "model": asked, "answered": answered, "count": f"{count:.0f}"}
        yield engine_finding(seen, one, "gateway.model", Status.WARNING, words, facts)


def judge_canary(seen: Seen) -> Iterator[Finding]:
    """WARNING where a model gives another answer to the same question than before: other weights, or another
    quantisation of them; OK where it gives the same again.
    """
    for one in seen.named("gateway.canaries"):
        rows = rows_of(one.value)
        other = [row for row in rows if find_number(row.get("other_since"))]
        if other:
            yield engine_finding(seen, one, "gateway.canary", Status.WARNING, _changed(other[0]), _facts(other[0]))
        elif any((find_number(row.get("times")) or 0) > 1 for row in rows):
            words = f"answers as it did before ({len(rows)} model(s))"
            yield engine_finding(seen, one, "gateway.canary", Status.OK, words, {})


def judge_names(seen: Seen) -> Iterator[Finding]:
    """WARNING where an engine answers for a model that nobody has: whoever asks it for the wrong one is not told."""
    for one in seen.named("gateway.canaries"):
        rows = rows_of(one.value)
        if any(row.get("nonsense") is True for row in rows):
            model = text_of(rows[0], "model")
            words = f"answers with {model} whatever model it is asked for: a wrong name is not refused there"
            facts = {"kind": "any-name", "model": model}
            yield engine_finding(seen, one, "gateway.names", Status.WARNING, words, facts)
        elif rows:
            yield engine_finding(seen, one, "gateway.names", Status.OK, "refuses a model that nobody has", {})


def _changed(row: Row) -> str:
    known, last = row_of(row.get("known")), row_of(row.get("last"))
    made = ""
    if text_of(known, "made_of") != text_of(last, "made_of"):
        made = f"; it was made of {text_of(known, 'made_of') or '?'}, and is of {text_of(last, 'made_of') or '?'} now"
    return (
        f"lets {text_of(row, 'model')} answer differently than before: {text_of(last, 'text')!r} "
        f"({text_of(last, 'digest')}) where it was {text_of(known, 'text')!r} ({text_of(known, 'digest')}){made}"
    )


def _facts(row: Row) -> dict[str, str]:
    known, last = row_of(row.get("known")), row_of(row.get("last"))
    kind = {True: "same-bytes", False: "other-bytes"}[text_of(known, "made_of") == text_of(last, "made_of")]
    return {
        "kind": kind,
        "model": text_of(row, "model"),
        "before": text_of(known, "digest"),
        "after": text_of(last, "digest"),
    }


CHECKS = (
    Check(
        id="gateway.model",
        title="Behind the gateway the model that was asked answers",
        needs=("gateway.mismatches",),
        judge=judge_model,
    ),
    Check(
        id="gateway.canary",
        title="A model answers a fixed question as it did before",
        needs=("gateway.canaries",),
        judge=judge_canary,
    ),
    Check(
        id="gateway.names",
        title="An engine refuses a model that nobody has",
        needs=("gateway.canaries",),
        judge=judge_names,
    ),
)
