"""How a shell reads a file that it sources (`. /etc/default/x`), with the place of each value it sets.

POSIX shell (sh(1)): words, quotes, comments, continued lines, `A=1 B=2`, `export A=1`, commands after one another.
What stands under a condition, in a loop, a function, a pipe or a subshell is seen and never changed (`loose`). That
other files it sources or commands it runs may set variables too is not looked into.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from keepwell.formats.environment_spots import NAME, Scan, Spot, UnreadableFile, line_of, line_start, past_line_end
from keepwell.formats.shell_words import ShellWord, past_blanks, read_operator, read_word

_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
_OPENING = frozenset({"if", "for", "while", "until", "case", "{"})
_CLOSING = frozenset({"fi", "done", "esac", "}"})
#: After one of these comes another command.
_BETWEEN = frozenset({"then", "else", "elif", "do", "!"})
_EXPORT = frozenset({"export", "readonly"})
#: A file that is sourced is read no further.
_ENDING = frozenset({"exit", "return", "exec"})
#: Operators after which the same shell goes on with what stands before it done.
_PLAIN_ENDS = frozenset({"", "\n", ";"})
#: Commands with which a shell gives up at an argument that it cannot take, like one that ends in a carriage return.
_STRICT = frozenset({"set", "unset", ".", "shift", "trap"})
#: Operators that stand behind a command only.
_NEEDS_COMMAND = frozenset({";", "&", "&&", "|", "||"})


def scan_shell(text: str) -> Scan:
    """Every variable that the file sets. UnreadableFile where a shell gives up on it, or only a shell could tell."""
    if "\0" in text:
        raise UnreadableFile(f"line {line_of(text, text.index(chr(0)))} holds a NUL")
    found = _Found()
    place, before = 0, "\n"
    while place < len(text):
        if before == "\n":
            found.starts.append(place)
        command = _read_command(text, place)
        joined = before not in _PLAIN_ENDS or command.operator not in _PLAIN_ENDS
        _take(found, text, command, joined=joined)
        if found.ended:
            break
        place, before = command.after, command.operator
    if found.depth and not found.ended:
        raise UnreadableFile("a condition, a loop or a function is open at its end")
    if not found.ended:
        found.starts.append(len(text))
    return Scan(
        spots=tuple(found.spots),
        starts=tuple(found.starts),
        exports=found.exports or text.startswith("#!"),
    )


@dataclass(slots=True)
class _Found:
    """What was read so far; `bare` right after a word that commands must follow, `shut` right after a bracket."""

    spots: list[Spot] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    blocks: int = 0
    brackets: int = 0
    exports: bool = False
    ended: bool = False
    bare: bool = False
    shut: bool = False
    piped: bool = False

    @property
    def depth(self) -> int:
        """Conditions, loops, functions and subshells that are open."""
        return self.blocks + self.brackets


@dataclass(frozen=True, slots=True)
class _Command:
    """Words up to an operator or a line end; `after` is behind it. `odd`: redirected, or a function's head."""

    start: int
    words: tuple[ShellWord, ...]
    operator: str
    end: int
    after: int
    odd: bool = False


def _read_command(text: str, place: int) -> _Command:
    start = place
    words: list[ShellWord] = []
    odd = False
    while True:
        place = past_blanks(text, place)
        if text.startswith("#", place):
            place = max(past_line_end(text, place) - 1, place)
            if not text.startswith("\n", place):
                place = len(text)
        end = place
        operator = read_operator(text, place)
        if place >= len(text) or operator in _ENDS:
            return _Command(start, tuple(words), operator, end, place + len(operator), odd)
        if operator.startswith("<<"):
            raise UnreadableFile(f"line {line_of(text, place)} holds a here-document, which only a shell reads")
        if operator:
            odd = True
            place += len(operator)
            continue
        words.append(read_word(text, place))
        place = words[-1].end


_ENDS = frozenset({"\n", ";", ";;", "&", "&&", "|", "||", "(", ")"})


def _take(found: _Found, text: str, command: _Command, *, joined: bool) -> None:
    """What a command sets, and what it opens or closes."""
    words = list(command.words)
    while words and words[0].raw in _BETWEEN:
        words.pop(0)
    first = _first(words)
    _require_sense(found, text, command, first)
    if command.words:
        found.bare = not words or (len(words) == 1 and first in _OPENING)
        found.shut = False
    found.blocks += (first in _OPENING) - (first in _CLOSING)
    found.brackets += command.operator == "("
    loose = joined or command.odd or found.depth > 0
    found.spots += _spots(text, command, words, loose=loose)
    found.shut = command.operator == ")" and found.brackets > 0
    found.brackets -= found.shut
    found.piped = command.operator == "|"
    found.exports = found.exports or first in _EXPORT
    found.ended = first in _ENDING and not loose


def _require_sense(found: _Found, text: str, command: _Command, first: str) -> None:
    """UnreadableFile where a shell gives up: at a syntax error, and at what a special command cannot take."""
    operator, words = command.operator, command.words
    between = bool(words) and words[0].raw in _BETWEEN
    if first in _EXPORT and any(word.value_after(0) is None and not _is_setting(word) for word in words):
        raise UnreadableFile(f"line {line_of(text, words[0].start)} exports a name that only a shell can tell")
    wrong = (
        (operator == "(" and words and not _is_function(text, command))
        or (operator == ")" and not found.depth)
        or (operator in _NEEDS_COMMAND and not words)
        or (first in _CLOSING and (found.blocks <= 0 or found.bare))
        or (between and (found.bare or (found.blocks <= 0 and words[0].raw != "!")))
        or (found.shut and words and first not in _CLOSING | _OPENING and not between and not command.odd)
        or (first in _STRICT | _EXPORT and _is_refused(words) and not _is_apart(found, command))
    )
    if wrong:
        raise UnreadableFile(
            f"line {line_of(text, (words or (command,))[0].start)} is no command: a shell gives up there"
        )


def _first(words: Sequence[ShellWord]) -> str:
    """The command's own word; what it sets for itself before a special command is passed over."""
    bare = [word.raw for word in words if not _is_setting(word)][:1]
    if bare and bare[0] in _EXPORT | _STRICT | _ENDING:
        return bare[0]
    return "".join(word.raw for word in words[:1])


def _is_setting(word: ShellWord) -> bool:
    return bool(_ASSIGNMENT.match(word.raw.replace("\\\n", "")))


def _is_refused(words: Sequence[ShellWord]) -> bool:
    """Whether a special command gets what it cannot take: a carriage return, or no name of a variable to export."""
    told = [word.value_after(0) for word in words]
    given = [one for one in told[told.index(_first(words)) + 1 :] if one is not None]
    if _first(words) in _EXPORT:
        return any(not NAME.match(one.partition("=")[0]) for one in given if not one.startswith("-"))
    return any("\r" in one for one in given)


def _is_apart(found: _Found, command: _Command) -> bool:
    """Whether another process carries it out, or perhaps nobody: then the shell itself goes on."""
    return found.depth > 0 or found.piped or command.operator in ("&", "|")


def _is_function(text: str, command: _Command) -> bool:
    named = len(command.words) == 1 and NAME.match(command.words[0].raw)
    return bool(named) and text.startswith(")", past_blanks(text, command.end + 1))


def _spots(text: str, command: _Command, words: list[ShellWord], *, loose: bool) -> list[Spot]:
    """What it sets in the shell that reads it."""
    setting = [word for word in words if _is_setting(word)]
    first = _first(words)
    named = [word for word in words if word not in setting and word.raw != first and not word.raw.startswith("-")]
    if first == "unset":
        return [_unset(word) for word in named]
    if first in _EXPORT:
        loose = loose or words[0].raw != first
        return [_spot(text, command, word, alone=len(words) == 2, loose=loose) for word in setting]
    programs = [word for word in words if word not in setting]
    if programs and programs[0].value_after(0) is not None:
        return []  # `A=1 program` sets it for that program alone
    loose = loose or bool(programs)  # `A=1 $PROGRAM` sets it only where that is nothing
    return [_spot(text, command, word, alone=len(words) == 1, loose=loose) for word in setting]


def _unset(word: ShellWord) -> Spot:
    """It is taken away: known to be set no more, and not to be changed."""
    return Spot(
        name=word.raw,
        name_start=word.start,
        start=word.start,
        end=word.end,
        raw=word.raw,
        value=None,
        cut_start=word.start,
        cut_end=word.end,
        loose=True,
    )


def _spot(text: str, command: _Command, word: ShellWord, *, alone: bool, loose: bool) -> Spot:
    written = word.raw.partition("=")[0]
    name = written.replace("\\\n", "")
    start = word.start + len(written) + 1
    cut_start, cut_end = word.start, past_blanks(text, word.end)
    if alone:
        cut_start, cut_end = _whole_command(text, command)
    return Spot(
        name=name,
        name_start=word.start,
        start=start,
        end=word.end,
        raw=text[start : word.end],
        value=word.value_after(len(name) + 1),
        cut_start=cut_start,
        cut_end=cut_end,
        loose=loose or name != written,
    )


def _whole_command(text: str, command: _Command) -> tuple[int, int]:
    """From its first word to its `;`; the whole line where nothing else stands in it."""
    first, last = command.words[0].start, command.words[-1].end
    begin = line_start(text, first)
    bare = not text[begin:first].strip(" \t") and not text[last : command.end].strip(" \t")
    if bare and command.operator in ("\n", ""):
        return begin, command.after
    if command.operator == ";":
        return first, past_blanks(text, command.after)
    return first, last
