"""Redactor: bytes in, bytes without secrets and people out; the same value becomes the same token everywhere.

A pass finds what every rule masks, replaces it, and is made again until nothing more is found: so a second
redaction changes nothing. Time is linear in the length of the text.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from keepwell.redact.leads import leads_of, make_finder
from keepwell.redact.people import People
from keepwell.redact.rule import Rule
from keepwell.redact.rules import rules_about
from keepwell.redact.tokens import PLACES, TOKEN, Masked, Tokens

#: Bytes that are looked at at once. Measured: smaller blocks cost calls, larger ones second passes.
BLOCK_BYTES = 128 * 1024
#: A match is at most this long: the longest values that are masked are keys in base64 on one line.
LONGEST = 66_560
#: Nearly all matches are shorter; so much is looked at twice where a search was cut.
SHORT = 512
#: Bytes of a line that are awaited; a longer one is cut at a blank. The largest recorded member is 4 MiB.
LINE_BYTES = 8 * 1024 * 1024
#: Bytes that a private key may take, over which a stream is not cut.
KEY_BYTES = 24 * 1024
#: Passes; each but the last masks something, and text that needs more than three was made to.
PASSES = 16

_OPEN_KEY = b"-----BEGIN "
_CLOSED_KEY = b"-----END "

#: A stretch to mask: where it starts and ends, and its rule's number.
Span: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a block comes from."""

    place: str
    offset: int
    keep_length: bool


class Redactor:
    """Redacts one node's texts. `masked` is the list of what was masked where, without the values."""

    def __init__(self, people: People | None = None, tokens: Tokens | None = None, finder: str = "") -> None:
        self.tokens = tokens or Tokens()
        self.masked: list[Masked] = []
        self._rules: tuple[Rule, ...] = rules_about(people or People())
        self._finder = make_finder(leads_of([one.leads for one in self._rules]), finder)

    def redact(self, data: bytes, place: str = "", *, keep_length: bool = False) -> bytes:
        """The bytes with everything masked; `place` names them in the list.

        `keep_length` cuts or fills each token to the length of its value, for files with offsets in them.
        """
        return b"".join(self.stream((data,), place, keep_length=keep_length))

    def redact_text(self, text: str, place: str = "") -> str:
        """As `redact`, for text."""
        return self.redact(text.encode("utf-8", "surrogateescape"), place).decode("utf-8", "surrogateescape")

    def mask(self, kind: str, value: bytes, place: str) -> bytes:
        """The token of a value that is known to be one; a token stays what it is."""
        if TOKEN.fullmatch(value):
            return value
        token = self.tokens.get(kind, value)
        self._note(place, 0, kind, token)
        return token

    def stream(self, chunks: Iterable[bytes], place: str = "", *, keep_length: bool = False) -> Iterator[bytes]:
        """Redact a stream; the result does not depend on how it is cut into chunks."""
        offset = 0
        for block in _blocks(chunks):
            yield self._redact_block(block, _Source(place, offset, keep_length))
            offset += len(block)

    def _redact_block(self, block: bytes, source: _Source) -> bytes:
        spans = self._find(block)
        if not spans:
            return block
        parts, changed = self._replace(block, spans, source)
        masked = b"".join(parts)
        if source.keep_length:
            return masked
        if _OPEN_KEY in masked:
            return self._settle(masked, source)
        return self._settle_near(masked, changed, source)

    def _settle(self, text: bytes, source: _Source) -> bytes:
        """Mask again what shows only after the first masking, until nothing does."""
        for _ in range(PASSES):
            spans = self._find(text)
            if not spans:
                break
            text = b"".join(self._replace(text, spans, source)[0])
        return text

    def _settle_near(self, text: bytes, changed: list[int], source: _Source) -> bytes:
        """As `_settle`, of the lines that were changed and their neighbours: nothing else can have become more."""
        near = _lines_near(text, changed)
        if not self._find(b"\n".join(text[start:end] for start, end in near)):
            return text
        parts: list[bytes] = []
        done = 0
        for start, end in near:
            parts += [text[done:start], self._settle(text[start:end], source)]
            done = end
        parts.append(text[done:])
        return b"".join(parts)

    def _replace(self, block: bytes, spans: list[Span], source: _Source) -> tuple[list[bytes], list[int]]:
        """The block in pieces, and where the tokens stand in it now."""
        parts: list[bytes] = []
        changed: list[int] = []
        done = length = 0
        for start, end, number in spans:
            kind = self._rules[number].kind
            token = self.tokens.get(kind, block[start:end])
            self._note(source.place, source.offset + start, kind, token)
            if source.keep_length:
                token = token[: end - start].ljust(end - start, b"*")
            parts += [block[done:start], token]
            length += start - done
            changed.append(length)
            length += len(token)
            done = end
        parts.append(block[done:])
        return parts, changed

    def _note(self, place: str, offset: int, kind: str, token: bytes) -> None:
        if len(self.masked) < PLACES:
            self.masked.append(Masked(place=place, offset=offset, kind=kind, token=token.decode()))

    def _find(self, block: bytes) -> list[Span]:
        """Stretches that do not overlap, in order; where two rules meet the earlier rule's counts."""
        places = self._finder.places(block + b"\n")
        if not places:
            return []
        by_rule: dict[int, list[int]] = {}
        for end, number in places:
            by_rule.setdefault(number, []).append(end)
        taken: list[Span] = []
        for number in sorted(by_rule):
            _add(taken, self._matches(block, number, by_rule[number]))
        return taken

    def _matches(self, block: bytes, number: int, ends: list[int]) -> list[Span]:
        rule = self._rules[number]
        found: list[Span] = []
        clear = 0
        for end in ends:
            line, line_end = _line_around(block, end - 1, rule.lines)
            start = max(clear, line, end - rule.reach)
            stop = min(line_end, end + LONGEST)
            while start <= min(end, stop):
                match = rule.pattern.search(block, start, stop)
                if match is None:
                    start = _looked_at(stop, line_end)
                elif rule.judge(match):
                    found.append((*match.span(match.lastgroup or 0), number))
                    start = match.end()
                else:
                    start = _after_refused(match)
                clear = start
        return found


def _looked_at(stop: int, line_end: int) -> int:
    """Up to where no match can start after a search that found none and ended at `stop`."""
    if stop == line_end:
        return line_end + 1
    return stop - SHORT


def _after_refused(match: re.Match[bytes]) -> int:
    """Where to look on: a match that means something else may hold one that does not, unless it is long."""
    if match.end() - match.start() > SHORT:
        return match.end()
    return match.start() + 1


def _add(taken: list[Span], found: Iterable[Span]) -> None:
    """Put stretches among those that are taken, unless they overlap one."""
    for span in found:
        at = bisect_left(taken, span)
        free_before = at == 0 or taken[at - 1][1] <= span[0]
        free_after = at == len(taken) or span[1] <= taken[at][0]
        if free_before and free_after and span[1] > span[0]:
            taken.insert(at, span)


def _lines_near(text: bytes, changed: list[int]) -> list[tuple[int, int]]:
    """Stretches of whole lines around these places, in order and apart."""
    near: list[tuple[int, int]] = []
    done = 0
    for at in changed:
        if at < done:
            continue
        start = max(done, _line_before(text, at))
        _, done = _line_around(text, at, 2)
        near.append((start, done))
    return near


def _line_before(text: bytes, at: int) -> int:
    """Where the line before the one of this place begins."""
    line = text.rfind(b"\n", 0, at)
    if line < 0:
        return 0
    return text.rfind(b"\n", 0, line) + 1


def _line_around(block: bytes, at: int, lines: int) -> tuple[int, int]:
    start = block.rfind(b"\n", 0, max(at, 0)) + 1
    end = max(at, 0)
    for _ in range(lines):
        end = block.find(b"\n", end) + 1
        if not end:
            return start, len(block)
    return start, end - 1


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Blocks cut where no rule looks across."""
    waiting: list[bytes] = []
    size = 0
    for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        if size < 2 * BLOCK_BYTES:
            continue
        data = b"".join(waiting)
        start = 0
        while (end := _cut(data, start, final=False)) > 0:
            yield data[start:end]
            start = end
        waiting = [data[start:]]
        size = len(data) - start
    data = b"".join(waiting)
    start = 0
    while start < len(data):
        end = _cut(data, start, final=True)
        yield data[start:end]
        start = end


def _cut(data: bytes, start: int, *, final: bool) -> int:
    """Where the block that begins here ends; 0 when that cannot be known before more has come."""
    end = data.find(b"\n", start + BLOCK_BYTES) + 1
    while end:
        if not final and end + KEY_BYTES > len(data):
            return 0
        if _is_safe(data, start, end):
            return end
        end = data.find(b"\n", end) + 1
    if final:
        return len(data)
    if len(data) - start > LINE_BYTES:
        return max(data.rfind(b" ", start, start + LINE_BYTES) + 1, start + BLOCK_BYTES)
    return 0


def _is_safe(data: bytes, start: int, end: int) -> bool:
    """True when neither a private key nor a flag that waits for its value lies across this line end."""
    line = data.rfind(b"\n", start, end - 1) + 1
    last = data[line : end - 1].rstrip(b" \t\r\"',\\=")
    flag = data.rfind(b"--", max(line, end - 128), end)
    if flag >= 0 and b" " not in data[flag : line + len(last)].strip(b"\"'"):
        return False
    within = max(start, end - KEY_BYTES)
    if data.find(_OPEN_KEY, within, end) < 0:  # forwards: searching backwards for words is ten times slower
        return True
    return data.find(_CLOSED_KEY, data.rfind(_OPEN_KEY, within, end), end) >= 0
