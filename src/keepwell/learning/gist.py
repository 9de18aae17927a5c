"""The gist of trouble: the lines that tell most of it, for comparing incidents and for keeping one in short."""

from __future__ import annotations

import re
from collections.abc import Iterable

from keepwell.core.finding import Finding
from keepwell.core.observation import Missing, Seen, Value
from keepwell.core.values import row_of, texts_of

#: Characters of a gist: a pasted excerpt whole, of a log its errors.
GIST_CHARS = 16 * 1024
#: Lines of logs that a gist holds, the last ones: what is wrong now.
LOG_LINES = 60
#: Characters of one of them.
LINE_CHARS = 400
#: Observations that hold lines of logs.
LOGS = ("log.text", "log.kernel")

_TROUBLE = re.compile(
    r"error|fail|fatal|panic|cannot|can't|could ?n.t|could not|unable|denied|refused|invalid|exception|abort|killed"
    r"|timed? ?out|not found|no such|unsupported|mismatch|missing|exceed|xid|oom|out of memory|no space|warn",
    re.IGNORECASE,
)
_PARTICULAR = re.compile(r"\d+|0x[0-9a-f]+|[0-9a-f]{8,}", re.IGNORECASE)


def gist_of(seen: Seen, findings: Iterable[Finding]) -> str:
    """The gist of a look: what its bad findings say, then lines of its logs that tell of errors, each kind once."""
    parts = [f"{one.check} {one.facts.get('kind', '')} {one.message}" for one in findings if one.bad]
    parts += pick_lines(line for name in LOGS for one in seen.named(name) for line in _lines(one.value))
    return "\n".join(parts)[:GIST_CHARS]


def gist_of_text(text: str) -> str:
    """The gist of a pasted text: all of a short one, of a long one its beginning and the lines that tell of errors."""
    if len(text) <= GIST_CHARS:
        return text
    head = text[: GIST_CHARS // 2]
    return "\n".join((head, *pick_lines(text[len(head) :].splitlines())))[:GIST_CHARS]


def pick_lines(lines: Iterable[str]) -> list[str]:
    """Lines that tell of errors, each kind once (numbers apart), the last `LOG_LINES` of them in their order."""
    kinds: dict[str, str] = {}
    for line in lines:
        if _TROUBLE.search(line):
            kind = _PARTICULAR.sub("#", line)[-LINE_CHARS:]
            kinds.pop(kind, None)
            kinds[kind] = line[:LINE_CHARS]
    return list(kinds.values())[-LOG_LINES:]


def _lines(value: Value | Missing) -> tuple[str, ...]:
    log = row_of(value)
    return (*texts_of(log.get("start_lines")), *texts_of(log.get("lines")))
