"""Does it run, does its API answer, does each model answer, and is it the one that was asked?"""

from __future__ import annotations

from collections.abc import Iterator

from keepwell.checks.smoke.rows import Row, asked, because, number_of, tell
from keepwell.core.finding import Finding, Status
from keepwell.core.model_name import same_model
from keepwell.core.observation import Observation, Seen
from keepwell.core.values import text_of

#: States in which a service runs and cannot answer just now.
_PASSING = frozenset({"loading", "asleep"})
#: Digits of a digest that people compare.
_DIGITS = 12


def judge_service(seen: Seen) -> Iterator[Finding]:
    """CRITICAL where it does not run, WARNING where it loads or sleeps."""
    for one, row in asked(seen, "service"):
        state = text_of(row, "state")
        if state == "well":
            yield tell(seen, one, row, Status.OK, "runs", state=state)
        elif state in _PASSING:
            yield tell(seen, one, row, Status.WARNING, f"is {state}{because(row)}", state=state)
        else:
            yield tell(seen, one, row, Status.CRITICAL, f"does not serve: it is {state}{because(row)}", state=state)


def judge_api(seen: Seen) -> Iterator[Finding]:
    """CRITICAL where the list of models does not come; WARNING where it is empty."""
    for one, row in asked(seen, "api"):
        state, count = text_of(row, "state"), number_of(row, "models")
        if state == "unable":
            yield tell(seen, one, row, Status.UNKNOWN, f"was not asked for its models{because(row)}")
        elif state != "answered":
            yield tell(seen, one, row, Status.CRITICAL, f"does not list its models{because(row)}", state=state)
        elif not count:
            yield tell(seen, one, row, Status.WARNING, "offers no model", state=state)
        else:
            yield tell(seen, one, row, Status.OK, f"lists {count:.0f} model(s)", count=f"{count:.0f}")


def judge_answers(seen: Seen) -> Iterator[Finding]:
    """CRITICAL for a model that gives no words; UNKNOWN where none was asked."""
    for one, row in asked(seen, "answers"):
        yield _judge_answer(seen, one, row)


def _judge_answer(seen: Seen, one: Observation, row: Row) -> Finding:
    state, model = text_of(row, "state"), text_of(row, "model")
    if state == "unasked":
        return tell(seen, one, row, Status.UNKNOWN, f"was not asked for words{because(row)}")
    if state == "embeds":
        return tell(seen, one, row, Status.OK, f"embeds with {model}, which does not chat", kind=state)
    if state != "answered":
        return tell(seen, one, row, Status.CRITICAL, f"gives no words of {model}{because(row)}", kind=state)
    if not text_of(row, "text"):
        return tell(seen, one, row, Status.CRITICAL, f"answers for {model} without a word", kind="empty")
    loaded = {True: "", False: ", which had to be loaded,"}[row.get("loaded") is True]
    words = f"lets {model}{loaded} answer after {number_of(row, 'seconds'):.2f} s"
    return tell(seen, one, row, Status.OK, words, text=text_of(row, "text"))


def judge_model(seen: Seen) -> Iterator[Finding]:
    """WARNING where another model answered, by name or digest, or several models answer to any name."""
    for one, row in asked(seen, "model"):
        model, answered = text_of(row, "model"), text_of(row, "answered")
        listed, loaded = text_of(row, "listed"), text_of(row, "loaded")
        any_name = row.get("nonsense") is True
        if answered and not same_model(model, answered) and row.get("names_stand") is not True:
            words = f"was asked for {model}, and {answered} answered"
            yield tell(seen, one, row, Status.WARNING, words, kind="other-model", answered=answered)
        elif listed and loaded and listed != loaded:
            words = f"answers with other bytes of {model} than it lists now: {_short(loaded)}, not {_short(listed)}"
            yield tell(seen, one, row, Status.WARNING, words, kind="other-digest", listed=listed, loaded=loaded)
        elif any_name and number_of(row, "offered") > 1:
            words = "answers for a model that nobody has: the names of its answers prove nothing"
            yield tell(seen, one, row, Status.WARNING, words, kind="any-name")
        elif any_name:
            words = f"has {model} alone, and answers to any name: a wrong name is not noticed"
            yield tell(seen, one, row, Status.OK, words, kind="any-name")
        else:
            proof = f", of digest {_short(loaded)}" * bool(loaded)
            words = f"answers as {model}{proof}, and refuses a name that nobody has"
            yield tell(seen, one, row, Status.OK, words, loaded=loaded)


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:_DIGITS]
