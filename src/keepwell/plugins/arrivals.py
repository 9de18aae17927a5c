"""How the parts of a streamed answer arrived, as one row. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from keepwell.core.observation import Value
from keepwell.core.text import cut_text, escape_controls
from keepwell.formats.chat_answer import parse_chat_answer
from keepwell.plugins.ask import error_text
from keepwell.transport.base import Reply, Streamed

#: Digits of a second that are kept: a tenth of a millisecond.
DIGITS = 4
#: Seconds before the limit from which a stream that was not whole was stopped by it, not broken.
LATE_SECONDS = 0.05


def arrival_row(got: Streamed, limit_seconds: float) -> Mapping[str, Value]:
    """Status, parts, words, their times, whether the end came (`late`: the time was up before), and what was said in
    place of words.
    """
    if got.status != 200:
        said = error_text(Reply(status=got.status, headers=got.headers, body=got.body))
        return {"status": got.status, "said": said}
    times = [one.seconds for one in got.pieces if one.data]
    answer = parse_chat_answer(got.body)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    return {
        "status": got.status,
        "answered": answer.model,
        "pieces": len(times),
        "events": answer.events,
        "first_seconds": round(min(times, default=0.0), DIGITS),
        "last_seconds": round(max(times, default=0.0), DIGITS),
        "longest_gap_seconds": round(max(gaps, default=0.0), DIGITS),
        "ended": answer.ended,
        "whole": got.whole,
        "late": not got.whole and got.seconds >= limit_seconds - LATE_SECONDS,
        "finish": answer.finish,
        "encoding": escape_controls(cut_text(got.headers.get("content-encoding", ""), 40)),
        "said": answer.error or answer.problem or got.problem,
    }
