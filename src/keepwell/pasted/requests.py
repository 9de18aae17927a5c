"""Requests and answers of OpenAI's form: which model was asked for, which are offered, which one answered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from keepwell.core.observation import Value
from keepwell.formats.transcript import Line, Section, Transcript
from keepwell.plugins.pasted import Told, lines_of

_MODEL = re.compile(r"[\"']model[\"']\s{0,3}:\s{0,3}[\"']([\w./:@-]{2,120})[\"']")
_OBJECT = re.compile(r"[\"']object[\"']\s{0,3}:\s{0,3}[\"'](chat\.completion(?:\.chunk)?|text_completion)[\"']")
_LISTED = re.compile(
    r"[\"']id[\"']\s{0,3}:\s{0,3}[\"']([\w./:@-]{2,120})[\"'](?=[\s,]{1,12}[\"']object[\"']\s{0,3}:\s{0,3}[\"']model[\"'])"
)
_SENT = re.compile(
    r"(?:^|\s)(?:-d|--data|--data-raw|--json)\b|\"messages\"|'messages'|\"prompt\"\s{0,3}:"
    r"|model\s{0,3}=\s{0,3}[\"']"
)
_ARGUMENT = re.compile(r"\bmodel\s{0,3}=\s{0,3}[\"']([\w./:@-]{2,120})[\"']")
#: A line of an answer that is spread over several.
_ALONE = re.compile(r"^\s*[\"']model[\"']\s{0,3}:")
#: Lines before and after the word for an answer in which its model stands.
NEAR = 6


class Requests:
    """Gives text.models."""

    hints = ("model",)
    gives = ("text.models",)

    def read(self, text: Transcript) -> Iterable[Told]:
        """Models of requests, of lists and of answers."""
        rows = [row for section in text.sections for row in (*_typed(section), *_answers(section))]
        if rows:
            yield Told(name="text.models", value=tuple(rows), lines=lines_of(rows))


def _typed(section: Section) -> Iterator[dict[str, Value]]:
    typed = " ".join(section.command)
    if section.program in ("curl", "wget") and _SENT.search(typed):
        for name in _MODEL.findall(typed):
            yield {"kind": "asked", "name": name, "line": section.command_line}


def _answers(section: Section) -> Iterator[dict[str, Value]]:
    lines = section.lines
    answered = {place for place, line in enumerate(lines) if _OBJECT.search(line.text)}
    sent = {place for place, line in enumerate(lines) if _SENT.search(line.text)}
    for place, line in enumerate(lines):
        for name in _MODEL.findall(line.text):
            alone = _ALONE.match(line.text) is not None and _is_near(place, answered)
            if place in answered or (alone and not _is_near(place, sent, 2)):
                yield _row("answered", name, line)
            elif _is_near(place, sent):
                yield _row("asked", name, line)
        for name in _ARGUMENT.findall(line.text):
            yield _row("asked", name, line)
    whole = "\n".join(line.text for line in lines)
    for found in _LISTED.finditer(whole):
        number = whole.count("\n", 0, found.start())
        yield _row("listed", found[1], lines[number])


def _is_near(place: int, places: Iterable[int], within: int = NEAR) -> bool:
    return any(abs(place - other) <= within for other in places)


def _row(kind: str, name: str, line: Line) -> dict[str, Value]:
    row: Mapping[str, Value] = {"kind": kind, "name": name, "line": line.number}
    return dict(row)


PASTED = Requests()
