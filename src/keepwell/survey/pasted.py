"""A pasted text, looked at as a machine: what its parts tell, as observations, and what the checks say about them.

The machine is made up and named `NODE`; nothing of the one that keepwell runs on is mixed in. A pasted text is a
part of the truth: what does not stand in it was not pasted, so that no check concludes anything from a gap. Of the
checks that every survey makes only what they find wrong counts here; that all is well with what was pasted
says nothing about what was not. Two kinds count either way: checks of texts (`text.*`), which compare facts that both
stand in it, and those of a device, whose own report tells all that they judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.ref import Ref, device, engine, node
from keepwell.formats.transcript import Transcript, parse_transcript
from keepwell.plugins.pasted import Told, load_recognisers
from keepwell.survey.judge import load_checks

#: The name of the machine that a text is about.
NODE = "pasted"
#: Characters of a text that are looked at: two thousand long lines. A larger one is a log, and is scanned only.
TEXT_CHARS = 128 * 1024
#: Checks up to this level need no answer of an engine to keepwell's own questions.
LEVEL = 2
#: The topic of checks that compare facts of one text.
TOPIC = "text."
#: The fact that names the lines of a text which a finding rests on, so that no line counts twice.
LINES = "lines"
# Logs are scanned as a text already.
_LOGS = frozenset({"log.text", "log.kernel"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PastedLook:
    """What a text tells: observations about the made-up machine, and findings with the lines that they rest on."""

    seen: Seen = field(default_factory=Seen)
    findings: tuple[Finding, ...] = ()


def look_at_text(text: str) -> PastedLook:
    """Read a pasted text; costs a few milliseconds. Never raises for any text; a longer one tells nothing here."""
    if len(text) > TEXT_CHARS:
        return PastedLook()
    told = list(_read(text))
    if not told:
        return PastedLook()
    lines: dict[tuple[Ref, str], tuple[int, ...]] = {}
    values: dict[tuple[Ref, str], Value] = {}
    for key, one in told:
        lines[key] = tuple(dict.fromkeys((*lines.get(key, ()), *one.lines)))
        values[key] = _joined(values.get(key, one.value), one.value)
    seen = Seen(
        Observation(subject=ref, name=name, value=value, at=0.0, source=_source(lines[ref, name]))
        for (ref, name), value in values.items()
    )
    names = {one.name for one in seen}
    checks = [one for one in _checks() if not names.isdisjoint(one.needs)]
    found = (_with_lines(finding, check, lines) for check in checks for finding in _judged(check, seen))
    return PastedLook(seen=Seen(one for one in seen if one.name not in _LOGS), findings=tuple(found))


def _read(text: str) -> Iterator[tuple[tuple[Ref, str], Told]]:
    lower = text.lower()
    transcript: Transcript | None = None
    for name, one in load_recognisers().items():
        if any(hint in lower for hint in one.hints):
            transcript = transcript or parse_transcript(text)
            for told in one.read(transcript):
                yield (_subject(told.about, name), told.name), told


def _subject(about: str, recogniser: str) -> Ref:
    if about == "engine":
        return engine(NODE, recogniser.rpartition("/")[2])
    kind, _, number = about.partition("/")
    if kind == "device":
        return device(NODE, number)
    return node(NODE)


def _joined(old: Value, new: Value) -> Value:
    """Both, where they can be joined; else the first."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return {**new, **old}
    if isinstance(old, tuple) and isinstance(new, tuple):
        return (*old, *(one for one in new if one not in old))
    return old


def _source(lines: Iterable[int]) -> str:
    return f"lines {' '.join(str(one) for one in lines)} of the text"


@cache
def _checks() -> tuple[Check, ...]:
    return load_checks(LEVEL)


def _judged(check: Check, seen: Seen) -> Iterator[Finding]:
    for one in check.judge(seen):
        whole = check.id.startswith(TOPIC) or one.subject.kind == "device"
        if one.bad or (one.status is Status.OK and whole):
            yield one


def _with_lines(finding: Finding, check: Check, lines: Mapping[tuple[Ref, str], tuple[int, ...]]) -> Finding:
    """The finding with the lines of its evidence, unless the check itself named those that it rests on.

    A check that names no evidence rests on all that it looked at.
    """
    if LINES in finding.facts:
        return finding
    keys = [(one.subject, one.name) for one in finding.evidence] or [key for key in lines if key[1] in check.needs]
    numbers = dict.fromkeys(number for key in keys for number in lines.get(key, ()))
    return replace(finding, facts={**finding.facts, LINES: " ".join(str(one) for one in numbers)})
