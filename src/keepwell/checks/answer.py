"""Do models answer, is it the model that was asked, are tokens counted, and does it stay in memory afterwards?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.model_name import same_model
from keepwell.core.observation import Missing, Observation, Seen, Value
from keepwell.core.values import find_number, rows_of, text_of
from keepwell.plugins.facts import engine_facts, engine_title, looked_at, not_seen

Row = Mapping[str, Value]
#: Words for each way in which an answer did not come.
_WAYS: Mapping[str, str] = {
    "refused": "refuses to let {model} answer",
    "failed": "cannot let {model} answer",
    "malformed": "answers for {model}, but not in the promised form",
    "silent": "gives no answer of {model} in time",
}


def judge_given(seen: Seen) -> Iterator[Finding]:
    """CRITICAL when a model that was asked for a few words gives none; one that only embeds is well."""
    for one in seen.named("engine.answers"):
        yield from not_seen("answer.given", seen, one)
    for one, rows in _asked(seen):
        bad = [row for row in rows if text_of(row, "state") in _WAYS]
        dumb = [row for row in rows if _is_dumb(row)]
        if bad:
            row = bad[0]
            kind = text_of(row, "state")
            facts = _facts(row, kind=_why(row))
            words = f"{_WAYS[kind].format(model=text_of(row, 'model'))}: {text_of(row, 'said')}"
            yield _finding(seen, one, "answer.given", Status.CRITICAL, words, facts)
        elif dumb:
            row = dumb[0]
            words = f"has {text_of(row, 'model')}, which neither answers nor embeds: {text_of(row, 'said')}"
            yield _finding(seen, one, "answer.given", Status.WARNING, words, _facts(row, kind=_why(row)))
        elif rows:
            words = f"lets {len(rows)} model(s) answer, {text_of(rows[0], 'model')} after {_seconds(rows[0])}"
            yield _finding(seen, one, "answer.given", Status.OK, words, _facts(rows[0]))


def judge_model(seen: Seen) -> Iterator[Finding]:
    """WARNING when another model answered than was asked, by its name or by its digest.

    A gateway's names stand for models of other names, so that those say nothing.
    """
    for one, rows in _asked(seen):
        told = [row for row in rows if text_of(row, "answered")]
        named = [row for row in told if row.get("gateway") is not True]
        wrong = [row for row in named if not same_model(text_of(row, "model"), text_of(row, "answered"))]
        other = next((found for row in told if (found := _other_digest(seen, one, text_of(row, "model")))), {})
        if wrong:
            words = f"was asked for {text_of(wrong[0], 'model')}, and {text_of(wrong[0], 'answered')} answered"
            facts = _facts(wrong[0], kind="other-model") | {"answered": text_of(wrong[0], "answered")}
            yield _finding(seen, one, "answer.model", Status.WARNING, words, facts)
        elif other:
            words = f"answers with other bytes of {other['model']} than its store now lists: load it again"
            yield _finding(seen, one, "answer.model", Status.WARNING, words, {"kind": "other-digest", **other})
        elif told:
            yield _finding(seen, one, "answer.model", Status.OK, "answers with the model that is asked for", {})


def judge_counted(seen: Seen) -> Iterator[Finding]:
    """WARNING when the counts of tokens cannot be: more than were asked for, or none for words that came."""
    for one, rows in _asked(seen):
        answered = [row for row in rows if text_of(row, "state") == "answered"]
        wrong = next((found for row in answered if (found := _miscount(row))), "")
        if wrong:
            yield _finding(seen, one, "answer.counted", Status.WARNING, wrong, {"kind": "miscount"})
        elif answered:
            yield _finding(seen, one, "answer.counted", Status.OK, "counts the tokens of its answers", {})


def judge_embedding(seen: Seen) -> Iterator[Finding]:
    """WARNING when an embedding was tried and broke; nothing for models that have none."""
    for one, rows in _asked(seen):
        tried = [row for row in rows if text_of(row, "embedding_state") not in ("", "unable")]
        bad = [row for row in tried if text_of(row, "embedding_state") != "answered"]
        if bad:
            kind = text_of(bad[0], "embedding_state")
            words = f"gives no usable embedding of {text_of(bad[0], 'model')}: {text_of(bad[0], 'embedding_said')}"
            facts = _facts(bad[0], kind=kind) | {"said": text_of(bad[0], "embedding_said")}
            yield _finding(seen, one, "answer.embedding", Status.WARNING, words, facts)
        elif tried:
            words = f"embeds with {text_of(tried[0], 'model')} in {text_of(tried[0], 'embedding_dimensions')} numbers"
            facts = {"dimensions": text_of(tried[0], "embedding_dimensions")}
            yield _finding(seen, one, "answer.embedding", Status.OK, words, facts)


def judge_stays(seen: Seen) -> Iterator[Finding]:
    """WARNING when a model leaves memory as soon as it has answered, so that every request loads it."""
    for one, rows in _asked(seen):
        after = seen.value(one.subject, "engine.loaded_after")
        answered = [text_of(row, "model") for row in rows if text_of(row, "state") == "answered"]
        if isinstance(after, Missing) or not answered:
            continue
        there = rows_of(after)
        gone = [name for name in answered if not any(_stays(row, name, one.at) for row in there)]
        if gone:
            words = f"drops {gone[0]} from memory as soon as it has answered: every request loads it again"
            facts = {"kind": "dropped", "model": gone[0]}
            yield _finding(seen, one, "answer.stays", Status.WARNING, words, facts)
        else:
            yield _finding(seen, one, "answer.stays", Status.OK, _describe_stay(one, there), {})


def _stays(row: Row, name: str, now: float) -> bool:
    """Whether this row is that model, and its time is not over: one that leaves is still listed for a moment."""
    ends = find_number(row.get("expires_at")) or 0.0
    return same_model(name, text_of(row, "name")) and (ends == 0.0 or ends > now)


def _describe_stay(one: Observation, rows: tuple[Row, ...]) -> str:
    """Which models are in memory, where they lie, and until when."""
    told = []
    for row in rows:
        words = text_of(row, "name")
        ratio, ends = find_number(row.get("gpu_ratio")), find_number(row.get("expires_at")) or 0.0
        if ratio is not None:
            words += f" ({ratio:.0%} on GPUs)"
        if ends > one.at:
            words += f" for {_span(ends - one.at)}"
        told.append(words)
    return f"keeps in memory: {', '.join(told)}"


def _span(seconds: float) -> str:
    if seconds > 10 * 365 * 86_400:
        return "ever"
    if seconds > 7200:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds:.0f} s"


def _asked(seen: Seen) -> Iterator[tuple[Observation, tuple[Row, ...]]]:
    """Each engine whose models were asked, with its rows; engines that nobody asked are left out."""
    for one in seen.named("engine.answers"):
        if rows_of(one.value):
            yield one, rows_of(one.value)


def _why(row: Row) -> str:
    """The state, or "no-template" where the server says that the model has no chat template."""
    said = text_of(row, "said").lower()
    return {True: "no-template", False: text_of(row, "state")}["chat template" in said]


def _is_dumb(row: Row) -> bool:
    return text_of(row, "state") == "unable" and text_of(row, "embedding_state") != "answered"


def _seconds(row: Row) -> str:
    return f"{find_number(row.get('seconds')) or 0.0:.2f} s"


def _miscount(row: Row) -> str:
    asked, counted = find_number(row.get("tokens")) or 0.0, find_number(row.get("output_tokens")) or 0.0
    model, text = text_of(row, "model"), text_of(row, "text")
    if counted > asked:
        return f"counts {counted:.0f} tokens of {model} where at most {asked:.0f} were asked for"
    if text and not counted:
        return f"counts no token of {model}, although words came"
    return ""


def _other_digest(seen: Seen, one: Observation, model: str) -> dict[str, str]:
    """Both digests where a loaded model is made of other bytes than the store lists under its name; else {}."""
    listed = [row for row in rows_of(seen.value(one.subject, "engine.models")) if text_of(row, "name") == model]
    loaded = [row for row in rows_of(seen.value(one.subject, "engine.loaded_after")) if text_of(row, "name") == model]
    pairs = [(text_of(a, "digest"), text_of(b, "digest")) for a in listed for b in loaded]
    different = [(a, b) for a, b in pairs if a and b and a != b]
    return next(({"model": model, "listed": a, "loaded": b} for a, b in different), {})


def _facts(row: Row, **more: str) -> dict[str, str]:
    names = ("model", "status", "said", "request")
    return {name: text_of(row, name) for name in names} | more


def _finding(seen: Seen, one: Observation, check: str, status: Status, words: str, facts: Mapping[str, str]) -> Finding:
    return Finding(
        check=check,
        subject=one.subject,
        status=status,
        message=f"{engine_title(seen, one.subject)} {words}",
        facts=engine_facts(seen, one.subject, **facts),
        evidence=looked_at(seen, one.subject, "engine.answers", "engine.loaded_after"),
    )


CHECKS = (
    Check(
        id="answer.given",
        title="A model that is asked for a few words gives them",
        needs=("engine.answers",),
        judge=judge_given,
        level=3,
    ),
    Check(
        id="answer.model",
        title="The model that answers is the one that was asked",
        needs=("engine.answers", "engine.loaded_after", "engine.models"),
        judge=judge_model,
        level=3,
    ),
    Check(
        id="answer.counted",
        title="Tokens of an answer are counted",
        needs=("engine.answers",),
        judge=judge_counted,
        level=3,
    ),
    Check(
        id="answer.embedding",
        title="A model that embeds gives a usable embedding",
        needs=("engine.answers",),
        judge=judge_embedding,
        level=3,
    ),
    Check(
        id="answer.stays",
        title="A model stays in memory after it answered",
        needs=("engine.answers", "engine.loaded_after"),
        judge=judge_stays,
        level=3,
    ),
)
