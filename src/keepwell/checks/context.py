"""Do prompts fit into the context? Told by the engine's own words: one that cuts in silence tells only its log."""

from __future__ import annotations

import re
from collections.abc import Iterator

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Missing, Seen
from keepwell.core.values import row_of, texts_of
from keepwell.plugins.facts import engine_facts, engine_title, looked_at

#: What servers write when a prompt is longer than the context: kind, and where limit and prompt length stand.
_SIGNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("cut", re.compile(r"truncating input prompt.*?limit=(?P<limit>\d+).*?prompt=(?P<prompt>\d+)")),
    (
        "refused",
        re.compile(r"\((?P<prompt>\d+) tokens\) exceeds the available context size \((?P<limit>\d+) tokens\)"),
    ),
    (
        "refused",
        re.compile(
            r"maximum context length is (?P<limit>\d+) tokens.*?(?:contains at least|resulted in) (?P<prompt>\d+)"
        ),
    ),
)


#: Tokens for the answer besides the prompt, and the steps in which a wished context grows.
ANSWER_TOKENS = 512
STEP_TOKENS = 1024


def judge_fits(seen: Seen) -> Iterator[Finding]:
    """WARNING when the log of the window tells of a prompt that was cut or refused for its length."""
    for one in seen.named("log.text"):
        if isinstance(one.value, Missing):
            if row_of(seen.value(one.subject, "engine.process")):
                words = f"{engine_title(seen, one.subject)}: whether prompts were cut only its log tells: {one.value}"
                yield Finding(check="context.fits", subject=one.subject, status=Status.UNKNOWN, message=words)
            continue
        found = [sign for line in texts_of(row_of(one.value).get("lines")) if (sign := find_overflow(line))]
        title = engine_title(seen, one.subject)
        evidence = looked_at(seen, one.subject, "log.text")
        if not found:
            words = f"{title} cut or refused no prompt for its length"
            yield Finding(check="context.fits", subject=one.subject, status=Status.OK, message=words, evidence=evidence)
            continue
        kind, limit, prompt = found[-1]
        wished = wished_context(max(int(one[2]) for one in found))
        yield Finding(
            check="context.fits",
            subject=one.subject,
            status=Status.WARNING,
            message=f"{title}: a prompt of {prompt} tokens was {kind}, the context holds {limit} ({len(found)} times)",
            facts=engine_facts(
                seen, one.subject, kind=kind, limit=limit, prompt=prompt, count=len(found), wished=wished
            ),
            evidence=evidence,
        )


def wished_context(prompt: int) -> int:
    """A context in tokens that holds a prompt of so many and its answer."""
    return -(-(prompt + ANSWER_TOKENS) // STEP_TOKENS) * STEP_TOKENS


def find_overflow(line: str) -> tuple[str, str, str] | None:
    """Kind, limit and prompt length in tokens, if the line tells of a prompt beyond the context."""
    for kind, pattern in _SIGNS:
        match = pattern.search(line)
        if match:
            return kind, match["limit"], match["prompt"]
    return None


CHECKS = (Check(id="context.fits", title="Prompts fit into the context", needs=("log.text",), judge=judge_fits),)
