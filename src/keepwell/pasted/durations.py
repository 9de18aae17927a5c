"""How long things took until they failed, and limits that a text shows: access lines, messages, times between lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from keepwell.core.observation import Value
from keepwell.formats.durations import Length, find_gaps, find_lengths, tells_failure
from keepwell.formats.transcript import Line, Transcript
from keepwell.plugins.pasted import Told, lines_of

#: Characters that are kept of what was said around a length of time.
SAID_CHARS = 600
_LIMITS: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    (
        "open-files",
        "files",
        re.compile(
            r"(?:Max open files|open files.{0,24}?\(-n\)|LimitNOFILE(?:Soft)? ?="
            r"|nofile\D{1,12})\s*(\d{2,9})\b"
        ),
    ),
    ("inotify", "instances", re.compile(r"max_user_instances\D{1,6}(\d{1,9})\b")),
    ("inotify", "watches", re.compile(r"max_user_watches\D{1,6}(\d{1,9})\b")),
)
_MET: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("open-files", re.compile(r"too many open files|EMFILE", re.I)),
    (
        "inotify",
        re.compile(
            r"inotify.{0,80}(?:too many|limit|no space)|too many open files.{0,60}inotify"
            r"|ENOSPC.{0,40}watch",
            re.I,
        ),
    ),
)


class Durations:
    """Gives text.durations and text.limits."""

    hints = ("s", "m")
    gives = ("text.durations", "text.limits")

    def read(self, text: Transcript) -> Iterable[Told]:
        """Every length of time that something failed at, and every limit that is shown or met."""
        rows = list(_durations(text.lines))
        if rows:
            yield Told(name="text.durations", value=tuple(rows), lines=lines_of(rows))
        limits = list(_limits(text.everything))
        if limits:
            yield Told(name="text.limits", value=tuple(limits), lines=lines_of(limits))


def _durations(lines: tuple[Line, ...]) -> Iterator[dict[str, Value]]:
    """People write the length in one sentence and what failed in the next, so that a stated one is read with both."""
    for index, line in enumerate(lines):
        around = " ".join(one.text for one in lines[max(0, index - 1) : index + 2])
        for one in find_lengths(line.text):
            if one.kind == "stated" and tells_failure(around):
                yield _row(one, line, around)
            elif one.failed:
                yield _row(one, line, line.text)
    for index, one in find_gaps([line.text for line in lines]):
        yield _row(one, lines[index], lines[index].text)


def _row(one: Length, line: Line, said: str) -> dict[str, Value]:
    return {
        "seconds": one.seconds,
        "what": one.kind,
        "status": one.status,
        "path": one.path,
        "said": said[:SAID_CHARS],
        "line": line.number,
    }


def _limits(lines: Iterable[Line]) -> Iterator[dict[str, Value]]:
    for line in lines:
        for what, unit, pattern in _LIMITS:
            found = pattern.search(line.text)
            if found is not None:
                yield {"what": what, "number": int(found[1]), "unit": unit, "line": line.number}
        for what, pattern in _MET:
            if pattern.search(line.text):
                yield {"what": f"{what}-met", "number": 0, "unit": "", "line": line.number}
                break


PASTED = Durations()
