"""What a person pastes, cut into sections: what was typed, where, and the lines that came of it.

A section begins at a prompt, at a code fence, or at words that name a place ("inside the container:"). What the
journal, syslog or a composer of containers wrote before a line is taken off.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

#: Lines and characters of a line that are read: a pasted text is an excerpt, and a pattern's time grows with a line.
LINES_MAX = 2000
LINE_CHARS = 2000

#: A machine's prompt: `user@host:path$ `, `[user@host path]# `, `host:~ user$ `, `PS C:\\>`, `$ `, `(env) $ `.
_PROMPT = re.compile(
    r"^(?P<before>(?:\([^()]{1,40}\)\s*)?)"
    r"(?:\[?(?P<who>[\w.-]{1,40}@(?P<host>[\w.-]{1,64}))(?:[: ][^$#>\n]{0,120})?\]?\s?[$#]"
    r"|PS [A-Za-z]:\\[^>\n]{0,120}>|[A-Za-z]:\\[^>\n]{0,120}>|~? ?[$%]|[\w.-]{1,40}:[~/]\S{0,80} [\w.-]{1,40}\$"
    r"|bash-\d\.\d[$#])"
    r"(?:\s+(?P<command>\S.{0,1500})|\s*)$"
)
#: `# nvidia-smi`: a root's prompt looks like a comment, so that only a few well-known programs count.
_ROOT_PROMPT = re.compile(
    r"^#\s?(?P<command>(?:nvidia-smi|docker|podman|systemctl|journalctl|curl|ss|netstat|cat|ls|df|mount|uname|lspci"
    r"|dmesg|env|free|pip|nproc|ip|lsmod|modprobe)\b.{0,1500})$"
)
#: A command that stands alone in a line, without any prompt.
_BARE = re.compile(
    r"^(?:sudo )?(?:docker (?:run|exec|inspect|ps|logs)|nvidia-smi|systemctl (?:status|show|cat)|journalctl|curl -|ss -"
    r"|netstat -|df -|ls -l|uname -|lspci|pip (?:list|freeze)|nproc$|podman run)\S*(?: .{0,1500})?$"
)
_FENCE = re.compile(r"^\s*(?:```|~~~)")
_IN_CONTAINER = re.compile(
    r"^\W{0,4}(?:(?:now )?(?:in|inside|within|from|on)\b.{0,30}\b(?:container|docker|pod)\b|\(?container\)?\W*$)", re.I
)
_ON_HOST = re.compile(r"^\W{0,4}(?:(?:on|from|at|outside)\b.{0,30}\b(?:host|container|machine)\b|\(?host\)?\W*$)", re.I)
#: What Docker gives a container for a name: twelve hexadecimal digits.
_CONTAINER_NAME = re.compile(r"[0-9a-f]{12}")
_JOURNAL = re.compile(
    r"^(?:[A-Za-z]{3} [ \d]\d|\d{4}-\d\d-\d\dT)[ \d:.+Z-]{8,22} ?[\w.-]{1,64} [\w@./()-]{1,80}(?:\[\d{1,8}\])?: (?=\S)"
)
_COMPOSE = re.compile(r"^[\w.-]{1,64}\s{0,20} \| (?=\S)")
_COLOUR = re.compile(r"\x1b\[[0-9;]{0,20}[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number in the whole text from 1, and its text without a log's prefix."""

    number: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Lines that belong together. `command` are the words that were typed (() if not told); `command_line` is the
    number of the line with them (0 if none); `place` is "container", "host" or "" where it is not told.
    """

    command: tuple[str, ...] = ()
    command_line: int = 0
    place: str = ""
    lines: tuple[Line, ...] = ()

    @property
    def program(self) -> str:
        """The base name of the program that was run, "" if not told; `sudo` and assignments are passed over."""
        for word in self.command:
            if word not in ("sudo", "time", "watch", "env") and "=" not in word and not word.startswith("-"):
                return word.rsplit("/", 1)[-1]
        return ""

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(line.text for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """A pasted text in sections, in order."""

    sections: tuple[Section, ...] = ()

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines, those that were typed left out."""
        return tuple(line for section in self.sections for line in section.lines)

    @property
    def everything(self) -> tuple[Line, ...]:
        """All lines, with what was typed as lines of their own."""
        typed = (Line(one.command_line, " ".join(one.command)) for one in self.sections if one.command)
        return tuple(sorted((*self.lines, *typed), key=_number))


def parse_transcript(text: str) -> Transcript:
    """Cut a text into sections; never raises. Lines beyond `LINES_MAX` are left out, longer ones cut."""
    return Transcript(sections=tuple(_cut(text)))


def strip_prefix(line: str) -> str:
    """The line without colours and without what a journal or a composer of containers wrote before it."""
    plain = _COLOUR.sub("", line)
    for pattern in (_JOURNAL, _COMPOSE):
        found = pattern.match(plain)
        if found is not None:
            return plain[found.end() :]
    return plain


def _cut(text: str) -> Iterator[Section]:
    held: list[Line] = []
    head = Section()
    place = ""
    waiting = ""
    for number, raw in enumerate(text.split("\n")[:LINES_MAX], 1):
        line = strip_prefix(raw[:LINE_CHARS].rstrip())
        if waiting:
            joined = f"{waiting} {line.strip()}"
            waiting = _unfinished(joined)
            if not waiting:
                head = _section(joined, head.command_line, head.place)
            continue
        typed, where = _typed(line)
        told = _place(line)
        if told:
            yield Section(command=head.command, command_line=head.command_line, place=head.place, lines=tuple(held))
            held, head, place = [Line(number, line)], Section(place=told), told
            continue
        if typed is None and not _FENCE.match(line):
            held.append(Line(number, line))
            continue
        yield Section(command=head.command, command_line=head.command_line, place=head.place, lines=tuple(held))
        held, head = [], Section(place=where or place)
        if typed:
            head = _section(typed, number, where or place)
            waiting = _unfinished(typed)
        if _FENCE.match(line):
            head = Section(place=place)
    yield Section(command=head.command, command_line=head.command_line, place=head.place, lines=tuple(held))


def _typed(line: str) -> tuple[str | None, str]:
    """What was typed in a line ("" for an empty prompt, None for no prompt), and the place that its prompt tells."""
    found = _PROMPT.match(line)
    if found is not None:
        where = _place_of_prompt(found["before"] or "", found["host"] or "")
        return found["command"] or "", where
    found = _ROOT_PROMPT.match(line)
    if found is not None:
        return found["command"], ""
    if _BARE.match(line):
        return line, ""
    return None, ""


def _place_of_prompt(before: str, host: str) -> str:
    if "container" in before or _CONTAINER_NAME.fullmatch(host):
        return "container"
    if "host" in before:
        return "host"
    return ""


def _place(line: str) -> str:
    if len(line) > 100:
        return ""
    if _IN_CONTAINER.match(line):
        return "container"
    if _ON_HOST.match(line):
        return "host"
    return ""


def _section(typed: str, number: int, place: str) -> Section:
    words = split_command(typed)
    if "exec" in words[:3] or (words[1:2] == ("run",) and words[0] in ("docker", "podman")):
        place = "container"
    return Section(command=words, command_line=number, place=place)


def _unfinished(typed: str) -> str:
    """A command that goes on in the next line, without its backslash; "" for one that is whole."""
    if typed.endswith("\\"):
        return typed[:-1].rstrip()
    return ""


def split_command(text: str) -> tuple[str, ...]:
    """The words of a command by shell quoting, by blanks where a quote is left open."""
    plain = text.rstrip("\\")
    try:
        return tuple(shlex.split(plain))
    except ValueError:
        return tuple(plain.split())


def _number(line: Line) -> int:
    return line.number
