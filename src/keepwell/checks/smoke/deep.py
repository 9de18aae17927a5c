"""Streams, embeddings, tools, the end of the context, several requests at once."""

from __future__ import annotations

from collections.abc import Iterator

from keepwell.checks.smoke.rows import Row, asked, because, number_of, tell
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Seen
from keepwell.core.values import text_of

#: Words that must have come before their spread in time means anything.
EVENTS = 8
#: A stream that took this long and came within this share of it was held back.
LONG_SECONDS, HELD_SHARE = 0.5, 0.25
#: Share of the context that a prompt which is cut has to fill: an engine may keep room for the answer.
SHORT_SHARE = 0.75
#: Words of a refusal that is about the length of a prompt.
_LENGTH = ("context", "too long", "exceed", "maximum", "length")


def judge_streams(seen: Seen) -> Iterator[Finding]:
    """CRITICAL where no stream comes or it breaks, WARNING where it comes all at once."""
    for one, row in asked(seen, "streams"):
        kind, words = _broken(row)
        first, last = number_of(row, "first_seconds"), number_of(row, "last_seconds")
        events = number_of(row, "events")
        if text_of(row, "state") == "unable":
            yield tell(seen, one, row, Status.UNKNOWN, f"was not asked for a stream{because(row)}")
        elif kind:
            yield tell(seen, one, row, Status.CRITICAL, words, kind=kind)
        elif events >= EVENTS and last > LONG_SECONDS and last - first < HELD_SHARE * last:
            words = f"holds its stream back: all of it came {first:.1f} s after the request"
            yield tell(seen, one, row, Status.WARNING, words, kind="at-once")
        else:
            words = f"streams {events:.0f} parts, the first after {first:.2f} s, and ends well"
            yield tell(seen, one, row, Status.OK, words, first_seconds=f"{first:.3f}")


def _broken(row: Row) -> tuple[str, str]:
    """The kind of fault of a stream and words for it, ("", "") for none."""
    status = int(number_of(row, "status"))
    if status != 200:
        return "refused", f"gives no stream (status {status}){because(row)}"
    if row.get("late") is True:
        return "", ""
    if row.get("ended") is not True:
        return "cut", f"stops within a stream, without the mark of its end{because(row)}"
    if not number_of(row, "events"):
        return "empty", "streams no word"
    if text_of(row, "said"):
        return "malformed", f"breaks a stream{because(row)}"
    return "", ""


def judge_embeds(seen: Seen) -> Iterator[Finding]:
    """WARNING for an embedding that cannot be used; UNKNOWN where this model gives none."""
    for one, row in asked(seen, "embeds"):
        state, model = text_of(row, "state"), text_of(row, "model")
        if state == "unable":
            yield tell(seen, one, row, Status.UNKNOWN, f"gives no embedding of {model}{because(row)}")
        elif state != "answered":
            words = f"gives no usable embedding of {model}{because(row)}"
            yield tell(seen, one, row, Status.WARNING, words, kind=state)
        else:
            count = f"{number_of(row, 'dimensions'):.0f}"
            yield tell(seen, one, row, Status.OK, f"embeds with {model} in {count} numbers", dimensions=count)


def judge_tools(seen: Seen) -> Iterator[Finding]:
    """WARNING where a call cannot be read, or a model that is said to call tools calls none; UNKNOWN where nobody says
    that it can.
    """
    for one, row in asked(seen, "tools"):
        model, calls = text_of(row, "model"), number_of(row, "calls")
        told = text_of(row, "told") == "yes"
        if calls and not number_of(row, "good"):
            words = f"lets {model} call a tool, and the call cannot be used: another name, or arguments that are none"
            yield tell(seen, one, row, Status.WARNING, words, kind="unusable")
        elif calls:
            yield tell(seen, one, row, Status.OK, f"lets {model} call the tool that it is offered")
        elif told and text_of(row, "state") != "answered":
            words = f"says that {model} calls tools, and refuses to offer it one{because(row)}"
            yield tell(seen, one, row, Status.WARNING, words, kind="refused")
        elif told:
            words = f"says that {model} calls tools, and it called none: it said {text_of(row, 'text')[:60]!r}"
            yield tell(seen, one, row, Status.WARNING, words, kind="no-call")
        else:
            why = because(row) or ": nobody says that it can, and it called none"
            yield tell(seen, one, row, Status.UNKNOWN, f"was asked for a call of a tool by {model}{why}")


def judge_context(seen: Seen) -> Iterator[Finding]:
    """OK where a prompt beyond the context is refused for its length, or cut: the message says which. WARNING for any
    other end; UNKNOWN where it was not tried, or nothing tells.
    """
    for one, row in asked(seen, "context"):
        status, words = _judge_context(row)
        kind, _, message = words.partition("|")
        yield tell(seen, one, row, status, message, kind=kind, limit=f"{number_of(row, 'limit'):.0f}")


def _judge_context(row: Row) -> tuple[Status, str]:
    """The status, and kind and words in one text."""
    state, limit, words = text_of(row, "state"), number_of(row, "limit"), number_of(row, "words")
    read, said = number_of(row, "input_tokens"), text_of(row, "said").lower()
    exact = row.get("exact") is True
    if state == "unasked":
        return Status.UNKNOWN, f"unasked|was not given a prompt beyond its context{because(row)}"
    if state == "silent":
        return Status.UNKNOWN, f"slow|did not read a prompt of {words:.0f} words in time"
    if state == "answered":
        return _judge_read(read, words, limit * exact)
    if 400 <= number_of(row, "status") < 500 and any(word in said for word in _LENGTH):
        return Status.OK, f"refused|refuses a prompt that is longer than its context{because(row)}"
    return Status.WARNING, f"broken|breaks on a prompt of {words:.0f} words{because(row)}"


def _judge_read(read: float, words: float, limit: float) -> tuple[Status, str]:
    """What it means that so many tokens were read of so many words or more; `limit` is 0 where it is not known."""
    if read <= 0:
        return Status.UNKNOWN, f"untold|answered a prompt of {words:.0f} words; how much it read it does not tell"
    if limit and read > limit:
        return Status.WARNING, f"beyond|told of a context of {limit:.0f} tokens, and read {read:.0f}"
    if limit and read < SHORT_SHARE * limit:
        told = f"told of a context of {limit:.0f} tokens, and read only {read:.0f} of a longer prompt"
        return Status.WARNING, f"short|{told}"
    if read >= words:
        return Status.OK, f"whole|read a prompt of {read:.0f} tokens whole; a longer one was not tried"
    return Status.OK, f"cut|cuts a prompt beyond its context and tells nobody: of {words:.0f} words it read {read:.0f}"


def judge_concurrency(seen: Seen) -> Iterator[Finding]:
    """CRITICAL where one of several requests at once is not answered, or by another model."""
    for one, row in asked(seen, "concurrency"):
        number, answered = number_of(row, "at_once"), number_of(row, "answered")
        if answered < number:
            words = f"answers {answered:.0f} of {number:.0f} requests at once{because(row)}"
            yield tell(seen, one, row, Status.CRITICAL, words, kind="unanswered")
        elif number_of(row, "wrong_model"):
            words = f"lets another model answer some of {number:.0f} requests at once"
            yield tell(seen, one, row, Status.CRITICAL, words, kind="other-model")
        else:
            same = number_of(row, "same")
            other = f"; {number - same:.0f} in other words than one alone, as batches may" * (same < number)
            words = f"answers {number:.0f} requests at once in {number_of(row, 'seconds'):.2f} s"
            alone = f" (one alone {number_of(row, 'alone_seconds'):.2f} s)"
            yield tell(seen, one, row, Status.OK, words + alone + other, same=f"{same:.0f}")
